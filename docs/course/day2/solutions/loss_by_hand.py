"""Exercise 1: two losses of three answers.

.venv/bin/python docs/course/day2/solutions/loss_by_hand.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
from losses import cross_entropy, squared_error

TARGET = np.array([[0.0, 1.0, 0.0]])
ANSWERS = {
    "sure and right": np.array([[0.05, 0.9, 0.05]]),
    "unsure": np.array([[1 / 3, 1 / 3, 1 / 3]]),
    "sure and wrong": np.array([[0.98, 0.01, 0.01]]),
}


def table() -> dict[str, tuple[float, float]]:
    """(squared error, cross-entropy) of each answer."""
    return {name: (squared_error(p, TARGET), cross_entropy(p, TARGET)) for name, p in ANSWERS.items()}


if __name__ == "__main__":
    for name, (square, entropy) in table().items():
        print(f"{name:15} squared error {square:.4f}   cross-entropy {entropy:.4f}")
