"""A multi-layer perceptron: what a network does before it knows that pixels have neighbours."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from .layers import Network, activation_layer


class MLP(Network):
    """Flatten, hidden layers, a linear head.

    Layers (32×32 RGB, default) linear 3072→256 · activation · linear 256→128 · activation · linear 128→10.
    Parameters 0.82 M · multiply-accumulates 0.82 M per image (28×28 grey: 0.24 M both).
    Source: Rumelhart, Hinton and Williams 1986, "Learning representations by back-propagating errors",
    Nature 323:533-536. `pooling` is not an option: an MLP has none.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        image_size: int = 32,
        *,
        activation: str = "relu",
        hidden: tuple[int, ...] = (256, 128),
    ) -> None:
        super().__init__(in_channels)
        sizes = (in_channels * image_size**2, *hidden)
        self.features = nn.Sequential(nn.Flatten())
        for before, after in pairwise(sizes):
            self.features.extend((nn.Linear(before, after), activation_layer(activation)))
        self.head = nn.Linear(sizes[-1], num_classes)
