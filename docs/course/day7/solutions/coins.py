"""Exercise 6: the sign test, by formula and by coins.

.venv/bin/python docs/course/day7/solutions/coins.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
from chance import sign_test


def by_coins(only_first: int, only_second: int, repeats: int = 100_000, seed: int = 0) -> float:
    """Share of throws of so many coins that are at least as uneven."""
    total = only_first + only_second
    heads = np.random.default_rng(seed).binomial(total, 0.5, repeats)
    return float(np.mean(np.minimum(heads, total - heads) <= min(only_first, only_second)))


if __name__ == "__main__":
    print(f"formula {sign_test(18, 32):.4f}, coins {by_coins(18, 32):.4f}")
