"""The project's augmentations, one at a time, on the same photographs.

.venv/bin/python docs/course/day4/augmentation.py
"""

from __future__ import annotations

import torch
from torch import Tensor

from thumbnet.model.augment import cutmix, cutout, degrade, mirror, translate, trivial_augment, zoom
from thumbnet.model.datasets import load_dataset


# --8<-- [start:rows]
def versions(pixels: Tensor, seed: int = 2) -> dict[str, Tensor]:
    """(N, 3, 32, 32) images → name of an augmentation → what it makes of them, the same shape."""
    torch.manual_seed(seed)
    count = len(pixels)
    labels = torch.eye(count)
    return {
        "as they are": pixels,
        "mirror": mirror(pixels, torch.ones(count, dtype=torch.bool)),
        "translate": translate(pixels, 4),
        "zoom": zoom(pixels, 0.3),
        "degrade": degrade(pixels, 1.0),
        "trivial augment": torch.cat([trivial_augment(image[None], 1.0) for image in pixels]),  # each its own
        "cutout": cutout(pixels, 12),
        "cutmix": cutmix(pixels, labels, 1.0)[0],
    }


# --8<-- [end:rows]


def photographs(count: int = 8) -> Tensor:
    """The first training images of CIFAR-10, one of each of the first classes: (count, 3, 32, 32)."""
    train = load_dataset("cifar10", image_size=32, download=True).train
    return torch.stack([train.pixels[train.labels == label][0] for label in range(count)])


def changed(before: Tensor, after: Tensor) -> float:
    """The share of pixels that differ."""
    return float((before != after).float().mean())


def main() -> None:
    """Print how many pixels each one changes."""
    images = photographs()
    for name, made in versions(images).items():
        print(f"{name:16} changes {changed(images, made):.0%} of the pixels")


if __name__ == "__main__":
    main()
