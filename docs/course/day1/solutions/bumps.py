"""Exercise 7: any curve from bumps; four ReLU neurons make one.

.venv/bin/python docs/course/day1/solutions/bumps.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
from activations import relu


def bump(x: np.ndarray, left: float, right: float, edge: float) -> np.ndarray:
    """1 between `left` and `right`, 0 outside, with flanks of width `edge`: four hinges.

    Up by one over `edge`, then flat; down over `edge`, then flat: the slope changes by ±1/edge four times.
    """
    knots = np.array([left - edge, left, right, right + edge])
    changes = np.array([1, -1, -1, 1]) / edge
    return relu(x[:, None] - knots) @ changes


def staircase(x: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Steps of equal width over 0 … 1, as a sum of bumps: (N,) x, (K,) heights.

    Where two bumps meet, one falls as the other rises.
    """
    width = 1 / len(heights)
    edge = width / 100
    total = np.zeros_like(x)
    for step, height in enumerate(heights):
        total += height * bump(x, step * width + edge / 2, (step + 1) * width - edge / 2, edge)
    return total


def mean_error(steps: int) -> float:
    """How far a staircase of so many steps is from x² on 0 … 1, on average."""
    x = np.linspace(0, 1, 5001)
    middles = (np.arange(steps) + 0.5) / steps
    return float(np.abs(staircase(x, middles**2) - x**2).mean())


if __name__ == "__main__":
    for steps in (5, 10, 20, 40):
        print(f"{steps:2} bumps, {4 * steps:3} neurons: off by {mean_error(steps):.4f} on average")
