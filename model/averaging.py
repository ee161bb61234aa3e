"""The mean of a network's weights over the last epochs: it answers better than any of them, at the cost of one.

Source: Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima and Better Generalization" (arXiv:1803.05407).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from torch import Tensor
from torch.optim.swa_utils import AveragedModel, update_bn

from .architectures import Network


def mean_network(averaged: AveragedModel, batches: Iterable[Tensor]) -> Network:
    """The network with the mean weights. What its batch norms have measured belongs to other weights: it is replaced.

    batches   (N, C, H, W) pixels as the last epochs saw them: norms of images without their augmentation fit less well
    """
    network = cast("Network", averaged.module)
    update_bn(batches, network)
    return network
