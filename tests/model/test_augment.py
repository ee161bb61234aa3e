"""Augmentation: what moves, how far, and what stays."""

from __future__ import annotations

import torch

from thumbnet.model.augment import (
    augment,
    cutmix,
    cutout,
    degrade,
    mirror,
    resize,
    translate,
    trivial_augment,
    zoom,
)
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


def test_zoom_scales_every_other_image_about_its_centre() -> None:
    pixels = torch.zeros(100, 1, 32, 32, dtype=torch.uint8)
    pixels[:, :, 8:24, 8:24] = 255
    zoomed = zoom(pixels, 0.5)
    assert torch.equal(zoomed[1::2], pixels[1::2])
    areas = zoomed[::2].float().sum(dim=(1, 2, 3)) / 255
    assert areas.min() >= 16**2 / 1.5**2 - 16
    assert areas.max() <= 16**2 * 1.5**2 + 16
    assert areas.std() > 50
    rows = torch.arange(32.0)[:, None]
    centres = (zoomed[::2, 0] * rows).sum(dim=(1, 2)) / zoomed[::2, 0].sum(dim=(1, 2))
    torch.testing.assert_close(centres, torch.full_like(centres, 15.5), atol=0.1, rtol=0)


def test_degrade_takes_detail_from_its_share_and_leaves_the_rest() -> None:
    pixels = batch(100, 32)
    degraded = degrade(pixels, 0.4)
    assert degraded.dtype == torch.uint8
    assert torch.equal(degraded[40:], pixels[40:])
    changed = [not torch.equal(a, b) for a, b in zip(degraded, pixels, strict=True)]
    assert sum(changed) >= 38  # grain may be too weak to see
    coarse = degraded[20:40].float()
    assert coarse.std() < 0.8 * pixels.float().std()
    flat = degrade(torch.full((100, 3, 32, 32), 128, dtype=torch.uint8), 0.4).float()
    assert 1 < flat[:20].std() < 25
    assert flat[20:].std() == 0


def test_trivial_augment_changes_no_more_than_its_share() -> None:
    pixels = batch(100, 32)
    changed = trivial_augment(pixels, 0.3)
    assert changed.shape == pixels.shape
    assert torch.equal(changed[:70], pixels[:70])
    assert not torch.equal(changed[70:], pixels[70:])


def test_cutmix_mixes_targets_by_the_area_that_shows_the_other_image() -> None:
    shades = torch.arange(200, dtype=torch.uint8)
    pixels = shades[:, None, None, None].expand(200, 3, 16, 16).contiguous()
    mixed, targets = cutmix(pixels, torch.eye(200), 0.5)
    own = (mixed[:, 0] == shades[:, None, None]).float().mean(dim=(1, 2))
    other = (mixed[:, 0] == shades.roll(1)[:, None, None]).float().mean(dim=(1, 2))
    torch.testing.assert_close(own + other, torch.ones(200))
    torch.testing.assert_close(targets.diagonal(), own)
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(200))
    assert 70 <= (own < 1).sum() <= 120


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
    recipe = Recipe(
        name="all", flip="random", translate=2, cutout=4, zoom=0.2, degrade=0.2, trivial_augment=0.5, image_size=16
    )
    results = []
    for _ in range(2):
        torch.manual_seed(7)
        results.append(augment(batch(), torch.arange(64) % 2 == 0, recipe))
    assert torch.equal(*results)
