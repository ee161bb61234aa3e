"""Exercise 2: recall and precision from a confusion matrix.

.venv/bin/python docs/course/day7/solutions/per_class.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np


def recall(counts: np.ndarray) -> np.ndarray:
    """Of the images of each class, the share that was found: along the rows."""
    found: np.ndarray = counts.diagonal() / counts.sum(axis=1)
    return found


def precision(counts: np.ndarray) -> np.ndarray:
    """Of the answers of each class, the share that is right: along the columns; a class never said has none (nan)."""
    said = counts.sum(axis=0)
    return np.divide(counts.diagonal(), said, out=np.full(len(counts), np.nan), where=said > 0)


if __name__ == "__main__":
    counts = np.array([[40, 10], [5, 45]])
    print("recall   ", recall(counts).round(3))
    print("precision", precision(counts).round(3))
    print("said     ", counts.sum(axis=0), "there are", counts.sum(axis=1))
