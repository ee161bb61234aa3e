"""Exercise 7: which of two networks is better, and how sure can one be?

.venv/bin/python docs/course/day4/solutions/chance.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
from grid import standard_error


def worse_wins(better: float, worse: float, images: int = 10_000, trials: int = 20_000, seed: int = 0) -> float:
    """How often the network of lower true accuracy gets the higher figure, each on images of its own."""
    rng = np.random.default_rng(seed)
    first, second = (rng.binomial(images, accuracy, trials) for accuracy in (better, worse))
    return float((second > first).mean())


def paired_error(only_first: int, only_second: int, images: int = 10_000) -> float:
    """Standard error of the difference of two networks on the same images (McNemar 1947).

    only_first, only_second   images that one of them got right and the other wrong; the rest says nothing
    """
    difference = (only_first - only_second) / images
    return float(np.sqrt((only_first + only_second) / images - difference**2) / np.sqrt(images))


if __name__ == "__main__":
    for gap in (0.002, 0.005, 0.01):
        print(f"90 % against {90 - 100 * gap:.1f} %: the worse one wins in {worse_wins(0.9, 0.9 - gap):.1%} of trials")
    apart = np.hypot(standard_error(0.90), standard_error(0.89))
    print(f"standard error of the difference: {apart:.2%} apart, {paired_error(500, 400):.2%} on the same images")
