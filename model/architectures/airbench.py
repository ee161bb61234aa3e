"""airbench: the network of the fastest public trainings on CIFAR-10, and the layers that ours shares with it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..images import as_many_pixels
from .layers import Network, Normalize


class WhitenedNetwork(Network):
    """Base of the networks whose `features` begin with a whitening convolution."""

    features: nn.Sequential

    @torch.no_grad()
    def fit_statistics(self, pixels: Tensor) -> None:
        """Take mean, standard deviation and whitening filters from training pixels."""
        super().fit_statistics(pixels)
        count = as_many_pixels(5000, pixels.shape[-1])
        self.get_parameter("features.0.weight").copy_(whitening_filters(self.normalize(pixels[:count])))

    def exportable(self) -> nn.Module:
        """The network with normalisation and whitening in one convolution, which loses nothing in bf16."""
        filters = self.get_parameter("features.0.weight")
        return nn.Sequential(ExactWhitening(self.normalize, filters), *list(self.features)[1:], self.head)


class Airbench(WhitenedNetwork):
    """Whitening convolution, three groups of two 3×3 convolutions, global max pooling, a linear head.

    Layers (32×32 RGB, default widths)
        whiten 2×2, 3→24, frozen · GELU
        group 1: conv 24→64 · max pool · batch norm · GELU · conv 64→64 · batch norm · GELU
        group 2: the same, 64→256→256      group 3: the same, 256→256→256
        global max pool · linear 256→10

    Parameters 1.97 M · multiply-accumulates 118 M per image.

    The whitening filters are eigenvectors of training patches, scaled to unit variance, each with both signs; they
    are measured, not trained. Batch norm trains biases only. Kernels start as identities (Dirac).
    Source: Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU" (arXiv:2404.00498); whitening goes back to
    Page 2019, "How to Train Your ResNet 8". Here the input may be of any size from 16 pixels.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        image_size: int = 32,
        *,
        widths: tuple[int, int, int] = (64, 256, 256),
    ) -> None:
        super().__init__(in_channels)
        if image_size < 16:
            raise ValueError(f"airbench needs images of at least 16 pixels, received image_size={image_size}")
        if len(widths) != 3:
            raise ValueError(f"airbench needs three widths, received {list(widths)}")
        patch = 4 * in_channels
        channels = (2 * patch, *widths)
        self.features = nn.Sequential(
            WhiteningConv(in_channels, 2 * patch),
            nn.GELU(),
            *(conv_group(before, after) for before, after in zip(channels, widths, strict=False)),
            nn.AdaptiveMaxPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Linear(widths[-1], num_classes, bias=False)
        nn.init.normal_(self.head.weight, std=1 / widths[-1])


class WhiteningConv(nn.Conv2d):
    """A frozen 2×2 convolution, in fp32 also under autocast: some builds of torch get 2×2 wrong in bf16."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size=2, bias=False)
        self.weight.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) → (N, out_channels, H - 1, W - 1)."""
        with torch.autocast(images.device.type, enabled=False):
            return super().forward(images)


class ExactWhitening(nn.Module):
    """Normalisation and whitening as one convolution over the pixels 0…255.

    Whitening enlarges small differences between neighbouring pixels. In bf16, with its eight binary digits, they would
    be lost where pixels have been normalised. But bf16 holds the whole numbers 0…255 exactly, and a kernel as the sum
    of two: its value in bf16, and what is missing. Products are summed in fp32 everywhere.
    """

    kernel: Tensor
    bias: Tensor

    def __init__(self, normalize: Normalize, filters: Tensor) -> None:
        super().__init__()
        kernel = filters.detach() / normalize.std
        rounded = kernel.bfloat16().float()
        self.register_buffer("kernel", torch.cat((rounded, kernel - rounded), dim=1))
        self.register_buffer("bias", -(kernel * normalize.mean).sum(dim=(1, 2, 3)))

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, C, H, W) pixels → (N, out_channels, H - 1, W - 1)."""
        pixels = pixels.float()
        return F.conv2d(torch.cat((pixels, pixels), dim=1), self.kernel, self.bias)


def conv_group(in_channels: int, out_channels: int) -> nn.Sequential:
    """Two 3×3 convolutions; the first is followed by 2×2 max pooling, which halves the sides."""
    return nn.Sequential(
        dirac_conv(in_channels, out_channels),
        nn.MaxPool2d(2),
        bias_norm(out_channels),
        nn.GELU(),
        *conv_norm(out_channels, out_channels),
        nn.GELU(),
    )


def conv_norm(in_channels: int, out_channels: int) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    """A 3×3 convolution and its batch norm."""
    return dirac_conv(in_channels, out_channels), bias_norm(out_channels)


def dirac_conv(in_channels: int, out_channels: int) -> nn.Conv2d:
    """A 3×3 convolution whose first `in_channels` outputs start as copies of its inputs."""
    conv = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False)
    nn.init.dirac_(conv.weight.data[:in_channels])
    return conv


def bias_norm(channels: int) -> nn.BatchNorm2d:
    """Batch norm with the weight fixed at 1, and statistics that follow a short training quickly."""
    norm = nn.BatchNorm2d(channels, momentum=0.4)
    norm.weight.requires_grad_(False)
    return norm


def whitening_filters(images: Tensor, eps: float = 5e-4) -> Tensor:
    """2×2 filters that decorrelate the patches of (N, C, H, W) images: (8C, C, 2, 2), each filter with both signs.

    `eps` bounds the gain for directions in which patches hardly vary.
    """
    channels = images.shape[1]
    patches = images.unfold(2, 2, 1).unfold(3, 2, 1).permute(0, 2, 3, 1, 4, 5).reshape(-1, 4 * channels)
    covariance = patches.T @ patches / len(patches)
    variances, directions = torch.linalg.eigh(covariance)
    filters = (directions / torch.sqrt(variances + eps)).T.reshape(-1, channels, 2, 2)
    return torch.cat((filters, -filters))
