"""The `thumbnet` command: every door from the shell."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core
from rich.console import Console
from rich.progress import track
from rich.table import Table

import thumbnet
from thumbnet.model import Classifier, InvalidImage, Pixels, ThumbnetError
from thumbnet.model.classifier import BATCH_SIZE, Prediction
from thumbnet.model.errors import MissingDependency

if TYPE_CHECKING:
    from thumbnet.model.datasets import Dataset
    from thumbnet.model.recipe import Recipe

WeightsOption = Annotated[
    str, typer.Option("--weights", "-w", help="A shipped model, a weights folder, or a Hub repository (owner/name).")
]

errors = Console(stderr=True)
output = Console(soft_wrap=True)


class Command(typer.core.TyperGroup):
    """Turns thumbnet's own errors into one line and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except ThumbnetError as error:
            errors.print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=Command,
    help="Labelled thumbnails → a small CNN → a demo, an API and a model repository.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def main(version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False) -> None:
    """Labelled thumbnails → a small CNN → a demo, an API and a model repository."""
    if version:
        print(thumbnet.__version__)
        raise typer.Exit


@app.command()
def predict(
    images: Annotated[list[Path], typer.Argument(help="Image files.", show_default=False)],
    weights: WeightsOption = "cifar10",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    top_k: Annotated[int, typer.Option(min=1, help="How many classes to show.")] = 3,
) -> None:
    """Classify image files. A broken one is reported and the others go on; the exit code is then 1."""
    classifier = Classifier.load(weights)
    top_k = min(top_k, len(classifier.labels))
    broken = 0
    for path, answer in _answers(classifier, images, top_k):
        if isinstance(answer, InvalidImage):
            broken += 1
            if as_json:
                print(json.dumps({"image": str(path), "error": str(answer)}))
            errors.print(f"[bold red]error:[/] {path}: {answer}", highlight=False, soft_wrap=True)
        elif as_json:
            print(json.dumps({"image": str(path), **answer.to_dict()}))
        else:
            scores = "  ".join(f"{score.label} {score.probability:.1%}" for score in answer.scores)
            print(f"{path}: {scores}{'  (not sure: abstains)' if answer.abstained else ''}")
    if broken:
        errors.print(f"{broken} of {len(images)} images could not be read.", highlight=False)
        raise typer.Exit(1)


def _answers(
    classifier: Classifier, images: list[Path], top_k: int
) -> Iterator[tuple[Path, Prediction | InvalidImage]]:
    """Each image with its prediction or what is wrong with it, in order; progress is shown where there are many."""
    visible = len(images) > 2 * BATCH_SIZE and sys.stderr.isatty()
    starts = range(0, len(images), BATCH_SIZE)
    for start in track(starts, "classifying", console=errors, disable=not visible, transient=True):
        paths = images[start : start + BATCH_SIZE]
        read = [_read(classifier, path) for path in paths]
        predictions = iter(classifier.predict_pixels([r for r in read if not isinstance(r, InvalidImage)], top_k=top_k))
        for path, result in zip(paths, read, strict=True):
            yield path, result if isinstance(result, InvalidImage) else next(predictions)


def _read(classifier: Classifier, path: Path) -> Pixels | InvalidImage:
    try:
        return classifier.read(path)
    except InvalidImage as error:
        return error


@app.command()
def info(weights: WeightsOption = "cifar10") -> None:
    """Show what a model is, what it knows and how good it is, as JSON."""
    from thumbnet.model.weights import RESULTS, find_weights, read_config

    folder = find_weights(weights)
    config = read_config(folder).to_dict()
    if (folder / RESULTS).exists():
        results = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
        config |= {"results": {key: results[key] for key in ("dataset", "parameters", "macs", "validation", "test")}}
    print(json.dumps(config, indent=2, ensure_ascii=False))


@app.command()
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


@app.command()
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


@app.command()
def demo(
    weights: Annotated[
        list[str] | None, typer.Option("--weights", "-w", help="May be repeated; the shipped models by default.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 7860,
    share: Annotated[bool, typer.Option("--share", help="Make a public link that lasts some days.")] = False,
) -> None:
    """Serve the Gradio demo."""
    from thumbnet.demo.app import launch_demo

    launch_demo(weights or (), host=host, port=port, share=share)


@app.command()
def serve(
    weights: Annotated[
        str | None, typer.Option("--weights", "-w", help="What to serve.", show_default="cifar10")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(show_default="8000")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes.", show_default="one for each processor")] = None,
    threads: Annotated[
        int | None, typer.Option(help="Processor threads of a worker.", show_default="shared out")
    ] = None,
) -> None:
    """Serve the REST API. What is not given here is read from THUMBNET_WEIGHTS, THUMBNET_HOST, and so on."""
    try:
        from thumbnet.api import Settings
        from thumbnet.api.server import serve as run_server
    except ImportError as error:
        raise MissingDependency(error.name or "granian", "api") from error
    given = {"weights": weights, "host": host, "port": port, "workers": workers, "threads": threads}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    run_server(replace(Settings.from_environment(), **changes))
