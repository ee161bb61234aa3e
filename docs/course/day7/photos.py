"""Make the data of the worked example: photographs of CIFAR-10, turned, in a folder for each direction of their top.

.venv/bin/python docs/course/day7/photos.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from thumbnet.model.datasets import load_dataset

DIRECTIONS = ("up", "left", "down", "right")
"""Where the top of the photograph points after 0, 1, 2 and 3 quarter turns, counter-clockwise."""
IMAGES = 3000


# --8<-- [start:folder]
def turn(images: np.ndarray) -> np.ndarray:
    """(N, S, S, C) images, of which each fourth one is turned by 0, 1, 2 and 3 quarters."""
    return np.stack([np.rot90(image, number % 4) for number, image in enumerate(images)])


def write_folder(root: Path, images: np.ndarray, names: list[str]) -> None:
    """A PNG file for each image, in the folder of its direction. Each photograph is used once."""
    for number, (image, name) in enumerate(zip(turn(images), names, strict=True)):
        folder = root / DIRECTIONS[number % 4]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{name}.png")


# --8<-- [end:folder]


def photographs(count: int = IMAGES, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Training images of CIFAR-10, (N, 32, 32, 3), and a name for each: a number and what is in it."""
    data = load_dataset("cifar10", image_size=32, download=True)
    chosen = np.random.default_rng(seed).choice(len(data.train), count, replace=False)
    pixels = data.train.pixels.numpy()[chosen].transpose(0, 2, 3, 1)
    things = [data.labels[label] for label in data.train.labels.numpy()[chosen]]
    return pixels, [f"{number:05}-{thing}" for number, thing in zip(chosen, things, strict=True)]


if __name__ == "__main__":
    write_folder(Path(sys.argv[1]), *photographs())
