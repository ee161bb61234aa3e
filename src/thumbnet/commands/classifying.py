"""`thumbnet predict`, `thumbnet explain` and `thumbnet info`: use a model. Needs no torch."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from rich.markup import escape
from rich.progress import track

from thumbnet.model import Classifier, InvalidArgument, InvalidImage, Pixels
from thumbnet.model import explain as explain_image
from thumbnet.model.classifier import BATCH_SIZE, Prediction
from thumbnet.model.explain import MAX_SIZE
from thumbnet.model.folders import shown
from thumbnet.model.images import read_own_file

from .shared import WeightsOption, errors, require_png


def predict(
    images: Annotated[list[Path], typer.Argument(help="Image files.", show_default=False, readable=False)],
    weights: WeightsOption = "cifar10",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    top_k: Annotated[int, typer.Option(min=1, help="How many classes to show.")] = 3,
) -> None:
    """Classify image files. A broken one is reported and the others go on; the exit code is then 1."""
    classifier = Classifier.load(weights)
    classifier.check()
    top_k = min(top_k, len(classifier.labels))
    broken = 0
    for path, answer in _answers(classifier, images, top_k):
        if isinstance(answer, InvalidImage):
            broken += 1
            if as_json:
                print(json.dumps({"image": str(path), "error": str(answer)}))
            said = str(answer) if str(path) in str(answer) else f"{path}: {answer}"
            errors.print(f"[bold red]error:[/] {escape(shown(said))}", highlight=False, soft_wrap=True)
        elif as_json:
            print(json.dumps({"image": str(path), **answer.to_dict()}))
        else:
            scores = "  ".join(f"{shown(score.label)} {score.probability:.1%}" for score in answer.scores)
            print(f"{shown(str(path))}: {scores}{'  (not sure: abstains)' if answer.abstained else ''}")
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
        return _read_own(classifier, path)
    except InvalidImage as error:
        return error


def _read_own(classifier: Classifier, path: Path) -> Pixels:
    """What the network sees of a file, which may be as large as those that `thumbnet train` takes."""
    with warnings.catch_warnings(category=Image.DecompressionBombWarning, action="ignore"):
        return read_own_file(path, classifier.config.preprocessing)


def explain(
    image: Annotated[Path, typer.Argument(help="Image file.", show_default=False)],
    weights: WeightsOption = "cifar10",
    label: Annotated[str | None, typer.Option(help="The class to look for.", show_default="the best one")] = None,
    out: Annotated[Path, typer.Option(help="The picture to write, a PNG file.")] = Path("heatmap.png"),
    size: Annotated[int, typer.Option(min=1, max=MAX_SIZE, help="About its sides, in pixels.")] = 256,
) -> None:
    """Show where the network looked: what it saw of the image, with heat on what speaks for the class."""
    require_png("--out", out)
    classifier = Classifier.load(weights)
    classifier.check()
    explanation = explain_image(classifier, _read_own(classifier, image), label)
    try:
        out.write_bytes(explanation.png(size=size))
    except OSError as error:
        raise InvalidArgument(f"cannot write {out}: {error.strerror}. Give another file to --out.") from error
    cold = "" if explanation.heatmap.any() else "  (no part of the image speaks for it)"
    print(f"{shown(str(image))}: {shown(explanation.label)} {explanation.probability:.1%}{cold}; see {out}")


def info(weights: WeightsOption = "cifar10") -> None:
    """Show what a model is, what it knows and how good it is, as JSON."""
    from thumbnet.model.weights import find_weights, read_config, read_results

    folder = find_weights(weights)
    config = read_config(folder)
    results = read_results(folder, config)
    kept = [key for key in ("dataset", "parameters", "macs", "validation", "test") if key in results]
    figures = {"results": {key: results[key] for key in kept}} if kept else {}
    print(json.dumps(config.to_dict() | figures, indent=2))
