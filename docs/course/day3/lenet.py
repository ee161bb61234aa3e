"""Train LeNet on MNIST with the project's own loop, on a recipe of its own.

.venv/bin/python docs/course/day3/lenet.py
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from thumbnet.model.architectures import Network, build, count_macs, count_parameters
from thumbnet.model.datasets import Dataset, load_dataset
from thumbnet.model.recipe import Recipe
from thumbnet.model.recipes import RECIPES
from thumbnet.model.train import evaluate_split, train

WEIGHTS = Path(__file__).parent / "lenet.safetensors"

# --8<-- [start:recipe]
RECIPE = RECIPES["lenet"].replace(epochs=20, translate=2)
# --8<-- [end:recipe]


# --8<-- [start:train]
def learn(recipe: Recipe, data: Dataset, *, show_progress: bool = False) -> tuple[Network, dict[str, Any]]:
    """Train by a recipe. Only training and validation images are read."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        network = train(recipe, data, Path(folder), device=torch.device("cpu"), show_progress=show_progress)
    accuracy, loss = evaluate_split(network, data.validation, recipe, torch.device("cpu"))
    return network, {
        "validation_accuracy": accuracy,
        "validation_loss": round(loss, 5),
        "seconds": round(time.perf_counter() - started, 1),
        "epochs": recipe.epochs,
        "seed": recipe.seed,
        "parameters": count_parameters(network),
        "macs": count_macs(network, in_channels=1, image_size=28),
    }


# --8<-- [end:train]


# --8<-- [start:test]
def test_accuracy(network: Network, data: Dataset) -> float:
    """The share of the test images that are read correctly. Call it once, when all choices are made."""
    return evaluate_split(network, data.test, RECIPE.replace(precision="fp32"), torch.device("cpu"))[0]


# --8<-- [end:test]


def save(network: Network) -> None:
    """Keep the weights beside this file, with 16 bits a number."""
    save_file({name: part.half().contiguous() for name, part in network.state_dict().items()}, WEIGHTS)
    WEIGHTS.chmod(0o644)


# --8<-- [start:load]
def trained() -> Network:
    """The network that this file trained, with the weights kept beside it."""
    network = build("lenet", num_classes=10, in_channels=1, image_size=28)
    network.load_state_dict({name: part.float() for name, part in load_file(WEIGHTS).items()})
    return network.eval()


# --8<-- [end:load]


def main() -> None:
    """Train in view, then read the test images once."""
    data = load_dataset("mnist", image_size=28, download=True)
    network, found = learn(RECIPE, data, show_progress=True)
    print(found)
    print(f"test: {test_accuracy(network, data):.2%}")


if __name__ == "__main__":
    main()
