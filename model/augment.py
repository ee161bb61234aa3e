"""Augmentation of whole batches on the training device: (N, C, H, W) pixels in, the same shape and type out.

All randomness comes from torch's global generator, which the training loop seeds at every step.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .recipe import Recipe


def augment(pixels: Tensor, mirrored: Tensor, recipe: Recipe) -> Tensor:
    """Apply the recipe's augmentations. `mirrored` (N,) says which images to mirror."""
    if recipe.flip != "none":
        pixels = mirror(pixels, mirrored)
    if recipe.translate:
        pixels = translate(pixels, recipe.translate)
    if recipe.cutout:
        pixels = cutout(pixels, recipe.cutout)
    return pixels


def mirror(pixels: Tensor, mirrored: Tensor) -> Tensor:
    """Mirror the chosen images left-right."""
    return torch.where(mirrored[:, None, None, None], pixels.flip(-1), pixels)


def translate(pixels: Tensor, reach: int) -> Tensor:
    """Shift each image by up to `reach` pixels each way; what comes in at the border is its reflection."""
    count, _, height, width = pixels.shape
    dtype = pixels.dtype  # reflection padding exists for floats only
    padded = F.pad(pixels.float(), (reach, reach, reach, reach), mode="reflect").to(dtype)
    device = pixels.device
    top, left = torch.randint(0, 2 * reach + 1, (2, count, 1), device=device)
    rows = top + torch.arange(height, device=device)
    columns = left + torch.arange(width, device=device)
    image = torch.arange(count, device=device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[image, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def cutout(pixels: Tensor, side: int) -> Tensor:
    """Put a mid-grey square over a random place of each image (DeVries and Taylor 2017, arXiv:1708.04552)."""
    count, _, height, width = pixels.shape
    device = pixels.device
    centre_y = torch.randint(0, height, (count, 1), device=device)
    centre_x = torch.randint(0, width, (count, 1), device=device)
    covered_rows = covers(centre_y, side, height)
    covered_columns = covers(centre_x, side, width)
    covered = covered_rows[:, None, :, None] & covered_columns[:, None, None, :]
    return pixels.masked_fill(covered, 128)


def covers(centre: Tensor, side: int, length: int) -> Tensor:
    """Which of `length` positions lie within a span of `side` around each (N, 1) centre: (N, length) booleans."""
    offset = torch.arange(length, device=centre.device) - centre
    return (offset >= -(side // 2)) & (offset < side - side // 2)


def resize(pixels: Tensor, size: int) -> Tensor:
    """Shrink or enlarge to `size` × `size` with antialiasing; the result is float where the size changes."""
    if pixels.shape[-1] == size:
        return pixels
    return F.interpolate(pixels.float(), size=(size, size), mode="bilinear", antialias=True, align_corners=False)
