"""`thumbnet train` and `thumbnet evaluate`: make a model and measure it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from thumbnet.model import Classifier, ThumbnetError
from thumbnet.model.errors import MissingDependency

from .shared import WeightsOption, errors, output

if TYPE_CHECKING:
    from thumbnet.model.datasets import Dataset
    from thumbnet.model.recipe import Recipe


def train(
    recipe: Annotated[str, typer.Option("--recipe", "-r", help="A named recipe or a JSON file.")] = "",
    data: Annotated[Path | None, typer.Option(help="A folder of images with a sub-folder for each class.")] = None,
    out: Annotated[Path | None, typer.Option(help="The run folder.  [default: runs/NAME]", show_default=False)] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Change a field of the recipe: field=value (JSON).")
    ] = None,
    download: Annotated[bool, typer.Option("--download", help="Download the data set if it is missing.")] = False,
) -> None:
    """Train a network, measure it and write its weights folder. The same command goes on after a stop."""
    torch, runs, datasets, recipes = _training_modules()
    values = recipes.Recipe.load(recipe or ("images" if data else "cifar10"))
    if data:
        values = values.replace(name=data.resolve().name, dataset=str(data))
    values = values.replace(**dict(_parse_change(change) for change in changes or []))
    folder = out or Path("runs") / values.name
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    loaded = datasets.load_dataset(
        values.dataset,
        image_size=values.image_size,
        validation_share=values.validation_share,
        download=download,
    )
    _describe(values, loaded, folder, str(device))
    try:
        weights = runs.run(values, loaded, folder, device=device)
    except KeyboardInterrupt as stop:
        errors.print(f"Stopped. The same command goes on from {folder}.", highlight=False)
        raise typer.Exit(130) from stop
    results = json.loads((weights / "results.json").read_text(encoding="utf-8"))
    output.print(
        f"Test accuracy {results['test']['accuracy']:.2%}. Weights and card are in {weights}.", highlight=False
    )
    output.print(f"Next: thumbnet demo --weights {weights}   or: thumbnet serve --weights {weights}", highlight=False)


def _training_modules() -> tuple[Any, Any, Any, Any]:
    """torch and the modules that need it, imported only when a command trains."""
    try:
        import torch

        from thumbnet.model import datasets, recipe, runs
    except ImportError as error:
        raise MissingDependency(error.name or "torch", "train") from error
    return torch, runs, datasets, recipe


def _parse_change(change: str) -> tuple[str, Any]:
    field, equals, value = change.partition("=")
    if not equals:
        raise typer.BadParameter(f"--set takes field=value; received {change!r}.")
    try:
        return field, json.loads(value)
    except ValueError:
        return field, value  # a bare word is a string


def _describe(recipe: Recipe, data: Dataset, folder: Path, device: str) -> None:
    table = Table(show_header=False, box=None)
    table.add_row(
        "recipe", f"{recipe.name}: {recipe.architecture}, {recipe.epochs} epochs, seed {recipe.seed}, {device}"
    )
    table.add_row("data", f"{data.name}: {len(data.labels)} classes")
    table.add_row("images", f"{len(data.train)} train, {len(data.validation)} validation, {len(data.test)} test")
    table.add_row("run folder", str(folder))
    output.print(table, highlight=False)
    for reason in data.unreadable:
        errors.print(f"[yellow]left out[/] {reason}", highlight=False, soft_wrap=True)


def evaluate(
    weights: WeightsOption = "cifar10",
    data: Annotated[
        str, typer.Option(help="A data set by name or folder.  [default: what it was trained on]", show_default=False)
    ] = "",
) -> None:
    """Measure a model on the test split of a data set and print the figures as JSON."""
    from thumbnet.model.weights import RESULTS, find_weights

    _, _, datasets, _ = _training_modules()
    from thumbnet.model.evaluate import classifier_logits, measure

    folder = find_weights(weights)
    classifier = Classifier.load(folder)
    if not data:
        try:
            data = json.loads((folder / RESULTS).read_text(encoding="utf-8"))["recipe"]["dataset"]
        except (OSError, ValueError, KeyError) as error:
            raise ThumbnetError(f"{folder} does not say what it was trained on; give --data.") from error
    loaded = datasets.load_dataset(data, image_size=classifier.config.preprocessing.image_size)
    if loaded.labels != classifier.labels:
        raise ThumbnetError(
            f"{data} has the classes {', '.join(loaded.labels)}; {weights} knows {', '.join(classifier.labels)}. "
            "They must be the same, in the same order."
        )
    figures = measure(*classifier_logits(classifier, loaded.test), classifier.config)
    print(json.dumps({"weights": classifier.name, "dataset": data, "split": "test", **figures}, indent=2))
