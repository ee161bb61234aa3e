"""A whole run: recipe and data → trained, calibrated, measured weights folder with card and pictures.

A run folder holds
    recipe.json               what was trained, and how
    metrics.jsonl             a line for each epoch
    checkpoint.safetensors    where to go on after a stop
    weights/                  the weights folder (see weights.py), with the pictures of the card (see plots.py)
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch

from . import parallel
from .architectures import Network, count_macs, count_parameters
from .calibrate import calibrate
from .card import write_card
from .checkpoint import read_progress
from .classifier import Classifier
from .datasets import Dataset
from .evaluate import evaluate
from .files import replacing_folder, write_json
from .images import Preprocessing
from .plots import draw_pictures
from .recipe import Recipe
from .robustness import measure_robustness
from .train import CHECKPOINT, train
from .weights import CARD, CONFIG, HASHED, PICTURES, RESULTS, WeightsConfig, read_config, save_weights, write_config


def run(recipe: Recipe, data: Dataset, folder: Path, *, device: torch.device, show_progress: bool = True) -> Path:
    """Train, or go on with what the folder holds, then measure; return the weights folder.

    Raises what `train` and `save_weights` raise. The test split is read once, after everything else is decided. Of
    several processes the first alone does what follows the training.
    """
    network = train(recipe, data, folder, device=device, show_progress=show_progress)
    if not parallel.is_first():
        return folder / "weights"
    facts = {
        "recipe": recipe.to_dict(),
        "data": {"fingerprint": data.fingerprint(), "cut": list(data.findings.cut)},
        **network_figures(network, data),
        "training": training_figures(recipe, folder),
    }
    with replacing_folder(folder / "weights") as weights:  # which are whole only once they are calibrated and measured
        save_weights(weights, network, weights_config(recipe, data))
        measure_weights(weights, data, facts, metrics=folder / "metrics.jsonl", show_progress=show_progress)
        keep_others(folder / "weights", weights)
    return folder / "weights"


def keep_others(before: Path, weights: Path) -> None:
    """Copy what else lies in the weights folder of before, such as a clone's history or exports of one's own."""
    ours = {CONFIG, CARD, *HASHED, *PICTURES}
    for path in before.iterdir() if before.is_dir() else ():
        if path.name in ours:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, weights / path.name, symlinks=True)
        else:
            shutil.copy2(path, weights / path.name, follow_symlinks=False)


def measure_weights(
    weights: Path, data: Dataset, facts: dict[str, Any], *, metrics: Path | None = None, show_progress: bool = True
) -> None:
    """Calibrate a weights folder on the validation split, measure it on the test split, write results, pictures, card.

    facts     further entries of results.json: recipe, parameters, macs, training
    metrics   the metrics.jsonl of the training, or none to leave its curves as they are
    """
    abstention = calibrate(weights, data.validation)
    classifier = Classifier.load(weights, precision="fp32")
    results = {
        **evaluate(classifier, data),
        "abstention": abstention,
        **measure_robustness(classifier, data.test, show_progress=show_progress),
        **facts,
    }
    draw_pictures(weights, results, data.test.pixels, metrics)
    write_results(weights, results)


def write_results(weights: Path, results: dict[str, Any]) -> None:
    """Write results.json, its sha256 in config.json, and the card."""
    write_json(weights / RESULTS, results)
    write_config(weights, read_config(weights))
    write_card(weights)


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


def training_figures(recipe: Recipe, folder: Path) -> dict[str, Any]:
    """What the training took, as read from the last checkpoint: it may have been made on another machine."""
    progress = read_progress(folder / CHECKPOINT)
    return {"seconds": round(progress.seconds, 1), "epochs": recipe.epochs, **progress.machine}
