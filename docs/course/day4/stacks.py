"""Small kernels in a row against a large one: what they see, and what they cost.

.venv/bin/python docs/course/day4/stacks.py
"""

from __future__ import annotations

import torch
from torch import nn


# --8<-- [start:stack]
def stack(kernels: list[int], channels: int) -> nn.Sequential:
    """Convolutions of these sizes in a row, with a ReLU after each; as many channels all the way."""
    layers: list[nn.Module] = []
    for kernel in kernels:
        layers += [nn.Conv2d(channels, channels, kernel, padding=kernel // 2), nn.ReLU()]
    return nn.Sequential(*layers)


# --8<-- [end:stack]


# --8<-- [start:sees]
def sees(kernels: list[int]) -> int:
    """How many pixels wide an output of convolutions in a row sees (day 3, with stride 1)."""
    return 1 + sum(kernel - 1 for kernel in kernels)


def measure_sees(kernels: list[int], size: int = 21) -> int:
    """The same, asked of a network: how many columns change the output in the middle.

    All weights are positive and so are the pixels, so that no ReLU closes and nothing cancels.
    """
    network = stack(kernels, channels=2)
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.01)
    image = torch.ones(1, 2, size, size, requires_grad=True)
    network(image)[0, 0, size // 2, size // 2].backward()
    return int((image.grad[0, 0].sum(dim=0) > 0).sum())


# --8<-- [end:sees]


# --8<-- [start:parameters]
def count(kernels: list[int], channels: int) -> int:
    """The parameters of the stack."""
    return sum(parameter.numel() for parameter in stack(kernels, channels).parameters())


# --8<-- [end:parameters]

STACKS = ([5], [3, 3], [7], [3, 3, 3])


def main() -> None:
    """Print the table of the page."""
    for kernels in STACKS:
        print(kernels, "sees", sees(kernels), "measured", measure_sees(kernels), f"{count(kernels, 64):,} parameters")


if __name__ == "__main__":
    main()
