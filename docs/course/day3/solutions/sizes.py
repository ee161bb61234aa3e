"""Exercise 1: the size of everything in LeNet, from pixels to logits.

.venv/bin/python docs/course/day3/solutions/sizes.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import torch
from convolution import output_size

from thumbnet.model.architectures import build


def by_formula(size: int = 28) -> list[int]:
    """The side of the maps after each convolution and each pooling."""
    first = output_size(size, 5, padding=2)
    pooled = output_size(first, 2, stride=2)
    second = output_size(pooled, 5)
    return [first, pooled, second, output_size(second, 2, stride=2)]


def by_pytorch(size: int = 28) -> list[int]:
    """The same, by sending an image through."""
    network = build("lenet", num_classes=10, in_channels=1, image_size=size)
    signal = torch.zeros(1, 1, size, size)
    found = []
    for layer in network.features:
        signal = layer(signal)
        if isinstance(layer, torch.nn.Conv2d | torch.nn.MaxPool2d):
            found.append(signal.shape[-1])
    return found


if __name__ == "__main__":
    print("formula", by_formula(), "PyTorch", by_pytorch())
    print("so the first linear layer has", 16 * by_formula()[-1] ** 2, "inputs")
