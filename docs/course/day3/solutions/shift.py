"""Exercise 4: move the digit, and its maps move along.

.venv/bin/python docs/course/day3/solutions/shift.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
import torch
from lenet import trained
from looking import feature_maps

from thumbnet.model.datasets import load_dataset


def largest_difference(pixels: int, images: int = 50) -> float:
    """Between the maps of moved digits and the moved maps of digits, away from the borders.

    pixels   how far to the right; the first stage halves the size, so an even number of them moves its maps by half
    """
    digits = load_dataset("mnist", image_size=28, download=True).validation.pixels[:images]
    network = trained()
    moved = torch.roll(digits, pixels, dims=3)
    maps = feature_maps(network, digits)["after the first stage"]
    maps_of_moved = feature_maps(network, moved)["after the first stage"]
    rolled = np.roll(maps, pixels // 2, axis=3)
    return float(np.abs(rolled - maps_of_moved)[:, :, 3:-3, 3:-3].max())


if __name__ == "__main__":
    for pixels in (2, 4, 1):
        print(f"moved by {pixels}: largest difference {largest_difference(pixels):.1e}")
