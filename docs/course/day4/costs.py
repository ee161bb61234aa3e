"""Parameters and multiply-accumulates of a network, counted layer by layer with two formulas.

.venv/bin/python docs/course/day4/costs.py
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from thumbnet.model.architectures import ARCHITECTURES, Network, build, count_macs, count_parameters


# --8<-- [start:layer]
@dataclass(frozen=True)
class Layer:
    """What one layer costs: its kind, the shape of what it gives, its parameters and multiply-accumulates."""

    kind: str
    shape: tuple[int, ...]
    parameters: int
    macs: int


def cost(layer: nn.Module, given: torch.Tensor) -> Layer:
    """The cost of a layer that gave this output for one image."""
    match layer:
        case nn.Conv2d():
            weights = layer.out_channels * (layer.in_channels // layer.groups) * layer.kernel_size[0] ** 2
            macs = weights * given.shape[2] * given.shape[3]  # every weight at every place
        case nn.Linear():
            weights = macs = layer.in_features * layer.out_features
        case _:
            weights = macs = 0
    if isinstance(layer, nn.BatchNorm2d):
        weights = layer.num_features  # γ; β is its bias
    biases = 0 if layer.bias is None else len(layer.bias)
    return Layer(type(layer).__name__, tuple(given.shape[1:]), weights + biases, macs)


# --8<-- [end:layer]


# --8<-- [start:walk]
@torch.no_grad()
def walk(network: Network, in_channels: int = 3, image_size: int = 32) -> list[Layer]:
    """Send one empty image through, and note every layer that has parameters, in order."""
    found: list[Layer] = []
    hooks = [
        module.register_forward_hook(lambda layer, _, given: found.append(cost(layer, given)))
        for module in network.modules()
        if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d)
    ]
    network.eval()(torch.zeros(1, in_channels, image_size, image_size))
    for hook in hooks:
        hook.remove()
    return found


# --8<-- [end:walk]


def network_of(name: str) -> Network:
    """An untrained network of the project for CIFAR-10."""
    return build(name, num_classes=10, in_channels=3, image_size=32)


def shares(name: str) -> dict[str, float]:
    """Which share of parameters and of work is in the linear layers."""
    layers = walk(network_of(name))
    linear = [layer for layer in layers if layer.kind == "Linear"]
    return {
        "parameters": sum(layer.parameters for layer in linear) / sum(layer.parameters for layer in layers),
        "macs": sum(layer.macs for layer in linear) / sum(layer.macs for layer in layers),
    }


def main() -> None:
    """Print the layers of AlexNet, and the sums for all networks beside what the project counts."""
    for layer in walk(network_of("alexnet")):
        print(f"{layer.kind:8} → {layer.shape!s:14} {layer.parameters:10,} parameters {layer.macs:12,} MACs")
    for name in ARCHITECTURES:
        network = network_of(name)
        layers = walk(network)
        ours = sum(layer.parameters for layer in layers), sum(layer.macs for layer in layers)
        print(name, ours, "counted by the project:", (count_parameters(network), count_macs(network, 3, 32)))


if __name__ == "__main__":
    main()
