"""AlexNet in its 32×32 form: the network that started the decade of deep learning."""

from __future__ import annotations

from torch import nn

from .layers import Network, activation_layer, pooling_layer


class AlexNet(Network):
    """Five convolutions, three poolings, two hidden linear layers with dropout, a linear head.

    Layers (32×32 RGB) conv 3×3 3→64 · pool · conv 3×3 64→192 · pool · conv 3×3 192→384 · conv 3×3 384→256 ·
    conv 3×3 256→256 · pool · linear 4096→1024 · linear 1024→1024 · linear 1024→10, an activation after each but the
    last, dropout 0.5 before each hidden linear layer.
    Parameters 7.5 M · multiply-accumulates 172 M per image.
    Source: Krizhevsky, Sutskever and Hinton 2012, "ImageNet Classification with Deep Convolutional Neural Networks".
    The channel counts are the paper's second form (Krizhevsky 2014, arXiv:1404.5997); kernels of 11×11 and 5×5 with
    stride make no sense on 32 pixels and are 3×3 here, and the linear layers have 1024 units rather than 4096.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        image_size: int = 32,
        *,
        activation: str = "relu",
        pooling: str = "max",
        dropout: float = 0.5,
    ) -> None:
        super().__init__(in_channels)
        side = image_size // 8
        if side < 1:
            raise ValueError(f"alexnet needs images of at least 8 pixels, received image_size={image_size}")
        self.features = nn.Sequential(
            *self._conv(in_channels, 64, activation),
            pooling_layer(pooling),
            *self._conv(64, 192, activation),
            pooling_layer(pooling),
            *self._conv(192, 384, activation),
            *self._conv(384, 256, activation),
            *self._conv(256, 256, activation),
            pooling_layer(pooling),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(256 * side**2, 1024),
            activation_layer(activation),
            nn.Dropout(dropout),
            nn.Linear(1024, 1024),
            activation_layer(activation),
        )
        self.head = nn.Linear(1024, num_classes)

    @staticmethod
    def _conv(in_channels: int, out_channels: int, activation: str) -> tuple[nn.Module, nn.Module]:
        return nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1), activation_layer(activation)
