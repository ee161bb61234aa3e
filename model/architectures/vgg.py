"""VGG: small kernels, many layers."""

from __future__ import annotations

from torch import nn

from .layers import Network, activation_layer, pooling_layer

VGG11 = (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool", 512, 512, "pool")


class VGG(Network):
    """Eight 3×3 convolutions with batch norm, five poolings, a linear head (VGG-11 in its 32×32 form).

    Layers conv 64 · pool · conv 128 · pool · conv 256 ×2 · pool · conv 512 ×2 · pool · conv 512 ×2 · pool ·
    linear 512→10; batch norm and an activation after each convolution.
    Parameters 9.2 M · multiply-accumulates 153 M per image.
    Source: Simonyan and Zisserman 2014, "Very Deep Convolutional Networks for Large-Scale Image Recognition",
    configuration A (arXiv:1409.1556). Batch norm (Ioffe and Szegedy 2015, arXiv:1502.03167) and the single linear
    layer are the usual changes for 32×32.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        image_size: int = 32,
        *,
        activation: str = "relu",
        pooling: str = "max",
    ) -> None:
        super().__init__(in_channels)
        layers: list[nn.Module] = []
        channels, side = in_channels, image_size
        for entry in VGG11:
            if isinstance(entry, int):
                layers += [
                    nn.Conv2d(channels, entry, kernel_size=3, padding=1, bias=False),
                    nn.BatchNorm2d(entry),
                    activation_layer(activation),
                ]
                channels = entry
            elif side >= 2:  # an image of 28 pixels is down to 1×1 after four poolings
                layers.append(pooling_layer(pooling))
                side //= 2
        self.features = nn.Sequential(*layers, nn.Flatten())
        self.head = nn.Linear(channels * side**2, num_classes)
