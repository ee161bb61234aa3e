"""The pictures of a weights folder and of drift, as PNG files. Colours are safe for colour-blind readers."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from PIL import Image

from .drift import HISTOGRAMS, Feature
from .files import replacing
from .measures import MISTAKES
from .weights import PICTURES

if TYPE_CHECKING:
    from torch import Tensor  # drift is drawn where there is no torch

BLUE, ORANGE, GREEN, PINK, YELLOW, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
"""Okabe and Ito 2008. Where lines meet, their dashes and markers differ too."""
GREY, PALE = "#767676", "#d9d9d9"
FEW = 25
"""Images under which the accuracy of a bin is mostly chance."""
NAMED = 30
"""With more classes than this a confusion matrix names none of them."""
COUNTED = 20
"""With more classes than this it shows no counts."""


def draw_pictures(folder: Path, results: dict[str, Any], test: Tensor, metrics: Path | None = None) -> None:
    """Draw every picture of the card into a weights folder.

    results   what results.json says
    test      (N, C, H, W) uint8, the images of the test split
    metrics   the metrics.jsonl of the training, or none to leave its curves as they are

    What there is nothing to show of is left out, and removed where an earlier measurement drew it.
    """
    for name in PICTURES:
        if name != "curves.png":
            (folder / name).unlink(missing_ok=True)
    if metrics is not None:
        plot_curves(metrics, folder / "curves.png")
    if "confusion" in results:
        plot_confusion(results["confusion"], list(results["per_class"]), folder / "confusion.png")
    plot_reliability(results["reliability"], results["test"]["ece"], folder / "reliability.png")
    plot_risk_coverage(results["risk_coverage"], results["test"]["coverage"], folder / "coverage.png")
    if "corruptions" in results:
        plot_corruptions(results["corruptions"], folder / "corruptions.png")
    if results["mistakes"]:
        plot_mistakes(results["mistakes"], test, folder / "mistakes.png")


def plot_curves(metrics: Path, target: Path) -> None:
    """Draw loss and validation accuracy over the epochs of a metrics.jsonl."""
    rows = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    validated = [row for row in rows if "validation_accuracy" in row]
    epochs = [row["epoch"] for row in validated]
    marker = "." if len(rows) < 20 else ""
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    loss.plot(
        [row["epoch"] for row in rows], [row["loss"] for row in rows], color=BLUE, marker=marker, label="training"
    )
    dashes: Any = {"color": ORANGE, "linestyle": "--", "marker": marker}
    loss.plot(epochs, [row["validation_loss"] for row in validated], label="validation", **dashes)
    loss.set(xlabel="epoch", ylabel="loss")
    loss.legend(frameon=False)
    accuracy.plot(epochs, [row["validation_accuracy"] for row in validated], **dashes)
    accuracy.set(xlabel="epoch", ylabel="validation accuracy")
    accuracy.yaxis.set_major_formatter(PercentFormatter(1))
    for axes in (loss, accuracy):
        tidy(axes)
    save(figure, target)


def plot_confusion(confusion: list[list[int]], labels: list[str], target: Path) -> None:
    """Draw a confusion matrix, each row as shares of its true class."""
    counts = np.array(confusion)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    side = 1.5 + 0.45 * min(max(6, len(labels)), COUNTED)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes: Any = figure.subplots()
    axes.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1)  # the root makes rare confusions visible
    axes.set(xlabel="predicted", ylabel="true")
    if len(labels) <= NAMED:
        names = [short(label, 20) for label in labels]
        axes.set_xticks(range(len(labels)), names, rotation=45, ha="right", parse_math=False)
        axes.set_yticks(range(len(labels)), names, parse_math=False)
    if len(labels) <= COUNTED:
        for row, column in np.ndindex(*counts.shape):
            if counts[row, column]:
                colour = "white" if shares[row, column] > 0.3 else "black"
                axes.text(column, row, counts[row, column], ha="center", va="center", color=colour, fontsize=8)
    save(figure, target)


def plot_reliability(bins: list[dict[str, Any]], ece: float, target: Path) -> None:
    """Draw accuracy against confidence, and how many images have it. On the diagonal the two are equal."""
    figure = Figure(figsize=(4.5, 5), layout="constrained")
    axes, images = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    edges, widths = [row["from"] for row in bins], [row["to"] - row["from"] for row in bins]
    colours = [SKY if row["images"] >= FEW else PALE for row in bins]
    axes.bar(edges, [row["accuracy"] for row in bins], widths, align="edge", color=colours, edgecolor="white")
    axes.plot([0, 1], [0, 1], color=BLUE, linestyle="--", label="accuracy = confidence")
    axes.set(ylabel="accuracy", xlim=(0, 1), ylim=(0, 1), title=f"expected calibration error {ece:.2%}")
    axes.bar(0, 0, color=PALE, label=f"fewer than {FEW} images")
    axes.legend(loc="upper left", edgecolor="white")
    images.bar(edges, [row["images"] for row in bins], widths, align="edge", color=colours, edgecolor="white")
    images.set(xlabel="confidence: probability of the best class", ylabel="images", yscale="log")
    for each in (axes, images):
        tidy(each)
        each.xaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    save(figure, target)


def plot_risk_coverage(curve: dict[str, list[float]], coverage: float, target: Path) -> None:
    """Draw the share of mistakes among the answers against the share of images that are answered."""
    figure = Figure(figsize=(5.5, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(curve["coverage"], curve["risk"], color=BLUE)
    axes.axvline(coverage, color=GREY, linestyle="--", label=f"answers {coverage:.1%}, abstains from the rest")
    axes.set(xlabel="images answered, the most certain first", ylabel="mistakes among the answers", xlim=(0, 1))
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, loc="upper center")
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    tidy(axes)
    save(figure, target)


def plot_corruptions(corruptions: dict[str, Any], target: Path) -> None:
    """Draw accuracy against severity, a line for each corruption."""
    figure = Figure(figsize=(5.5, 4), layout="constrained")
    axes = figure.subplots()
    styles = zip((BLUE, ORANGE, GREEN, PINK, YELLOW, SKY), "os^Dv*", strict=True)
    for (name, row), (colour, marker) in zip(corruptions["kinds"].items(), styles, strict=False):
        accuracy = [corruptions["clean_accuracy"], *row["accuracy"]]
        axes.plot(range(len(accuracy)), accuracy, color=colour, marker=marker, markersize=5, label=name)
    axes.set(xlabel="severity (0: as it was)", ylabel="accuracy")
    axes.set_ylim(top=1)
    axes.legend(frameon=False, fontsize=8)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    tidy(axes)
    save(figure, target)


def plot_mistakes(mistakes: list[dict[str, Any]], images: Tensor, target: Path, columns: int = 8) -> None:
    """Draw wrongly classified images, enlarged without smoothing, each with what it is and what was said."""
    mistakes = mistakes[: max(columns, MISTAKES * 32**2 // images.shape[-1] ** 2)]  # larger images make larger files
    columns = min(columns, len(mistakes))
    rows = -(-len(mistakes) // columns)
    figure = Figure(figsize=(1.2 * columns, 1.6 * rows), layout="constrained")
    grid = np.ravel(figure.subplots(rows, columns, squeeze=False))
    for axes in grid:
        axes.axis("off")
    for axes, mistake in zip(grid, mistakes, strict=False):
        pixels = images[mistake["image"]].permute(1, 2, 0).numpy()
        axes.imshow(pixels.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        probability = f"{mistake['probability']:.0%}" if mistake["probability"] < 0.995 else "> 99%"
        said = f"{short(mistake['predicted'])}, {probability}"
        axes.set_title(f"{short(mistake['label'])}\nsaid {said}", fontsize=6.5, parse_math=False)
    save(figure, target, colours=None)


def plot_drift(features: list[Feature], target: Path) -> None:
    """Draw the shares of each feature's bins, in the baseline and now."""
    figure = Figure(figsize=(12, 7), layout="constrained")
    grid = figure.subplots(2, 3).ravel()
    for axes, feature in zip(grid, features, strict=False):
        places = np.arange(len(feature.expected))
        for counts, side, label, colour in (
            (feature.expected, -0.2, "baseline", GREY),
            (feature.found, 0.2, "now", ORANGE),
        ):
            shares = np.array(list(counts.values())) / max(1, sum(counts.values()))
            axes.bar(places + side, shares, 0.4, color=colour, label=label)
        names = [f"≤ {name}" if feature.name in HISTOGRAMS else short(name) for name in feature.expected]
        if len(names) <= NAMED:
            axes.set_xticks(places, names, rotation=45, ha="right", fontsize=8, parse_math=False)
        axes.set(title=f"{feature.name}: PSI {feature.psi:.3f}, {feature.verdict}", ylabel="share of images")
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        tidy(axes)
    grid[-1].axis("off")
    grid[-1].legend(*grid[0].get_legend_handles_labels(), loc="center", frameon=False, fontsize=12)
    save(figure, target)


def short(label: str, letters: int = 12) -> str:
    """A label that leaves room for others."""
    return label if len(label) <= letters else f"{label[: letters - 1]}…"


def tidy(axes: Axes) -> None:
    """A light grid, and no frame."""
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, target: Path, colours: int | None = 256) -> None:
    """Write a figure as a small PNG, whole or not at all, with so many colours and nothing but the picture in it."""
    figure.set_dpi(110)
    canvas: Any = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # labels may be in any script; some show as boxes
        canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    if colours is not None:
        image = image.quantize(colours, dither=Image.Dither.NONE)
    with replacing(target) as temporary:
        image.save(temporary, "PNG", optimize=True)
