"""Draw the figures of day 7, light and dark.

.venv/bin/python docs/course/day7/figures.py [name …]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from photos import DIRECTIONS, photographs, turn

FOLDER = Path(__file__).parent
sys.path.append(str(FOLDER.parent))

from style import Ink, Plot, draw_all, picture  # noqa: E402

NAMES = {
    "baseline": "baseline",
    "no_flip": "without mirroring",
    "no_flip_cutout": "without mirroring,\nwith cutout",
}


def read_results() -> Any:
    """What measure.py has found."""
    return json.loads((FOLDER / "results.json").read_text("utf-8"))


def plot_photos(figure: Figure, ink: Ink) -> None:
    """Two photographs of each class."""
    images, names = photographs()
    turned = turn(images)
    for place, axes in enumerate(figure.subplots(1, 8)):
        title = DIRECTIONS[place % 4]
        picture(axes, turned[place], ink.grey, 0, 255, f"{title}\n({names[place].partition('-')[2]})")
        axes.title.set_fontsize(9)


def plot_confusion(figure: Figure, ink: Ink) -> None:
    """Which directions are taken for which, mirrored in training and not."""
    results = read_results()
    order = [results["labels"].index(direction) for direction in DIRECTIONS]
    for axes, name in zip(figure.subplots(1, 2), ("baseline", "no_flip"), strict=True):
        counts = np.array(results["analysis"][name]["confusion"])[np.ix_(order, order)]
        picture(axes, counts, ink.heat, 0, 1.3 * counts.max(), NAMES[name])
        for (row, column), count in np.ndenumerate(counts):
            axes.text(column, row, str(count), ha="center", va="center")
        axes.set_xticks(range(4), DIRECTIONS)
        axes.set_yticks(range(4), DIRECTIONS)
        axes.set(xlabel="answer", ylabel="truth")


def plot_ablation(figure: Figure, ink: Ink) -> None:
    """Validation accuracy of every seed of every variant, and their means."""
    results = read_results()
    axes = figure.subplots()
    for place, name in enumerate(NAMES):
        row = results["variants"][name]
        axes.plot([100 * each for each in row["accuracies"]], [place] * len(row["accuracies"]), "o", color=ink.sky)
        axes.plot(100 * row["mean"], place, "|", color=ink.blue, markersize=18, markeredgewidth=3)
    axes.axvline(100 * results["data"]["brightest_edge"], color=ink.orange, linestyle="--", linewidth=1.5)
    axes.text(100 * results["data"]["brightest_edge"] + 0.3, -0.55, "brightest edge", color=ink.orange, va="center")
    axes.set_yticks(range(len(NAMES)), list(NAMES.values()))
    axes.set(xlabel="accuracy on validation images, %", ylim=(len(NAMES) - 0.5, -0.9))
    axes.grid(visible=False, axis="y")


def plot_worst(figure: Figure, ink: Ink) -> None:
    """The mistakes that the chosen network is surest of."""
    labels = read_results()["labels"]
    with np.load(FOLDER / "worst.npz") as worst:
        for place, axes in enumerate(figure.subplots(2, 6).ravel()):
            title = f"{labels[worst['labels'][place]]}, not {labels[worst['answers'][place]]}"
            picture(axes, worst["pixels"][place].transpose(1, 2, 0), ink.grey, 0, 255, title)
            axes.title.set_fontsize(9)


FIGURES: dict[str, tuple[Plot, tuple[float, float]]] = {
    "photos": (plot_photos, (8.6, 1.7)),
    "confusion": (plot_confusion, (8.6, 3.6)),
    "ablation": (plot_ablation, (8, 2.8)),
    "worst": (plot_worst, (8.6, 3.3)),
}

if __name__ == "__main__":
    draw_all(FOLDER / "images", FIGURES)
