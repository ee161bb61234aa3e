"""Exercise 3: the chain of the page with a sigmoid instead of the ReLU.

.venv/bin/python docs/course/day2/solutions/sigmoid_backprop.py
"""

from __future__ import annotations

import math


def forward(w: float, b: float, v: float, x: float = 2.0, t: float = 1.0) -> float:
    """The loss."""
    return (v / (1 + math.exp(-(w * x + b))) - t) ** 2


def slopes(w: float, b: float, v: float, x: float = 2.0, t: float = 1.0) -> tuple[float, float, float]:
    """The slopes of the loss by w, b and v."""
    h = 1 / (1 + math.exp(-(w * x + b)))
    by_y = 2 * (v * h - t)
    by_z = by_y * v * h * (1 - h)  # the sigmoid's slope instead of 1
    return by_z * x, by_z, by_y * h


def measured(w: float, b: float, v: float, step: float = 1e-6) -> tuple[float, float, float]:
    """The same by moving each number a little both ways."""
    found = []
    for which in range(3):
        up, down = [w, b, v], [w, b, v]
        up[which] += step
        down[which] -= step
        found.append((forward(*up) - forward(*down)) / (2 * step))
    return found[0], found[1], found[2]


if __name__ == "__main__":
    print("by the chain rule", [round(slope, 6) for slope in slopes(0.5, 1.0, 1.5)])
    print("measured         ", [round(slope, 6) for slope in measured(0.5, 1.0, 1.5)])
