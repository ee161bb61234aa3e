"""ResNet for CIFAR: layers that learn what to add."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from .layers import Network, activation_layer


class ResNet(Network):
    """A 3×3 convolution, nine residual blocks of two in three stages, global average pooling, a linear head.

    Layers (depth 20) conv 16 · 3 blocks of 16 · 3 of 32 (the first halves the sides) · 3 of 64 (likewise) ·
    average pool · linear 64→10. A shortcut that changes shape subsamples and pads with zero channels (option A).
    Parameters 0.27 M · multiply-accumulates 41 M per image. `residual` and
    `batch_norm` can be switched off, to see what they bring.
    Source: He, Zhang, Ren and Sun 2015, "Deep Residual Learning for Image Recognition", section 4.2
    (arXiv:1512.03385).
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        image_size: int = 32,
        *,
        activation: str = "relu",
        depth: int = 20,
        residual: bool = True,
        batch_norm: bool = True,
    ) -> None:
        super().__init__(in_channels)
        if depth < 8 or (depth - 2) % 6:
            raise ValueError(f"resnet needs a depth of 6n + 2 (8, 14, 20, …), received depth={depth}")
        if image_size < 4:
            raise ValueError(f"resnet needs images of at least 4 pixels, received image_size={image_size}")
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels, 16, kernel_size=3, padding=1, bias=not batch_norm),
            nn.BatchNorm2d(16) if batch_norm else nn.Identity(),
            activation_layer(activation),
        ]
        channels = 16
        for width in (16, 32, 64):
            for _ in range((depth - 2) // 6):
                layers.append(ResidualBlock(channels, width, activation, residual, batch_norm))
                channels = width
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(64, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions whose output is added to the input; the first has stride 2 where channels change.

    To see what they bring, the addition (`residual`) or the norms can be left out.
    """

    def __init__(
        self, in_channels: int, out_channels: int, activation: str, residual: bool = True, batch_norm: bool = True
    ) -> None:
        super().__init__()
        self.stride = 1 if in_channels == out_channels else 2
        self.new_channels = out_channels - in_channels
        self.residual = residual
        bias = not batch_norm
        self.conv1 = nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=self.stride, padding=1, bias=bias)
        self.norm1 = nn.BatchNorm2d(out_channels) if batch_norm else nn.Identity()
        self.conv2 = nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=bias)
        self.norm2 = nn.BatchNorm2d(out_channels) if batch_norm else nn.Identity()
        self.activation = activation_layer(activation)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) → (N, out_channels, H / stride, W / stride)."""
        out = self.activation(self.norm1(self.conv1(x)))
        out = self.norm2(self.conv2(out))
        if not self.residual:
            plain: Tensor = self.activation(out)
            return plain
        shortcut = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.new_channels))
        result: Tensor = self.activation(out + shortcut)
        return result
