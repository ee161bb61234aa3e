"""Exercise 6: one kernel for each channel, then mix the channels.

.venv/bin/python docs/course/day4/solutions/separable.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from costs import network_of, walk
from torch import nn

from thumbnet.model.architectures import Network


def separable(convolution: nn.Conv2d) -> nn.Sequential:
    """A depthwise 3×3 and a pointwise 1×1 in place of a 3×3 convolution (MobileNet, Howard et al. 2017)."""
    channels = convolution.in_channels
    return nn.Sequential(
        nn.Conv2d(channels, channels, kernel_size=3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, convolution.out_channels, kernel_size=1, bias=False),
    )


def separable_vgg() -> Network:
    """VGG-11 with all convolutions but the first made separable."""
    network = network_of("vgg11")
    for number, layer in enumerate(list(network.features)[1:], start=1):
        if isinstance(layer, nn.Conv2d):
            network.features[number] = separable(layer)
    return network


def cost(network: Network) -> tuple[int, int]:
    """(parameters, multiply-accumulates) of a network, layer by layer."""
    layers = walk(network)
    return sum(layer.parameters for layer in layers), sum(layer.macs for layer in layers)


if __name__ == "__main__":
    print("VGG-11:", cost(network_of("vgg11")), "separable:", cost(separable_vgg()))
