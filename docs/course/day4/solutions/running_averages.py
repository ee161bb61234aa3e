"""Exercise 2: how fast do running averages forget their start?

.venv/bin/python docs/course/day4/solutions/running_averages.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
from batch_norm import BatchNorm


def remembered(steps: int, momentum: float = 0.1) -> float:
    """The running mean after so many batches whose mean is 1; it starts at 0."""
    norm = BatchNorm(1, momentum=momentum)
    batch = np.array([0.0, 2.0]).reshape(2, 1, 1, 1)
    for _ in range(steps):
        norm.train_forward(batch)
    return float(norm.mean[0])


def by_formula(steps: int, momentum: float = 0.1) -> float:
    """Each batch takes a share `momentum` of what is missing away."""
    return 1 - (1 - momentum) ** steps


if __name__ == "__main__":
    for momentum in (0.1, 0.4):
        for steps in (1, 10, 50):
            found = remembered(steps, momentum)
            print(f"momentum {momentum}, {steps:2} batches: {found:.4f}, formula {by_formula(steps, momentum):.4f}")
