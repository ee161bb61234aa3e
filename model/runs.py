"""A whole run: recipe and data → trained, calibrated, measured weights folder with card and pictures.

A run folder holds
    recipe.json               what was trained, and how
    metrics.jsonl             a line for each epoch
    checkpoint.safetensors    where to go on after a stop
    curves.png                loss and accuracy over the epochs
    weights/                  the weights folder (see weights.py), with confusion.png
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from .architectures import Network, count_macs, count_parameters
from .card import write_card
from .checkpoint import read_progress
from .classifier import Classifier
from .datasets import Dataset
from .evaluate import calibrate, evaluate
from .files import write_json
from .images import Preprocessing
from .plots import plot_confusion, plot_curves
from .recipe import Recipe
from .train import CHECKPOINT, train, uses_bf16
from .weights import RESULTS, WeightsConfig, read_config, save_weights, write_config


def run(recipe: Recipe, data: Dataset, folder: Path, *, device: torch.device, show_progress: bool = True) -> Path:
    """Train, or go on with what the folder holds, then measure; return the weights folder.

    Raises what `train` raises. The test split is read once, after everything else is decided.
    """
    network = train(recipe, data, folder, device=device, show_progress=show_progress)
    plot_curves(folder / "metrics.jsonl", folder / "curves.png")
    weights = folder / "weights"
    save_weights(weights, network.cpu(), weights_config(recipe, data))
    calibrate(weights, data.validation)
    results = {
        **evaluate(Classifier.load(weights), data),
        "recipe": recipe.to_dict(),
        **network_figures(network, data),
        "training": training_figures(recipe, folder, device),
    }
    write_json(weights / RESULTS, results)
    write_config(weights, read_config(weights))  # now with the sha256 of the results
    plot_confusion(results["confusion"], list(data.labels), weights / "confusion.png")
    write_card(weights)
    return weights


def weights_config(recipe: Recipe, data: Dataset) -> WeightsConfig:
    """The config of a freshly trained network, not yet calibrated."""
    _, channels, size, _ = data.train.pixels.shape
    return WeightsConfig(
        name=recipe.name,
        architecture=recipe.architecture,
        options=recipe.options,
        labels=data.labels,
        preprocessing=Preprocessing(image_size=size, channels=channels),
    )


def network_figures(network: Network, data: Dataset) -> dict[str, int]:
    """Size and cost of the network."""
    _, channels, size, _ = data.train.pixels.shape
    return {"parameters": count_parameters(network), "macs": count_macs(network, channels, size)}


def training_figures(recipe: Recipe, folder: Path, device: torch.device) -> dict[str, Any]:
    """What the training took, as read from the last checkpoint."""
    return {
        "seconds": round(read_progress(folder / CHECKPOINT).seconds, 1),
        "epochs": recipe.epochs,
        "device": device.type,
        "precision": "bf16" if uses_bf16(recipe, device) else "fp32",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
