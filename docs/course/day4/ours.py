"""The shipped network, stage by stage: what it costs.

.venv/bin/python docs/course/day4/ours.py
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from costs import Layer, network_of, walk
from safetensors.torch import load_file

from thumbnet.model.architectures import Network
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


@cache
def some_validation(count: int = 500) -> Split:
    """The first validation images."""
    validation = load_dataset("cifar10", image_size=32, download=True).validation
    return Split(validation.pixels[:count], validation.labels[:count])


def main() -> None:
    """Print costs by stage."""
    for side, (parameters, macs) in stages().items():
        print(f"{side:2}×{side:<2} {parameters:9,} parameters {macs:11,} MACs")


if __name__ == "__main__":
    main()
