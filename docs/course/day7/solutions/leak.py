"""Exercise 4: how many test images have their photograph in training.

.venv/bin/python docs/course/day7/solutions/leak.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np


def by_formula(share: float, others: int = 3) -> float:
    """At least one of the others is in training, if each is with this probability."""
    return 1 - (1 - share) ** others


def counted(share: float, photographs: int = 5000, seed: int = 0) -> float:
    """The same in a random cut of all turns of so many photographs."""
    which = np.repeat(np.arange(photographs), 4)
    training = np.random.default_rng(seed).permutation(len(which)) < share * len(which)
    return float(np.isin(which[~training], which[training]).mean())


def counted_by_photograph(share: float, photographs: int = 5000, seed: int = 0) -> float:
    """Where photographs are cut, and their turns go with them."""
    which = np.repeat(np.arange(photographs), 4)
    training = (np.random.default_rng(seed).permutation(photographs) < share * photographs)[which]
    return float(np.isin(which[~training], which[training]).mean())


if __name__ == "__main__":
    print(f"by the formula {by_formula(0.7):.2%}, counted {counted(0.7):.2%}")
    print(f"cut by photograph {counted_by_photograph(0.7):.2%}")
