"""Exercise 5: cut parts out of the shipped network.

.venv/bin/python docs/course/day4/solutions/without_parts.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import torch
from ours import shipped, some_validation
from torch import nn

from thumbnet.model.architectures import Network
from thumbnet.model.architectures.thumbnet import ResidualBlock


def blocks(network: Network) -> list[ResidualBlock]:
    """Its two residual blocks."""
    return [module for module in network.modules() if isinstance(module, ResidualBlock)]


class Nothing(nn.Module):
    """Adds nothing to the shortcut."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Zeros."""
        return torch.zeros_like(features)


def cut(part: str) -> Network:
    """The shipped network without a part: "first block", "second block" or "nothing"."""
    network = shipped()
    if part != "nothing":
        blocks(network)[("first block", "second block").index(part)].body = Nothing()
    return network.eval()


@torch.no_grad()
def accuracy(part: str, images: int = 500) -> float:
    """On validation images."""
    split = some_validation(images)
    return float((cut(part)(split.pixels).argmax(dim=1) == split.labels).float().mean())


if __name__ == "__main__":
    for part in ("nothing", "first block", "second block"):
        print(f"without {part}: {accuracy(part):.1%}")
