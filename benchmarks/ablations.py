"""What each idea brought: the classical networks by one recipe, on MNIST and CIFAR-10, and ResNet-20 without its parts.

    python benchmarks/ablations.py                      all of it, some hours on two cores; goes on after a stop
    python benchmarks/ablations.py mnist/lenet-max-relu these runs alone; several processes may do different ones

Every network gets the same optimiser, learning rate, batch and augmentation, one seed, and a number of epochs that
depends on what it costs. So the accuracies are not the best that each can do, but comparable. The test split is read
once for each run, at its end. Results are added to results/ablations.json as they come; runs that are in it are not
repeated. Processor seconds are those of all threads; seconds are what the clock said, on a machine that may have done
other things. Needs `pip install 'thumbnet[train]'` and the data sets.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from machine import describe_machine
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results" / "ablations.json"
RUNS = Path("runs") / "ablations"
PACKAGES = ("thumbnet", "torch", "torchvision", "numpy")

LIGHT, HEAVY = 5e6, 100e6
"""Multiply-accumulates for an image: cheap under the first, expensive over the second."""
EPOCHS = {"mnist": (6, 3, 2), "cifar10": (12, 8, 5)}
"""Of cheap, medium and expensive networks."""

LENETS = {
    f"lenet-{pooling}-{activation}": ("lenet", {"pooling": pooling, "activation": activation})
    for pooling in ("max", "average")
    for activation in ("relu", "sigmoid", "tanh")
}
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "mlp": ("mlp", {}),
    **LENETS,
    "resnet20": ("resnet20", {}),
    "alexnet": ("alexnet", {}),
    "vgg11": ("vgg11", {}),
    "thumbnet": ("thumbnet", {}),
}
WITHOUT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "resnet20-without-residuals": ({"residual": False}, {}),
    "resnet20-without-batch-norm": ({"batch_norm": False}, {}),
    "resnet20-without-augmentation": ({}, {"flip": "none", "translate": 0}),
}
"""Name → (options, changes of the recipe), on CIFAR-10."""


def build_recipes() -> dict[str, Any]:
    """Name of a run → its recipe, the cheapest first."""
    from thumbnet.model.architectures import build, count_macs
    from thumbnet.model.recipe import Recipe

    runs = [
        (f"{dataset}/{name}", dataset, architecture, options, {})
        for dataset in EPOCHS
        for name, (architecture, options) in NETWORKS.items()
    ]
    runs += [
        (f"cifar10/{name}", "cifar10", "resnet20", options, changes) for name, (options, changes) in WITHOUT.items()
    ]
    costs, recipes = {}, {}
    for name, dataset, architecture, options, changes in runs:
        channels, size = (1, 28) if dataset == "mnist" else (3, 32)
        network = build(architecture, num_classes=10, in_channels=channels, image_size=size, options=options)
        macs = count_macs(network, channels, size)
        epochs = EPOCHS[dataset][(macs >= LIGHT) + (macs >= HEAVY)]
        recipe = Recipe(
            name=name.replace("/", "-"),
            dataset=dataset,
            image_size=size,
            architecture=architecture,
            options=options,
            epochs=epochs,
            batch_size=256,
            optimizer="adam",
            learning_rate=2e-3,
            weight_decay=0.01,
            warmup=0.05,
            schedule="cosine",
            flip="alternating" if dataset == "cifar10" else "none",
            translate=2,
        ).replace(**changes)
        costs[name], recipes[name] = macs * epochs, recipe
    return {name: recipes[name] for name in sorted(recipes, key=costs.__getitem__)}


def measure(name: str, recipe: Any) -> dict[str, Any]:
    """Train one network, or go on with it, and measure it."""
    import torch

    from thumbnet.model.architectures import count_macs, count_parameters
    from thumbnet.model.checkpoint import read_progress
    from thumbnet.model.datasets import load_dataset
    from thumbnet.model.train import CHECKPOINT, evaluate_split, train

    channels = 1 if recipe.dataset == "mnist" else 3
    data = load_dataset(recipe.dataset, image_size=recipe.image_size, channels=channels, download=True)
    folder, device = RUNS / name, torch.device("cpu")
    folder.mkdir(parents=True, exist_ok=True)
    before = time.process_time()
    network = train(recipe, data, folder, device=device)
    spent = time.process_time() - before
    metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return {
        "dataset": recipe.dataset,
        "architecture": recipe.architecture,
        "options": dict(recipe.options),
        "seed": recipe.seed,
        "epochs": recipe.epochs,
        "parameters": count_parameters(network),
        "macs": count_macs(network, channels, recipe.image_size),
        "validation_accuracy": [row["validation_accuracy"] for row in metrics],
        "loss": [round(row["loss"], 4) for row in metrics],
        "test_accuracy": evaluate_split(network, data.test, recipe, device)[0],
        "seconds": round(read_progress(folder / CHECKPOINT).seconds, 1),
        "processor_seconds": round(spent, 1),
        "processor": describe_machine()["processor"],
    }


def read_runs(file: Path) -> dict[str, Any]:
    """What has been measured."""
    return dict(json.loads(file.read_text(encoding="utf-8"))["runs"]) if file.exists() else {}


def show(runs: dict[str, Any]) -> None:
    """Print the results as a table."""
    table = Table("run", "parameters", "MMAC", "epochs", "test accuracy", "processor s", title="Ablations")
    for name, run in runs.items():
        table.add_row(
            name,
            f"{run['parameters']:,}",
            f"{run['macs'] / 1e6:.2f}",
            str(run["epochs"]),
            f"{run['test_accuracy']:.2%}",
            f"{run['processor_seconds']:,.0f}",
        )
    Console(highlight=False).print(table)


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what is not done yet."""
    from filelock import FileLock

    from thumbnet.model.files import write_json

    recipes = build_recipes()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", metavar="RUN", choices=[*recipes, []], help=", ".join(recipes))
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    for name in options.runs or recipes:
        if name in read_runs(options.out):
            continue
        print(f"{name}: {recipes[name].epochs} epochs", flush=True)
        measured = measure(name, recipes[name])
        with FileLock(f"{options.out}.lock"):
            done = read_runs(options.out) | {name: measured}
            runs = {name: done[name] for name in recipes if name in done}
            hours = sum(run["processor_seconds"] for run in runs.values()) / 3600
            machine = describe_machine(*PACKAGES)
            write_json(options.out, {"machine": machine, "processor_hours": round(hours, 2), "runs": runs})
    show(read_runs(options.out))


if __name__ == "__main__":
    main()
