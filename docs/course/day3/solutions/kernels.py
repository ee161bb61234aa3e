"""Exercise 2: kernels by design.

.venv/bin/python docs/course/day3/solutions/kernels.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
from convolution import slide

BLUR = np.full((3, 3), 1 / 9)  # the mean of the window: sums to 1, so brightness stays
SHARPEN = np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], dtype=float)  # itself, and by how much it stands out
RISING = np.array([[-1, -1, 2], [-1, 2, -1], [2, -1, -1]], dtype=float)  # a stroke like /; sums to 0, so flat is 0
FALLING = RISING[:, ::-1]


def strokes() -> dict[str, np.ndarray]:
    """Four images of 7×7 with one stroke each."""
    lines = {name: np.zeros((7, 7)) for name in ("rising", "falling", "upright", "level")}
    np.fill_diagonal(lines["falling"], 1)
    lines["rising"][:] = lines["falling"][:, ::-1]
    lines["upright"][:, 3] = 1
    lines["level"][3] = 1
    return lines


def answers(kernel: np.ndarray) -> dict[str, float]:
    """The strongest answer of a kernel to each stroke."""
    return {name: float(slide(image, kernel).max()) for name, image in strokes().items()}


if __name__ == "__main__":
    print("to RISING: ", answers(RISING))
    print("to FALLING:", answers(FALLING))
    flat = np.full((5, 5), 0.7)
    print("on an even grey of 0.7:", {"blur": slide(flat, BLUR)[0, 0], "sharpen": slide(flat, SHARPEN)[0, 0].round(6)})
