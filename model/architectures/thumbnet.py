"""thumbnet: our own small CNN for thumbnails, made for high accuracy at the cost of a laptop's processor."""

from __future__ import annotations

from torch import Tensor, nn

from .airbench import WhitenedNetwork, WhiteningConv, bias_norm, conv_norm, dirac_conv


class ThumbNet(WhitenedNetwork):
    """Whitening, eight 3×3 convolutions, four of them in residual blocks, global max pooling, a linear head.

    Layers (32×32 RGB, default widths)
        whiten 2×2, 3→24, frozen · GELU
        31×31: conv 24→64 · max pool
        15×15: conv 64→96 · residual block of two convolutions 96→96 · max pool
        7×7: conv 96→224 · residual block 224→224 · max pool
        3×3: conv 224→256
        global max pool · linear 256→10
    Each convolution is followed by batch norm and GELU.

    Parameters 1.85 M · multiply-accumulates 121.7 M per image.

    Whitening, batch norm with biases alone and kernels that start as identities are airbench's. Most of the work is at
    15×15 with 96 channels, where processors with matrix units are fastest.
    Source: the first layers follow Jordan 2024 (arXiv:2404.00498), the residual blocks He et al. 2015
    (arXiv:1512.03385).
    The input may be of any size from 16 pixels.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        image_size: int = 32,
        *,
        widths: tuple[int, int, int, int] = (64, 96, 224, 256),
    ) -> None:
        super().__init__(in_channels)
        if image_size < 16:
            raise ValueError(f"thumbnet needs images of at least 16 pixels, received image_size={image_size}")
        if len(widths) != 4:
            raise ValueError(f"thumbnet needs four widths, received {list(widths)}")
        white, stem, middle, deep, last = (8 * in_channels, *widths)
        self.features = nn.Sequential(
            WhiteningConv(in_channels, white),
            nn.GELU(),
            dirac_conv(white, stem),
            nn.MaxPool2d(2),  # before the norm, which then has a quarter of the work
            bias_norm(stem),
            nn.GELU(),
            *conv_norm(stem, middle),
            nn.GELU(),
            ResidualBlock(middle),
            nn.MaxPool2d(2),
            *conv_norm(middle, deep),
            nn.GELU(),
            ResidualBlock(deep),
            nn.MaxPool2d(2),
            *conv_norm(deep, last),
            nn.GELU(),
            nn.AdaptiveMaxPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Linear(last, num_classes, bias=False)
        nn.init.normal_(self.head.weight, std=1 / last)


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions whose output is added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*conv_norm(channels, channels), nn.GELU(), *conv_norm(channels, channels))
        self.activation = nn.GELU()

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) → the same shape."""
        result: Tensor = self.activation(features + self.body(features))
        return result
