"""Images as cameras, networks and screens spoil them: six corruptions at five severities.

The severities are those of CIFAR-10-C (Hendrycks and Dietterich 2019, arXiv:1903.12261) where torchvision or Pillow has
the same operation, so that figures can be compared roughly; brightness multiplies here, and adds there.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as F

SEVERITIES = 5
NOISE_SEED = 0


@dataclass(frozen=True, slots=True)
class Corruption:
    """One way to spoil images.

    parameter    what its severities mean
    severities   five values, from the least to the most
    apply        (N, C, H, W) uint8 images and such a value → spoilt images of the same shape
    """

    parameter: str
    severities: tuple[float, ...]
    apply: Callable[[Tensor, float], Tensor]


def blur(images: Tensor, sigma: float) -> Tensor:
    """Gaussian blur; `sigma` is in pixels of a 32-pixel image."""
    sigma *= images.shape[-1] / 32
    blurred: Tensor = F.gaussian_blur(images, kernel_size=2 * math.ceil(3 * sigma) + 1, sigma=sigma)
    return blurred


def noise(images: Tensor, sigma: float) -> Tensor:
    """Gaussian noise, the same for every model."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(NOISE_SEED)
        noisy = F.gaussian_noise(F.to_dtype(images, torch.float32, scale=True), sigma=sigma)
    rounded: Tensor = F.to_dtype(noisy, torch.uint8, scale=True)
    return rounded


def jpeg(images: Tensor, quality: float) -> Tensor:
    """Save as JPEG and read again."""

    def save_and_read(image: Image.Image) -> Image.Image:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(quality))
        return Image.open(buffer)

    return through_pillow(images, save_and_read)


def pixelate(images: Tensor, share: float) -> Tensor:
    """Shrink to a share of the side and enlarge again, without smoothing."""
    side = max(1, int(share * images.shape[-1]))

    def shrink_and_enlarge(image: Image.Image) -> Image.Image:
        return image.resize((side, side), Image.Resampling.BOX).resize(image.size, Image.Resampling.BOX)

    return through_pillow(images, shrink_and_enlarge)


def through_pillow(images: Tensor, change: Callable[[Image.Image], Image.Image]) -> Tensor:
    """Change each of (N, C, H, W) uint8 images as a PIL image."""
    pixels = images.permute(0, 2, 3, 1).numpy()
    changed = [np.asarray(change(Image.fromarray(image.squeeze()))) for image in pixels]
    return torch.from_numpy(np.stack(changed).reshape(pixels.shape)).permute(0, 3, 1, 2)


CORRUPTIONS: Mapping[str, Corruption] = {
    "Gaussian blur": Corruption("standard deviation, pixels of 32", (0.4, 0.6, 0.7, 0.8, 1.0), blur),
    "Gaussian noise": Corruption("standard deviation, share of the range", (0.04, 0.06, 0.08, 0.09, 0.10), noise),
    "JPEG": Corruption("quality", (80, 65, 58, 50, 40), jpeg),
    "pixelation": Corruption("share of the side", (0.95, 0.9, 0.85, 0.75, 0.65), pixelate),
    "contrast": Corruption("factor", (0.75, 0.5, 0.4, 0.3, 0.15), F.adjust_contrast),
    "brightness": Corruption("factor", (1.1, 1.2, 1.3, 1.4, 1.6), F.adjust_brightness),
}
