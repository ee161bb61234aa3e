"""Augmentation of whole batches on the training device: (N, C, H, W) uint8 pixels in, the same shape and type out.

All randomness comes from torch's global generator, which the training loop seeds at every step.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .recipe import Recipe

TRIVIAL_GROUP, TRIVIAL_GROUP_ON_GPU = 16, 64
"""Images that share one operation of TrivialAugment: fewer are slower, more make the batches less varied. A GPU takes
hardly longer for a large group than for a small one."""


def augment(pixels: Tensor, mirrored: Tensor, recipe: Recipe) -> Tensor:
    """Apply the recipe's augmentations of single images. `mirrored` (N,) says which images to mirror."""
    if recipe.flip != "none":
        pixels = mirror(pixels, mirrored)
    if recipe.trivial_augment:
        pixels = trivial_augment(pixels, recipe.trivial_augment)
    if recipe.zoom:
        pixels = zoom(pixels, recipe.zoom)
    if recipe.degrade:
        pixels = degrade(pixels, recipe.degrade)
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


def zoom(pixels: Tensor, reach: float) -> Tensor:
    """Enlarge or shrink every other image by a factor of up to 1 + `reach`; the rest keep their sharpness.

    Objects of other photographs fill more or less of the frame than those of the training images.
    """
    chosen = pixels[::2]
    factor = torch.exp((2 * torch.rand(len(chosen), device=pixels.device) - 1) * math.log1p(reach))
    transform = torch.zeros(len(chosen), 2, 3, device=pixels.device)
    transform[:, 0, 0] = transform[:, 1, 1] = 1 / factor
    grid = F.affine_grid(transform, list(chosen.shape), align_corners=False)
    zoomed = F.grid_sample(chosen.float(), grid, padding_mode="reflection", align_corners=False)
    pixels = pixels.clone()
    pixels[::2] = zoomed.round_().to(pixels.dtype)
    return pixels


def degrade(pixels: Tensor, share: float) -> Tensor:
    """Take detail from a share of the images: grain over the first half of them, a coarser picture in the second.

    Pictures from elsewhere are less clean than training images. Grain has a standard deviation of up to 25 of 255;
    the coarser pictures are shrunk to a half to all of their side and enlarged again.
    """
    middle, end = round(share / 2 * len(pixels)), round(share * len(pixels))
    grainy, coarse, untouched = pixels[:middle].float(), pixels[middle:end].float(), pixels[end:]
    strength = 25 * torch.rand(middle, 1, 1, 1, device=pixels.device)
    grainy = grainy + strength * torch.randn_like(grainy)
    size = pixels.shape[-1]
    small = int(torch.randint(size // 2, size, ()))
    coarse = resize(resize(coarse, small), size)
    return torch.cat((torch.cat((grainy, coarse)).round_().clamp_(0, 255).to(pixels.dtype), untouched))


def trivial_augment(pixels: Tensor, share: float) -> Tensor:
    """One random operation of random strength on a share of the images: colour, contrast, rotation, shear, and so on.

    TrivialAugment (Müller and Hutter 2021, arXiv:2103.10158). Images that come in random order are taken in groups.
    """
    from torchvision.transforms.v2 import TrivialAugmentWide

    operation = TrivialAugmentWide(fill=128)
    kept = len(pixels) - round(share * len(pixels))
    size = TRIVIAL_GROUP_ON_GPU if pixels.is_cuda else TRIVIAL_GROUP
    groups = [operation(group) for group in pixels[kept:].split(size)]
    return torch.cat((pixels[:kept], *groups))


def cutmix(pixels: Tensor, targets: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Replace a rectangle in a share of the images by that of another one, and mix their targets by area.

    targets   (N, K) probabilities of the classes

    CutMix (Yun et al. 2019, arXiv:1905.04899), with a rectangle for each image.
    """
    count, _, height, width = pixels.shape
    device = pixels.device
    chosen = torch.rand(count, 1, device=device) < share
    side = torch.rand(count, 1, device=device).sqrt() * chosen  # its square, the area, is uniform
    replaced = rectangles(pixels, (side * height).round().long(), (side * width).round().long())
    area = replaced.float().mean(dim=(1, 2, 3))[:, None]
    return torch.where(replaced, pixels.roll(1, 0), pixels), torch.lerp(targets, targets.roll(1, 0), area)


def cutout(pixels: Tensor, side: int) -> Tensor:
    """Put a mid-grey square over a random place of each image (DeVries and Taylor 2017, arXiv:1708.04552)."""
    return pixels.masked_fill(rectangles(pixels, side, side), 128)


def rectangles(pixels: Tensor, rows: int | Tensor, columns: int | Tensor) -> Tensor:
    """Which pixels lie in a rectangle of so many (N, 1) rows and columns around a random place: (N, 1, H, W)."""
    count, _, height, width = pixels.shape
    centre_y, centre_x = (torch.randint(0, length, (count, 1), device=pixels.device) for length in (height, width))
    return covers(centre_y, rows, height)[:, None, :, None] & covers(centre_x, columns, width)[:, None, None, :]


def covers(centre: Tensor, side: int | Tensor, length: int) -> Tensor:
    """Which of `length` positions lie within a span of `side` around each (N, 1) centre: (N, length) booleans."""
    offset = torch.arange(length, device=centre.device) - centre
    return (offset >= -(side // 2)) & (offset < side - side // 2)


def resize(pixels: Tensor, size: int) -> Tensor:
    """Shrink or enlarge to `size` × `size` with antialiasing; the result is float where the size changes."""
    if pixels.shape[-1] == size:
        return pixels
    return F.interpolate(pixels.float(), size=(size, size), mode="bilinear", antialias=True, align_corners=False)
