"""The mean of a network's weights over the last epochs: it answers better than any of them, at the cost of one.

Source: Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima and Better Generalization" (arXiv:1803.05407).
"""

from __future__ import annotations

from typing import cast

from torch import Tensor
from torch.optim.swa_utils import AveragedModel, update_bn

from .architectures import Network
from .recipe import Recipe

NORM_IMAGES = 20_000
"""Training images that batch norm is measured on, at most."""
NORM_BATCH = 500


def is_averaged(recipe: Recipe, epoch: int) -> bool:
    """Whether the weights at the end of an epoch, counted from 0, are part of the mean."""
    return epoch >= (1 - recipe.average) * recipe.epochs


def mean_network(averaged: AveragedModel, pixels: Tensor) -> Network:
    """The network with the mean weights. What its batch norms saw belongs to other weights and is measured anew.

    pixels   (N, C, H, W) of the training images, in random order, on the network's device
    """
    network = cast("Network", averaged.module)
    update_bn(pixels[:NORM_IMAGES].split(NORM_BATCH), network)
    return network
