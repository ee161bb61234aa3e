"""`thumbnet train` and `thumbnet evaluate`: make a model and measure it."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from safetensors import SafetensorError

from thumbnet.model import Classifier, ThumbnetError
from thumbnet.model.errors import MissingDependency, WeightsCorrupt

from .describing import describe, describe_classes, note_concerns
from .shared import WeightsOption, errors, folder_path, require_outside, require_writable, say

LOCK = ".lock"
OUT_OF_MEMORY = re.compile(r"can't allocate memory|not enough memory|out of memory", re.IGNORECASE)
"""What torch says on processors and GPUs."""
LOST = re.compile(r"gloo|nccl|connection (closed|reset) by peer", re.IGNORECASE)
"""The same where another process of the training is gone."""

if TYPE_CHECKING:
    import torch

    from thumbnet.model.datasets import Dataset
    from thumbnet.model.recipe import Recipe


def train(
    recipe: Annotated[
        str, typer.Option("--recipe", "-r", help="A named recipe or a JSON file; for --data it is chosen by size.")
    ] = "",
    data: Annotated[
        Path | None, typer.Option(parser=folder_path, help="A folder of images with a sub-folder for each class.")
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Pixels a side that the network sees: 32, 48 or 64.", show_default="the recipe's")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run folder.  [default: runs/NAME]", show_default=False)] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Change a field of the recipe: field=value (JSON).")
    ] = None,
    download: Annotated[bool, typer.Option("--download", help="Download the data set if it is missing.")] = False,
) -> None:
    """Train a network, measure it and write its weights folder. The same command goes on after a stop."""
    datasets = import_training_modules()
    from thumbnet.model import parallel

    given = dict(parse_change(change) for change in changes or [])
    if image_size is not None:
        given = {"image_size": image_size, **given}
    values, chosen = choose_recipe(recipe, data, given)
    folder = out or Path("runs") / values.name
    require_writable(folder, "Choose another with --out.")
    require_outside(folder, data)
    loaded = datasets.load_dataset(
        values.dataset,
        image_size=values.image_size,
        validation_share=values.validation_share,
        download=download,
    )
    with parallel.join_processes() as device:
        _train(values, chosen, loaded, folder, device)


def _train(recipe: Recipe, chosen: str, data: Dataset, folder: Path, device: torch.device) -> None:
    """Train and measure in the run folder. Of several processes the first alone says what happens."""
    from filelock import FileLock, Timeout

    from thumbnet.model import parallel, runs
    from thumbnet.model.datasets import DATASETS

    first = parallel.is_first()
    try:
        if first:
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / LOCK, timeout=0)
            lock.acquire()  # given back at the end of the process, however it ends
            describe(recipe, chosen, data, folder, device)
            if recipe.dataset not in DATASETS:
                describe_classes(data)
                note_concerns(data, folder)
        weights = runs.run(recipe, data, folder, device=device)
    except KeyboardInterrupt as stop:
        if first:
            errors.print(f"Stopped. The same command goes on from {folder}.", highlight=False, markup=False)
        raise typer.Exit(130) from stop
    except Timeout as error:
        raise ThumbnetError(
            f"another training writes to {folder}; wait for its end, or choose another folder with --out."
        ) from error
    except (RuntimeError, MemoryError) as error:
        if parallel.size() > 1 and LOST.search(str(error)):
            raise ThumbnetError("another process of this training has ended; its message says why.") from error
        if not isinstance(error, MemoryError) and not OUT_OF_MEMORY.search(str(error)):
            raise
        raise ThumbnetError(
            f"not enough memory for {recipe.architecture} and batches of {recipe.batch_size} images of "
            f"{recipe.image_size} pixels; lower one of them, with another --out."
        ) from error
    except (OSError, SafetensorError) as error:
        raise ThumbnetError(
            f"cannot write to {folder}: {error}. What was written before is whole, and the same command goes on "
            "from it once that is mended; or choose another folder with --out."
        ) from error
    if first:
        accuracy = json.loads((weights / "results.json").read_text(encoding="utf-8"))["test"]["accuracy"]
        path = shlex.quote(str(weights))
        say(f"Test accuracy {accuracy:.2%} of {len(data.test):,} images. Weights and card are in {weights}.")
        say(f"Next: thumbnet demo --weights {path}   or: thumbnet serve --weights {path}")


def choose_recipe(name: str, data: Path | None, changes: dict[str, Any]) -> tuple[Recipe, str]:
    """(the recipe with the changes, what to call it): the named one, or for a folder of images the one for its size.

    A network that cannot be built is refused here, before any image is read.
    """
    import torch

    from thumbnet.model.datasets import DATASETS, Dataset, Split
    from thumbnet.model.folders import TRAIN, list_folder
    from thumbnet.model.recipes import load_recipe, recipe_for
    from thumbnet.model.train import build_network

    if data and "dataset" in changes:
        raise ThumbnetError("received both --data and --set dataset=…; leave one of them out.")
    folder = list_folder(data) if data else None
    recipe = recipe_for(folder.counts[TRAIN]) if folder and not name else load_recipe(name or "cifar10")
    chosen = f"{recipe.name}: {recipe.summary}" if recipe.summary else recipe.name
    if folder:
        path = str(folder.root)
        recipe = recipe.replace(name=folder.name, dataset=f"./{path}" if path in DATASETS else path)
    recipe = _change(recipe, changes)
    if folder:
        size = recipe.image_size
        probe = Split(torch.zeros(2, 3, size, size, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64))
        build_network(recipe, Dataset("probe", folder.labels, probe, probe, probe))
    return recipe, chosen


def _change(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """The recipe with the changes. Weights to start from decide the network, and a network of one's own starts from
    nothing: of the two the one that is given wins."""
    if changes.get("start_from") and "architecture" not in changes:
        changes = {"architecture": "", "options": {}, **changes}
    elif recipe.start_from and "start_from" not in changes and {"architecture", "options"} & changes.keys():
        changes = {"start_from": "", "options": {}, **changes}
    return recipe.replace(**changes).resolved()


def import_training_modules() -> ModuleType:
    """Import what training needs, or say how to get it; return the module of data sets."""
    try:
        from thumbnet.model import datasets, runs  # noqa: F401
    except ImportError as error:
        raise MissingDependency(error.name or "torch", "train") from error
    return datasets


def parse_change(change: str) -> tuple[str, Any]:
    """`field=value` → the field and its value: JSON, or a bare word."""
    field, equals, value = change.partition("=")
    if not equals:
        raise typer.BadParameter(f"--set takes field=value; received {change!r}.")
    try:
        return field, json.loads(value)
    except ValueError:
        return field, value  # a bare word is a string


def evaluate(
    weights: WeightsOption = "cifar10",
    data: Annotated[
        str, typer.Option(help="A data set by name or folder.  [default: what it was trained on]", show_default=False)
    ] = "",
    every: Annotated[
        bool,
        typer.Option("--all", help="Measure every image, of a folder that the model has learned nothing from."),
    ] = False,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Measure spoilt images and images of none of the classes, too.")
    ] = False,
) -> None:
    """Measure a model on the test split of a data set and print the figures as JSON."""
    from thumbnet.model.weights import find_weights, read_results, verify_files

    import_training_modules()
    from thumbnet.model.evaluate import classifier_logits, measure

    folder = find_weights(weights)
    classifier = Classifier.load(folder, precision="fp32")  # as the card's figures are measured
    verify_files(folder, classifier.config)  # people check a folder with this command before they publish it
    name, images = _images_to_measure(weights, classifier, read_results(folder, classifier.config), data)
    split = images.all() if every else images.test
    figures = measure(*classifier_logits(classifier, split), classifier.config)
    if robustness:
        from thumbnet.model.robustness import measure_robustness

        figures |= measure_robustness(classifier, split, show_progress=sys.stderr.isatty())
    measured = {"weights": classifier.name, "dataset": name, "split": "all" if every else "test"}
    print(json.dumps(measured | figures, indent=2))


def _images_to_measure(
    weights: str, classifier: Classifier, results: dict[str, Any], given: str
) -> tuple[str, Dataset]:
    """The data that was given, or else that of the training, which the results tell; and what it is called.

    Raises ThumbnetError where it is not found, is not that of the training any more, or does not suit the model.
    """
    from thumbnet.model.datasets import DATASETS, load_dataset
    from thumbnet.model.folders import some

    recipe, trained_on = results.get("recipe", {}), results.get("data", {})
    known = {"dataset": str, "validation_share": float}
    if not isinstance(recipe, dict) or any(not isinstance(recipe.get(k, kind()), kind) for k, kind in known.items()):
        raise WeightsCorrupt(f"the results of {weights} have a recipe that makes no sense. Download or train it again.")
    data = given or recipe.get("dataset", "")
    if not data:
        raise ThumbnetError(f"{weights} does not say what it was trained on; give --data.")
    if not given and data not in DATASETS and not Path(data).is_dir():
        raise ThumbnetError(f"{weights} was trained on the folder {data}, which is not found from here; give --data.")
    seen = classifier.config.preprocessing
    images = load_dataset(
        data,
        image_size=seen.image_size,
        channels=seen.channels,
        validation_share=recipe.get("validation_share", 0.05),  # so that the same images are cut for the test
    )
    fingerprint = trained_on.get("fingerprint") if isinstance(trained_on, dict) else None
    if not given and fingerprint and fingerprint != images.fingerprint():
        raise ThumbnetError(
            f"{data} holds other images than those that {weights} was trained on; give --data to measure it on them."
        )
    if images.labels != classifier.labels:
        raise ThumbnetError(
            f"{data} has the classes {some(images.labels)}; {weights} knows {some(classifier.labels)}. "
            "They must be the same, in the same order."
        )
    if (channels := images.test.pixels.shape[1]) != seen.channels:
        raise ThumbnetError(
            f"{data} has images of {channels} channel(s); {weights} takes {seen.channels}. Give other data."
        )
    return data, images
