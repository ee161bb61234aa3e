"""Exercise 7: shuffle the pixels of every image in the same way. Who minds?

.venv/bin/python docs/course/day3/solutions/shuffled.py
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import torch
from lenet import learn

from thumbnet.model.datasets import Dataset, Split, load_dataset
from thumbnet.model.recipes import RECIPES


def shuffle(split: Split, order: torch.Tensor) -> Split:
    """The same images with their 784 pixels in another order."""
    return Split(split.pixels.flatten(1)[:, order].reshape(split.pixels.shape), split.labels)


def prepare(images: int, shuffled: bool) -> Dataset:
    """The first training images, and all validation images, shuffled or not."""
    data = load_dataset("mnist", image_size=28, download=True)
    data = replace(data, train=Split(data.train.pixels[:images], data.train.labels[:images]))
    if not shuffled:
        return data
    order = torch.randperm(784, generator=torch.Generator().manual_seed(0))
    return replace(data, train=shuffle(data.train, order), validation=shuffle(data.validation, order))


def read(architecture: str, *, shuffled: bool, images: int = 10_000, epochs: int = 5) -> float:
    """The validation accuracy."""
    recipe = RECIPES["lenet"].replace(architecture=architecture, epochs=epochs)
    return float(learn(recipe, prepare(images, shuffled))[1]["validation_accuracy"])


if __name__ == "__main__":
    for architecture in ("mlp", "lenet"):
        plain, mixed = (read(architecture, shuffled=shuffled) for shuffled in (False, True))
        print(f"{architecture:6} as they are {plain:.2%}   shuffled {mixed:.2%}")
