"""Exercise 5: what the best of many equal trials seems to be.

.venv/bin/python docs/course/day7/solutions/winner.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np


def seems(accuracy: float, images: int, trials: int, repeats: int = 2000, seed: int = 0) -> float:
    """Mean accuracy of the best of some trials, each of which is right with the same probability."""
    right = np.random.default_rng(seed).binomial(images, accuracy, (repeats, trials))
    return float(right.max(axis=1).mean() / images)


if __name__ == "__main__":
    for images in (100, 450, 10_000):
        print(f"{images:6} validation images: the best of 20 seems to have {seems(0.8, images, 20):.2%}, and has 80 %")
