"""Exercise 5: two small kernels against a large one.

.venv/bin/python docs/course/day3/solutions/stacked.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
from convolution import convolution_cost, slide


def combined(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The 5×5 kernel that does what two 3×3 do in a row: each weight of the second lays down a copy of the first."""
    whole = np.zeros((5, 5))
    for (row, column), weight in np.ndenumerate(second):
        whole[row : row + 3, column : column + 3] += weight * first
    return whole


def difference(with_relu: bool, seed: int = 0) -> float:
    """Between two kernels in a row and the combined one."""
    rng = np.random.default_rng(seed)
    image, first, second = rng.normal(0, 1, (9, 9)), rng.normal(0, 1, (3, 3)), rng.normal(0, 1, (3, 3))
    between = slide(image, first)
    two = slide(np.maximum(between, 0) if with_relu else between, second)
    return float(np.abs(two - slide(image, combined(first, second))).max())


def parameters(channels: int = 64) -> tuple[int, int]:
    """Of two 3×3 convolutions and of one 5×5, with so many channels in and out."""
    return 2 * convolution_cost(channels, channels, 3, 1, 1)[0], convolution_cost(channels, channels, 5, 1, 1)[0]


if __name__ == "__main__":
    print(
        f"without an activation between: {difference(with_relu=False):.1e}; with ReLU: {difference(with_relu=True):.1f}"
    )
    print("parameters of two 3×3 and one 5×5, 64 channels:", parameters())
