"""Exercise 8: hide a part of the digit and see what the network thinks then.

.venv/bin/python docs/course/day3/solutions/occlusion.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
import torch
from lenet import trained

from thumbnet.model.datasets import load_dataset


@torch.no_grad()
def importance(image: torch.Tensor, label: int, size: int = 5) -> np.ndarray:
    """By how much the probability of `label` falls where a paper-white square covers a (1, 28, 28) image, (28, 28)."""
    network = trained()
    masked = image.repeat(28 * 28, 1, 1, 1)
    for place in range(28 * 28):
        row, column = divmod(place, 28)
        top, left = max(0, row - size // 2), max(0, column - size // 2)
        masked[place, :, top : row + size // 2 + 1, left : column + size // 2 + 1] = 0
    before = network(image[None]).softmax(dim=1)[0, label]
    after = network(masked).softmax(dim=1)[:, label]  # all in one batch
    return (before - after).reshape(28, 28).numpy()


def first_of(digit: int) -> torch.Tensor:
    """The first validation image of a digit, (1, 28, 28)."""
    split = load_dataset("mnist", image_size=28, download=True).validation
    return split.pixels[split.labels == digit][0]


if __name__ == "__main__":
    found = importance(first_of(7), 7, size=7)
    for row in found[::2, ::1]:
        print("".join(" ·-+#"[min(4, max(0, int(5 * value)))] for value in row))
    print(f"most: {found.max():.2f}, at row {found.argmax() // 28}, column {found.argmax() % 28}")
