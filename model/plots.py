"""Pictures of a run, as PNG files: curves and confusion matrix. Colours are safe for colour-blind readers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .files import replacing

BLUE, ORANGE = "#0072B2", "#D55E00"  # Okabe and Ito 2008


def plot_curves(metrics: Path, target: Path) -> None:
    """Draw loss and validation accuracy over the epochs of a metrics.jsonl."""
    rows = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    epochs = [row["epoch"] for row in rows]
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    loss.plot(epochs, [row["loss"] for row in rows], color=BLUE, label="training")
    loss.plot(epochs, [row["validation_loss"] for row in rows], color=ORANGE, linestyle="--", label="validation")
    loss.set(xlabel="epoch", ylabel="loss")
    loss.legend(frameon=False)
    accuracy.plot(epochs, [100 * row["validation_accuracy"] for row in rows], color=ORANGE)
    accuracy.set(xlabel="epoch", ylabel="validation accuracy, %")
    for axes in (loss, accuracy):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    save(figure, target)


def plot_confusion(confusion: list[list[int]], labels: list[str], target: Path) -> None:
    """Draw a confusion matrix, each row as shares of its true class."""
    counts = np.array(confusion)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    side = max(4.0, 1.5 + 0.45 * len(labels))
    figure = Figure(figsize=(side, side), layout="constrained")
    axes: Any = figure.subplots()
    axes.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1)  # the root makes rare confusions visible
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="predicted", ylabel="true")
    if len(labels) <= 20:
        for row, column in np.ndindex(*counts.shape):
            if counts[row, column]:
                colour = "white" if shares[row, column] > 0.3 else "black"
                axes.text(column, row, counts[row, column], ha="center", va="center", color=colour, fontsize=8)
    save(figure, target)


def save(figure: Figure, target: Path) -> None:
    """Write a figure as PNG, whole or not at all, without the version of the plotting library in it."""
    FigureCanvasAgg(figure)
    with replacing(target) as temporary:
        figure.savefig(temporary, format="png", dpi=110, metadata={"Software": None})
