"""Exercise 3: what mirrors and turns make of a direction.

.venv/bin/python docs/course/day7/solutions/mirrors.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from collections.abc import Callable

import numpy as np
from photos import DIRECTIONS

CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mirror left-right": np.fliplr,
    "mirror top-bottom": np.flipud,
    "half turn": lambda image: np.rot90(image, 2),
}
TOP = np.array([[1, 1], [0, 0]])
"""Bright above: a photograph whose top points up, and which is its own mirror image."""


def becomes(change: Callable[[np.ndarray], np.ndarray], direction: str) -> str:
    """Where the top of a photograph points after the change."""
    changed = change(np.rot90(TOP, DIRECTIONS.index(direction)))
    turns = [np.array_equal(changed, np.rot90(TOP, quarters)) for quarters in range(4)]
    return DIRECTIONS[turns.index(True)]


if __name__ == "__main__":
    for name, change in CHANGES.items():
        print(f"{name:18}", ", ".join(f"{each} → {becomes(change, each)}" for each in DIRECTIONS))
