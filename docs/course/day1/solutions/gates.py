"""Exercise 1: neurons that are logic gates.

.venv/bin/python docs/course/day1/solutions/gates.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
from neuron import layer
from xor import CORNERS

GATES = {
    "and": ([1.0, 1.0], -1.5),  # two are needed to get above 0
    "or": ([1.0, 1.0], -0.5),  # one is enough
    "nand": ([-1.0, -1.0], 1.5),  # "and", with every sign turned
}


def table(gate: str) -> list[int]:
    """What a gate says to (0, 0), (0, 1), (1, 0) and (1, 1)."""
    weights, bias = GATES[gate]
    return (layer(CORNERS, np.array([weights]), np.array([bias]))[:, 0] > 0).astype(int).tolist()


def either() -> list[int]:
    """Exclusive or from three gates in two layers: (x or y) and (x nand y)."""
    inner = np.array([table("or"), table("nand")], dtype=float).T
    weights, bias = GATES["and"]
    return (layer(inner, np.array([weights]), np.array([bias]))[:, 0] > 0).astype(int).tolist()


if __name__ == "__main__":
    for gate in GATES:
        print(f"{gate:4} {table(gate)}")
    print(f"xor  {either()}")
