"""Exercise 1: VGG-11 with pencil and paper.

.venv/bin/python docs/course/day4/solutions/vgg_by_hand.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from costs import network_of

from thumbnet.model.architectures import count_macs, count_parameters
from thumbnet.model.architectures.vgg import VGG11


def by_hand(size: int = 32) -> tuple[int, int]:
    """(parameters, multiply-accumulates) from the list of layers alone."""
    parameters, macs, channels, side = 0, 0, 3, size
    for entry in VGG11:
        if entry == "pool":
            side //= 2
            continue
        weights = int(entry) * channels * 9
        parameters += weights + 2 * int(entry)  # no bias; batch norm has a scale and a shift
        macs += weights * side * side
        channels = int(entry)
    return parameters + channels * 10 + 10, macs + channels * 10


def counted() -> tuple[int, int]:
    """What the project counts."""
    network = network_of("vgg11")
    return count_parameters(network), count_macs(network, 3, 32)


if __name__ == "__main__":
    print("by hand", by_hand(), "counted", counted())
