"""The runs of the worked example, as `thumbnet train` and `thumbnet tune` make them, but without a look at the test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from thumbnet.model.datasets import Dataset, load_dataset
from thumbnet.model.recipe import Recipe
from thumbnet.model.recipes import load_recipe
from thumbnet.model.train import train

VALIDATION_SHARE, EPOCHS = 0.15, 20
NETWORK = {"start_from": "", "architecture": "thumbnet", "options": {"widths": [16, 24, 48, 64]}}
"""A narrow network that has seen no photograph before."""
VARIANTS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "no_flip": {"flip": "none"},
    "no_flip_cutout": {"flip": "none", "cutout": 8},
}
"""What each variant changes in the recipe for folders of images; each differs in one field from the one before it."""
SEEDS = (0, 1, 2)
SEARCH = ("learning_rate=0.0005:0.01:log", "label_smoothing=0:0.2", "translate=0:4")
TRIALS, TRIAL_EPOCHS = 6, 8


def read_photos(folder: Path) -> Dataset:
    """The three splits that `thumbnet train --data` cuts."""
    return load_dataset(str(folder), image_size=32, validation_share=VALIDATION_SHARE)


# --8<-- [start:learn]
def base_recipe(folder: Path) -> Recipe:
    """What `thumbnet train --data` would take for so many images, with a network of our own."""
    recipe = load_recipe("images").replace(name=folder.name, dataset=str(folder))
    return recipe.replace(validation_share=VALIDATION_SHARE, epochs=EPOCHS, **NETWORK)


def learn(recipe: Recipe, data: Dataset, folder: Path) -> tuple[torch.nn.Module, float]:
    """A trained network and its accuracy on validation images. The test split is not read."""
    network = train(recipe, data, folder, device=torch.device("cpu"), show_progress=False)
    *_, last = (folder / "metrics.jsonl").read_text("utf-8").splitlines()
    return network, float(json.loads(last)["validation_accuracy"])


def learn_each(
    changes: dict[str, Any], data: Dataset, recipe: Recipe, folder: Path, seeds: Sequence[int]
) -> list[float]:
    """Validation accuracies of a variant, one for each seed."""
    return [learn(recipe.replace(**changes, seed=seed), data, folder / str(seed))[1] for seed in seeds]


# --8<-- [end:learn]
