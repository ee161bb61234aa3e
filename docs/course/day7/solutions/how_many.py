"""Exercise 1: how many images an accuracy needs.

.venv/bin/python docs/course/day7/solutions/how_many.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import math

from chance import standard_error


def images_for(accuracy: float, margin: float) -> int:
    """Images until two standard errors are within the margin: n ≥ 4 p (1 − p) / margin²."""
    return math.ceil(round(4 * accuracy * (1 - accuracy) / margin**2, 6))


if __name__ == "__main__":
    for margin in (0.04, 0.02, 0.01):
        needed = images_for(0.8, margin)
        print(f"± {margin:.0%}: {needed} test images, {math.ceil(needed / 0.15)} in all", end="; ")
        print(f"check: {2 * standard_error(0.8, needed):.4f}")
