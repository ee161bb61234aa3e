"""Images that show none of a model's classes: noise, images taken apart, and other data sets.

All are (N, C, H, W) uint8, and the same at every call.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import torch
import torchvision.datasets
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from .datasets import DATASETS, channels_first, class_names, data_root


def made_outliers(images: Tensor) -> dict[str, Tensor]:
    """Outliers that need no other data than images of the classes, as many of each kind as there are images."""
    return {"noise": noise(*images.shape[:3]), "mosaics": mosaics(images), "clouds": clouds(images)}


def noise(count: int, channels: int, size: int, seed: int = 0) -> Tensor:
    """Every value uniformly random."""
    return torch.randint(256, (count, channels, size, size), generator=fixed_generator(seed), dtype=torch.uint8)


def mosaics(images: Tensor) -> Tensor:
    """Each made of the middles of four random images: real surfaces and parts of objects, but no object."""
    size = images.shape[-1]
    half = size // 2
    middle = slice(half // 2, half // 2 + size - half)
    middles = images[..., middle, middle]
    generator = fixed_generator()
    result = torch.empty_like(images)
    for rows in (slice(None, half), slice(half, None)):
        for columns in (slice(None, half), slice(half, None)):
            part = result[..., rows, columns]
            part[:] = middles[torch.randperm(len(images), generator=generator), :, : part.shape[-2], : part.shape[-1]]
    return result


def clouds(images: Tensor) -> Tensor:
    """Each with the colours and spatial frequencies of an image, but random phases: soft shapes without an edge."""
    random = torch.rand(len(images), 1, *images.shape[2:], generator=fixed_generator())
    phases = torch.fft.fft2(random).angle()  # those of a real image, so that the result is one
    phases[..., 0, 0] = 0  # the mean stays
    spectra = torch.fft.fft2(images.float()) * torch.exp(1j * phases)
    result: Tensor = torch.fft.ifft2(spectra).real
    return result.round().clamp(0, 255).to(torch.uint8)


def other_data(labels: Iterable[str], *, channels: int, size: int, most: int) -> Iterator[tuple[str, Tensor]]:
    """(name, images) of each built-in data set at hand: its test images, without classes that share a label's name."""
    known = {label.casefold() for label in labels}
    for name, builder in DATASETS.items():
        found = None
        with contextlib.suppress(Exception):  # missing, or damaged: a model can be measured without other data
            found = getattr(torchvision.datasets, builder)(root=str(data_root()), train=False)
        if found is None:
            continue
        classes = [label.casefold() for label in class_names(found)]
        foreign = [i for i, target in enumerate(found.targets) if classes[int(target)] not in known]
        if foreign:
            chosen = torch.tensor(foreign)[torch.linspace(0, len(foreign) - 1, min(most, len(foreign))).round().long()]
            yield name, fit(torch.as_tensor(found.data)[chosen], channels=channels, size=size)


def fit(images: Tensor, *, channels: int, size: int) -> Tensor:
    """(N, H, W) grey or (N, H, W, 3) colour images as a network with so many channels and pixels a side sees them."""
    images = channels_first(images)
    if channels == 1 and images.shape[1] == 3:
        images = F.rgb_to_grayscale(images)
    resized = F.resize(images, [size, size], antialias=True) if images.shape[-1] != size else images
    return resized.expand(-1, channels, -1, -1).contiguous()


def fixed_generator(seed: int = 0) -> torch.Generator:
    """The same random numbers every time."""
    return torch.Generator().manual_seed(seed)
