"""Exercise 5: how far does momentum carry?

    .venv/bin/python docs/course/day2/solutions/momentum_distance.py

With a constant slope g the velocity grows to g + keep·g + keep²·g + … = g / (1 - keep): with 0.9, ten times as fast as
without. So a rate with momentum is about 1 / (1 - keep) times as bold as the same rate without.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
from descent import descend, loss, measurements, momentum, plain


def speed(keep: float, steps: int = 200) -> float:
    """The length of a step after many with a constant slope of 1 and a rate of 1."""
    rule = momentum(1.0, keep)
    moved = np.zeros(2)
    for _ in range(steps):
        moved = rule(np.array([1.0, 0.0]))
    return float(-moved[0])


def losses_after(steps: int = 60) -> dict[str, float]:
    """The loss after some steps at equal boldness: 0.05 with momentum 0.9 against 0.5 without, and 0.15."""
    x, y = measurements()
    rules = {"momentum 0.05": momentum(0.05), "plain 0.15": plain(0.15), "plain 0.5": plain(0.5)}
    with np.errstate(over="ignore", invalid="ignore"):
        return {name: loss(descend(rule, 200, steps)[-1], x, y) for name, rule in rules.items()}


if __name__ == "__main__":
    for keep in (0.0, 0.5, 0.9, 0.99):
        print(f"keep {keep}: speed {speed(keep, 2000):.1f}")
    for name, value in losses_after().items():
        print(f"{name}: {value:.3g}")
