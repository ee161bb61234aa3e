"""The shipped network, part by part: what its stages cost, and what squeeze-and-excitation does in it.

.venv/bin/python docs/course/day4/ours.py
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from costs import Layer, network_of, walk
from safetensors.torch import load_file
from torch import Tensor, nn

from thumbnet.model.architectures import Network
from thumbnet.model.architectures.thumbnet import SqueezeExcitation
from thumbnet.model.datasets import Split, load_dataset

WEIGHTS = Path(__file__).parents[3] / "model" / "weights" / "cifar10" / "model.safetensors"


# --8<-- [start:load]
def shipped() -> Network:
    """The network of the CIFAR-10 model that comes along, in evaluation mode."""
    network = network_of("thumbnet")
    network.load_state_dict(load_file(WEIGHTS))
    return network.eval()


# --8<-- [end:load]


# --8<-- [start:stages]
def stages() -> dict[int, tuple[int, int]]:
    """Side of the maps → (parameters, multiply-accumulates) of the convolutions there, the largest first."""
    found: dict[int, tuple[int, int]] = {}
    convolutions: list[Layer] = [layer for layer in walk(network_of("thumbnet")) if layer.kind.endswith(("Conv", "2d"))]
    for layer in convolutions:
        parameters, macs = found.get(layer.shape[1], (0, 0))
        found[layer.shape[1]] = parameters + layer.parameters, macs + layer.macs
    return found


# --8<-- [end:stages]


# --8<-- [start:channel]
@torch.no_grad()
def channel_weights(network: Network, images: Tensor) -> list[Tensor]:
    """What each squeeze-and-excitation multiplies its channels by: (N, C) from 0 to 2, for each block."""
    found: list[Tensor] = []

    def keep(module: SqueezeExcitation, given: tuple[Tensor], _: Tensor) -> None:
        means = given[0].mean(dim=(2, 3))
        found.append(2 * module.excite(module.squeeze(means).relu()).sigmoid())

    hooks = [
        module.register_forward_hook(keep) for module in network.modules() if isinstance(module, SqueezeExcitation)
    ]
    network(images)
    for hook in hooks:
        hook.remove()
    return found


# --8<-- [end:channel]


@torch.no_grad()
def silent_units(network: Network, images: Tensor) -> list[tuple[int, int]]:
    """Of the units between squeeze and excite: how many are 0 for all of the images, and how many there are."""
    found: list[tuple[int, int]] = []

    def keep(_: nn.Linear, __: tuple[Tensor], hidden: Tensor) -> None:
        found.append((int((hidden <= 0).all(dim=0).sum()), hidden.shape[1]))

    modules = [module for module in network.modules() if isinstance(module, SqueezeExcitation)]
    hooks = [module.squeeze.register_forward_hook(keep) for module in modules]
    network(images)
    for hook in hooks:
        hook.remove()
    return found


@cache
def some_validation(count: int = 500) -> Split:
    """The first validation images."""
    validation = load_dataset("cifar10", image_size=32, download=True).validation
    return Split(validation.pixels[:count], validation.labels[:count])


def main() -> None:
    """Print costs by stage and how far apart the channels' weights are."""
    for side, (parameters, macs) in stages().items():
        print(f"{side:2}×{side:<2} {parameters:9,} parameters {macs:11,} MACs")
    for weights in channel_weights(shipped(), some_validation(100).pixels):
        low, high = weights.quantile(0.05).item(), weights.quantile(0.95).item()
        between = weights.std(dim=0).mean().item()
        print(f"{weights.shape[1]} channels: 90 % between {low:.2f} and {high:.2f}; over images ±{between:.2f}")
    for silent, units in silent_units(shipped(), some_validation(100).pixels):
        print(f"{silent} of {units} units are silent")


if __name__ == "__main__":
    main()
