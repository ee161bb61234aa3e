"""What every architecture shares: normalisation as a layer, and the choices of activation and pooling."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..errors import UnknownName

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}

POOLINGS: dict[str, Callable[[int], nn.Module]] = {
    "max": nn.MaxPool2d,
    "average": nn.AvgPool2d,
}


def activation_layer(name: str) -> nn.Module:
    """A fresh activation layer. Raises UnknownName with the nearest known name."""
    if name not in ACTIVATIONS:
        raise UnknownName("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]()


def pooling_layer(name: str, size: int = 2) -> nn.Module:
    """A fresh pooling layer over `size` × `size` windows. Raises UnknownName with the nearest known name."""
    if name not in POOLINGS:
        raise UnknownName("pooling", name, POOLINGS)
    return POOLINGS[name](size)


class Normalize(nn.Module):
    """Pixels 0…255 of any dtype → float, zero mean and unit variance per channel of the training data.

    A layer rather than a step of data loading, so that weights, ONNX file and training cannot disagree about it.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((1, channels, 1, 1), 127.5))
        self.register_buffer("std", torch.full((1, channels, 1, 1), 64.0))

    @torch.no_grad()
    def fit(self, pixels: Tensor) -> None:
        """Take mean and standard deviation per channel from (N, C, H, W) uint8 training pixels."""
        levels = torch.arange(256, dtype=torch.float64, device=pixels.device)
        counts = torch.zeros(pixels.shape[1], 256, dtype=torch.int64, device=pixels.device)
        for part in pixels.split(1024):  # all of them may be larger than the memory
            for channel, values in enumerate(part.unbind(1)):
                counts[channel] += values.flatten().bincount(minlength=256)
        total = counts.sum(dim=1)
        mean = counts.double() @ levels / total
        variance = (counts * (levels - mean[:, None]) ** 2).sum(dim=1) / (total - 1)
        self.mean[0, :, 0, 0] = mean
        self.std[0, :, 0, 0] = variance.sqrt().clamp_min(1.0)

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, C, H, W) pixels → the same shape, float, normalised."""
        return (pixels.float() - self.mean) / self.std


HEAD = "head."
"""How the names of the weights of a network's last layer begin."""


class Network(nn.Module):
    """Base of every architecture: (N, C, H, W) pixels 0…255 → (N, num_classes) logits.

    A subclass sets `features` (an image to a feature vector) and `head` (the vector to logits).
    """

    features: nn.Module
    head: nn.Module

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.normalize = Normalize(in_channels)

    def fit_statistics(self, pixels: Tensor) -> None:
        """Take from training pixels what is measured rather than learned. Called once, before the first step."""
        self.normalize.fit(pixels)

    def exportable(self) -> nn.Module:
        """The same function of the pixels, in the form in which other runtimes compute it best."""
        return self

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, C, H, W) pixels → (N, num_classes) logits."""
        logits: Tensor = self.head(self.features(self.normalize(pixels)))
        return logits
