"""Augmentation: what moves, how far, and what stays."""

from __future__ import annotations

import torch

from thumbnet.model.augment import augment, cutout, mirror, resize, translate
from thumbnet.model.recipe import Recipe


def batch(count: int = 64, size: int = 16) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8)


def test_only_the_chosen_images_are_mirrored() -> None:
    pixels = batch(2)
    mirrored = mirror(pixels, torch.tensor([True, False]))
    assert torch.equal(mirrored[0], pixels[0].flip(-1))
    assert torch.equal(mirrored[1], pixels[1])


def test_a_shift_stays_within_reach_and_reflects_at_the_border() -> None:
    pixels = batch()
    moved = translate(pixels, 2)
    assert moved.shape == pixels.shape
    assert moved.dtype == torch.uint8
    padded = torch.nn.functional.pad(pixels.float(), (2, 2, 2, 2), mode="reflect").to(torch.uint8)
    seen = set()
    for image, original in zip(moved, padded, strict=True):
        shifts = [(y, x) for y in range(5) for x in range(5) if torch.equal(image, original[:, y : y + 16, x : x + 16])]
        assert shifts, "every result is a window of the reflected original"
        seen.add(shifts[0])
    assert len(seen) > 15


def test_cutout_covers_one_square_of_each_image() -> None:
    covered = cutout(torch.zeros(200, 3, 16, 16, dtype=torch.uint8), 6) == 128
    areas = covered[:, 0].sum(dim=(1, 2))
    assert torch.equal(covered[:, 0], covered[:, 2])
    assert areas.max() == 36
    assert areas.min() >= 9  # a square centred on a corner is a quarter inside


def test_resize_changes_the_size_or_nothing() -> None:
    pixels = batch()
    assert resize(pixels, 16) is pixels
    smaller = resize(torch.full((2, 3, 32, 32), 200, dtype=torch.uint8), 20)
    assert smaller.shape == (2, 3, 20, 20)
    torch.testing.assert_close(smaller, torch.full_like(smaller, 200))


def test_a_recipe_without_augmentation_leaves_pixels_alone() -> None:
    pixels = batch()
    assert augment(pixels, torch.ones(64, dtype=torch.bool), Recipe(name="plain")) is pixels


def test_the_same_seed_gives_the_same_augmentation() -> None:
    recipe = Recipe(name="all", flip="random", translate=2, cutout=4, image_size=16)
    results = []
    for _ in range(2):
        torch.manual_seed(7)
        results.append(augment(batch(), torch.arange(64) % 2 == 0, recipe))
    assert torch.equal(*results)
