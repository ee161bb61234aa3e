"""Exercise 4: how small should a finite difference be?

.venv/bin/python docs/course/day2/solutions/step_size.py
"""

from __future__ import annotations

import numpy as np

PLACE = 0.5


def errors(both_sides: bool) -> dict[float, float]:
    """Step → error of the measured slope of e^z at 0.5, which is e^0.5."""
    found = {}
    for power in range(1, 16):
        step = 10.0**-power
        if both_sides:
            slope = (np.exp(PLACE + step) - np.exp(PLACE - step)) / (2 * step)
        else:
            slope = (np.exp(PLACE + step) - np.exp(PLACE)) / step
        found[step] = float(abs(slope - np.exp(PLACE)))
    return found


def best_step(both_sides: bool) -> float:
    """The step with the smallest error."""
    found = errors(both_sides)
    return min(found, key=found.__getitem__)


if __name__ == "__main__":
    one, two = errors(both_sides=False), errors(both_sides=True)
    for step in one:
        print(f"step {step:.0e}: one side {one[step]:.1e}, both sides {two[step]:.1e}")
