"""Exercise 6: what softmax does and does not notice, and how a temperature makes it bolder or more careful.

.venv/bin/python docs/course/day1/solutions/temperature.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
from network import softmax

LOGITS = np.array([[3.0, 0.5, -1.0]])


def careless_softmax(logits: np.ndarray) -> np.ndarray:
    """By the formula, without subtracting the largest logit."""
    with np.errstate(over="ignore", invalid="ignore"):
        powers = np.exp(logits)
        return powers / powers.sum(axis=1, keepdims=True)


def at_temperature(temperature: float) -> np.ndarray:
    """The probabilities of LOGITS divided by a temperature, (3,)."""
    return softmax(LOGITS / temperature)[0]


def shift_changes() -> float:
    """How much adding 100 to every logit changes the probabilities: e¹⁰⁰ is in every term and cancels."""
    return float(np.abs(softmax(LOGITS + 100) - softmax(LOGITS)).max())


if __name__ == "__main__":
    print(f"a shift by 100 changes {shift_changes():.1e}")
    print(f"logits + 1000 by the bare formula: {careless_softmax(LOGITS + 1000)[0]}")
    print(f"and by ours: {softmax(LOGITS + 1000)[0]}")
    for temperature in (0.5, 1.0, 2.0, 10.0):
        print(f"temperature {temperature:4}: {at_temperature(temperature).round(3)}")
