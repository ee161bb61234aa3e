"""LeNet-5: the first convolutional network that read the world's cheques."""

from __future__ import annotations

from torch import nn

from .layers import Network, activation_layer, pooling_layer


class LeNet(Network):
    """Two 5×5 convolutions with pooling, two hidden linear layers, a linear head.

    Layers (32×32 RGB) conv 5×5 3→6 · pool · conv 5×5 6→16 · pool · linear 400→120 · linear 120→84 · linear 84→10,
    an activation after each but the last. Images of 28 pixels are padded by 2, as the paper did.
    Parameters 62 k · multiply-accumulates 0.65 M per image (28×28 grey: 62 k, 0.42 M).
    Source: LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning applied to document recognition",
    Proc. IEEE 86:2278-2324. With activation="tanh" and pooling="average" it is closest to the paper, which had
    trainable pooling and a partly connected second convolution.
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
        padding = 2 if image_size == 28 else 0
        side = ((image_size + 2 * padding - 4) // 2 - 4) // 2
        if side < 1:
            raise ValueError(f"lenet needs images of at least 16 pixels, received image_size={image_size}")
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 6, kernel_size=5, padding=padding),
            activation_layer(activation),
            pooling_layer(pooling),
            nn.Conv2d(6, 16, kernel_size=5),
            activation_layer(activation),
            pooling_layer(pooling),
            nn.Flatten(),
            nn.Linear(16 * side**2, 120),
            activation_layer(activation),
            nn.Linear(120, 84),
            activation_layer(activation),
        )
        self.head = nn.Linear(84, num_classes)
