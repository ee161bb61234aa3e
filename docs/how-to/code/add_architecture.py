"""A network of one's own, in the project's form.

To add it: save it as model/architectures/plain.py, with `from .layers import …`, and give it a line in ARCHITECTURES.
"""

from __future__ import annotations

from torch import nn

from thumbnet.model.architectures.layers import Network, activation_layer


# --8<-- [start:network]
class Plain(Network):
    """Convolutions 3×3 in stages that halve the image, the mean of each map, a linear head.

    Layers (32×32 RGB) per width: conv 3×3 · batch norm · activation · max pool; then mean over places · linear.
    Parameters 95 k · multiply-accumulates 10.3 M per image.
    Source: the plain networks of He et al. 2015 (arXiv:1512.03385), with pooling in place of strides.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        image_size: int = 32,
        *,
        widths: tuple[int, ...] = (32, 64, 128),
        activation: str = "relu",
    ) -> None:
        super().__init__(in_channels)
        if image_size < 2 ** len(widths):
            raise ValueError(f"plain needs images of at least {2 ** len(widths)} pixels, received {image_size}")
        layers: list[nn.Module] = []
        for before, width in zip((in_channels, *widths), widths, strict=False):
            layers += [nn.Conv2d(before, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]
            layers += [activation_layer(activation), nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(widths[-1], num_classes)


# --8<-- [end:network]
