"""What a run remembers of its training images, and which of them it trains on next."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Memory(nn.Module):
    """The loss of each image when it was last seen, and whether it is mirrored when it is seen next.

    mirrored   (N,) bool, which half the alternating flip starts with

    Its tensors are (N,); they are saved with checkpoints, so that a resumed run takes the same steps.
    """

    losses: Tensor
    mirrored: Tensor

    def __init__(self, mirrored: Tensor) -> None:
        super().__init__()
        self.register_buffer("mirrored", mirrored)
        self.register_buffer("losses", torch.full((len(mirrored),), torch.inf))

    def hardest(self, drawn: Tensor, count: int) -> Tensor:
        """Of the images at these positions, (M,), those whose loss was largest, unseen ones before all: (count,), in
        their order.

        Easy images teach little (Jiang et al. 2019, arXiv:1910.00762); that the loss was computed by the network as it
        was some epochs ago costs nothing (airbench96 asks a small network instead, Jordan 2024, arXiv:2404.00498).
        """
        hardest = self.losses[drawn].argsort(descending=True, stable=True)[:count]
        return drawn[hardest.sort().values]

    def update(self, seen: Tensor, losses: Tensor) -> None:
        """Remember what a step has seen: positions and losses, (N,) each."""
        self.losses[seen] = losses.to(self.losses.dtype)
        self.mirrored[seen] = ~self.mirrored[seen]
