"""Exercise 3: parameters and multiplications of LeNet, layer by layer.

.venv/bin/python docs/course/day3/solutions/costs.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from convolution import convolution_cost, linear_cost

from thumbnet.model.architectures import build, count_macs, count_parameters

LAYERS = {
    "conv 1→6, 28×28": convolution_cost(1, 6, 5, 28, 28),
    "conv 6→16, 10×10": convolution_cost(6, 16, 5, 10, 10),
    "linear 400→120": linear_cost(400, 120),
    "linear 120→84": linear_cost(120, 84),
    "linear 84→10": linear_cost(84, 10),
}


def total() -> tuple[int, int]:
    """(parameters, multiplications) of all layers."""
    return sum(cost[0] for cost in LAYERS.values()), sum(cost[1] for cost in LAYERS.values())


def counted() -> tuple[int, int]:
    """What the project counts."""
    network = build("lenet", num_classes=10, in_channels=1, image_size=28)
    return count_parameters(network), count_macs(network, in_channels=1, image_size=28)


if __name__ == "__main__":
    for name, (parameters, products) in LAYERS.items():
        print(f"{name:18} {parameters:7,} parameters {products:8,} products")
    print("total", total(), "counted by the project", counted())
