"""A data set and a recipe small enough to train in a moment."""

from __future__ import annotations

import pytest
import torch

from thumbnet.model.datasets import Dataset, Split
from thumbnet.model.recipe import Recipe


def stripes(count: int, seed: int) -> Split:
    """Grey 16×16 images of two classes, flat and upright stripes, in noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    pattern = torch.where(torch.arange(16) % 4 < 2, 160.0, 60.0)
    images = torch.stack([pattern[:, None].expand(16, 16), pattern[None, :].expand(16, 16)])[labels][:, None]
    noisy = images + 20 * torch.randn(images.shape, generator=generator)
    return Split(noisy.clamp(0, 255).to(torch.uint8), labels)


@pytest.fixture(scope="session")
def stripe_data() -> Dataset:
    return Dataset("stripes", ("flat", "upright"), stripes(120, 1), stripes(40, 2), stripes(60, 3))


@pytest.fixture(scope="session")
def quick_recipe() -> Recipe:
    """Six steps of everything that draws random numbers."""
    return Recipe(
        name="quick",
        image_size=16,
        options={"widths": [8, 8, 8, 8]},
        epochs=2,
        batch_size=40,
        optimizer="muon",
        learning_rate=0.1,
        flip="alternating",
        translate=1,
        cutout=2,
        zoom=0.1,
        degrade=0.2,
        trivial_augment=0.3,
        cutmix=0.5,
        start_size=16,
    )
