"""Draw the figures of day 2, light and dark.

.venv/bin/python docs/course/day2/figures.py [name …]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from backprop import by_hand
from descent import WALKS, best_line, descend, loss, measurements
from losses import SLOPES, race
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import PercentFormatter
from safetensors.numpy import load_file

FOLDER = Path(__file__).parent
sys.path.append(str(FOLDER.parent))

from style import Ink, Plot, draw_all, picture  # noqa: E402

NAMES = {"cross_entropy": "cross-entropy", "mse": "squared error"}


def plot_losses(figure: Figure, ink: Ink) -> None:
    """Both losses of one answer, how hard each pulls, and who gets out of a bad start."""
    height, pull, way = figure.subplots(1, 3)
    p = np.linspace(0.001, 1, 300)
    height.plot(p, -np.log(p), color=ink.blue, label=NAMES["cross_entropy"])
    height.plot(p, 2 * (1 - p) ** 2, color=ink.orange, linestyle="--", label=NAMES["mse"])
    height.set(title="loss", xlabel="probability of the right class", ylim=(0, 7))
    height.legend()
    z = np.linspace(-8, 8, 300)
    logits, targets = np.stack([np.zeros_like(z), z], axis=1), np.tile([0.0, 1.0], (300, 1))
    steps = np.arange(100)
    for (name, slope), colour, dashes in zip(SLOPES.items(), (ink.blue, ink.orange), ("-", "--"), strict=True):
        pull.plot(z, np.abs(slope(logits, targets)[:, 1] * len(z)), color=colour, linestyle=dashes)
        way.plot(steps, race(name, 6.0, steps=100), color=colour, linestyle=dashes)
    pull.axvspan(-8, -4, color=ink.faint, alpha=0.6, linewidth=0)
    pull.text(-7.8, 0.5, "very wrong", fontsize=8.5)
    pull.set(title="slope: how hard it pulls", xlabel="logit of the right class", xlim=(-8, 8))
    way.set(title="from a start that is wrong by 6", xlabel="step", ylabel="probability of the right class")


def plot_descent(figure: Figure, ink: Ink) -> None:
    """Four walks over the same surface: the loss of a line through 200 points."""
    x, y = measurements()
    best = best_line()
    slopes, intercepts = np.meshgrid(np.linspace(-1.6, 3.6, 60), np.linspace(-2.6, 3.6, 60))
    errors = slopes[..., None] * x + intercepts[..., None] - y
    surface = (errors**2).mean(axis=-1)
    levels = surface.min() + np.geomspace(0.02, 60, 12)
    grid = figure.subplots(2, 2, sharex=True, sharey=True).ravel()
    for axes, (name, (rule, batch)), colour in zip(grid, WALKS.items(), ink.cycle, strict=False):
        axes.contour(slopes, intercepts, surface, levels=levels, colors=[ink.muted], linewidths=0.6, alpha=0.8)
        path = descend(rule(), batch)
        axes.plot(*path.T, color=colour, marker="o", markersize=3.5, linewidth=1.6)
        axes.plot(*path[0], "s", color=ink.text, markersize=7)
        axes.plot(*best, "*", color=ink.yellow, markersize=15, markeredgecolor=ink.text)
        axes.set_title(f"{name}: loss {loss(path[-1], x, y):.3f}")
        axes.grid(visible=False)
    for axes in grid[2:]:
        axes.set_xlabel("slope")
    for axes in grid[::2]:
        axes.set_ylabel("intercept")


def plot_chain(figure: Figure, ink: Ink) -> None:
    """The worked example: values forward above, slopes backward below."""
    slopes = by_hand()
    axes = figure.subplots()
    axes.axis("off")
    axes.set(xlim=(-0.75, 8.8), ylim=(-1.6, 1.05))
    boxes = {0: "x", 2: "z = w·x + b", 4: "h = relu(z)", 6: "y = v·h", 8: "(y − t)²"}
    values = {0: "2", 2: "2", 4: "2", 6: "3", 8: "4"}
    back = {2: f"{slopes['by_b']:.0f}", 4: "6", 6: "4", 8: "1"}
    for place, text in boxes.items():
        half = 0.35 if place == 0 else 0.68
        box = FancyBboxPatch(
            (place - half, -0.28), 2 * half, 0.56, "round,pad=0.04", facecolor="none", edgecolor=ink.text, linewidth=1.3
        )
        axes.add_patch(box)
        axes.text(place, 0, text, ha="center", va="center", fontsize=11)
        axes.text(place, 0.5, values[place], ha="center", color=ink.blue, fontsize=13, weight="bold")
        if place in back:
            axes.text(place, -0.72, back[place], ha="center", color=ink.orange, fontsize=13, weight="bold")
    for left, right in ((0.42, 1.24), (2.76, 3.24), (4.76, 5.24), (6.76, 7.24)):
        axes.annotate("", (right, 0.12), (left, 0.12), arrowprops={"arrowstyle": "->", "color": ink.blue, "lw": 1.6})
        if left > 1:
            axes.annotate(
                "", (left, -0.12), (right, -0.12), arrowprops={"arrowstyle": "->", "color": ink.orange, "lw": 1.6}
            )
    notes = ((2, f"w = 0.5, b = 1\nslopes {slopes['by_w']:.0f} and {slopes['by_b']:.0f}"), (4, "slope of ReLU: 1"))
    notes = (*notes, (6, f"v = 1.5\nslope {slopes['by_v']:.0f}"), (8, "t = 1"))
    for place, note in notes:
        axes.text(place, -1.05, note, ha="center", va="top", fontsize=9.5)
    axes.text(0.35, 0.52, "values →", color=ink.blue, fontsize=11)
    axes.text(0.35, -0.7, "← slopes", color=ink.orange, fontsize=11)


def plot_training(figure: Figure, ink: Ink) -> None:
    """Accuracy on training and validation images, with and without shifts; and the two losses."""
    runs = json.loads((FOLDER / "results.json").read_text("utf-8"))["runs"]
    left, right = figure.subplots(1, 2, sharey=True)
    for name, label, colour in (("no_shift", "as they are", ink.orange), ("chosen", "moved by a pixel", ink.blue)):
        for split, dashes in (("train", ":"), ("validation", "-")):
            rows = [epoch[split] for epoch in runs[name]["epochs"]]
            left.plot(range(1, len(rows) + 1), rows, color=colour, linestyle=dashes, label=f"{label}, {split}")
    for name, label, colour in (("mse", "squared error", ink.orange), ("chosen", "cross-entropy", ink.blue)):
        rows = [epoch["validation"] for epoch in runs[name]["epochs"]]
        right.plot(range(1, len(rows) + 1), rows, color=colour, label=f"{label}, validation")
    left.set(title="overfitting, and a cure", ylabel="accuracy", ylim=(0.93, 1.002))
    right.set(title="two losses, the same digits")
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.set_xticks([1, 5, 10, 15, 20])
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.legend(loc="lower right", fontsize=8.5)


def plot_hidden(figure: Figure, ink: Ink) -> None:
    """What 24 neurons of the first layer learned to look for."""
    weights = load_file(FOLDER / "hidden.safetensors")["weights"].astype(float)
    for axes, row in zip(figure.subplots(3, 8).ravel(), weights, strict=True):
        most = np.abs(row).max()
        picture(axes, row.reshape(28, 28), ink.signed, -most, most)


FIGURES: dict[str, tuple[Plot, tuple[float, float]]] = {
    "losses": (plot_losses, (9.6, 3.1)),
    "descent": (plot_descent, (8.6, 6.4)),
    "chain": (plot_chain, (9, 2.7)),
    "training": (plot_training, (9, 3.6)),
    "hidden": (plot_hidden, (8, 3.1)),
}

if __name__ == "__main__":
    draw_all(FOLDER / "images", FIGURES)
