"""Draw the figures of day 3, light and dark.

.venv/bin/python docs/course/day3/figures.py [name …]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from convolution import EDGE, IMAGE, slide
from lenet import trained
from looking import feature_maps, first_kernels, strongest_patches
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from thumbnet.model.datasets import load_dataset

FOLDER = Path(__file__).parent
sys.path.append(str(FOLDER.parent))

from style import Ink, Plot, draw_all, picture  # noqa: E402


def digits() -> tuple[np.ndarray, np.ndarray]:
    """The validation images, (N, 28, 28) from 0 to 255, and their labels."""
    validation = load_dataset("mnist", image_size=28, download=True).validation
    return validation.pixels[:, 0].numpy(), validation.labels.numpy()


def first_of(digit: int) -> np.ndarray:
    """The first validation image of a digit, (28, 28)."""
    images, labels = digits()
    return images[labels == digit][0]


def write_numbers(axes: Axes, values: np.ndarray, ink: Ink, most: float) -> None:
    """A matrix as coloured squares with its numbers on them."""
    picture(axes, values, ink.signed, -most, most)
    for (row, column), value in np.ndenumerate(values):
        axes.text(column, row, f"{value:g}".replace("-", "−"), ha="center", va="center", fontsize=11)
    for edge in range(values.shape[1] + 1):
        axes.plot([edge - 0.5] * 2, [-0.5, values.shape[0] - 0.5], color=ink.muted, linewidth=0.6)
    for edge in range(values.shape[0] + 1):
        axes.plot([-0.5, values.shape[1] - 0.5], [edge - 0.5] * 2, color=ink.muted, linewidth=0.6)


def plot_sliding(figure: Figure, ink: Ink) -> None:
    """The worked example: image, kernel, result, with one window marked."""
    grid = figure.subplots(1, 3, width_ratios=[6, 3, 4])
    found = slide(IMAGE, EDGE)
    for axes, values, most in zip(grid, (IMAGE, EDGE, found), (2.5, 3, 6), strict=True):
        write_numbers(axes, values, ink, most)
    grid[0].add_patch(Rectangle((0.5, -0.5), 3, 3, facecolor="none", edgecolor=ink.green, linewidth=4))
    grid[2].add_patch(Rectangle((0.5, -0.5), 1, 1, facecolor="none", edgecolor=ink.green, linewidth=4))
    grid[0].set_title("image, 4 × 6")
    grid[1].set_title("kernel, 3 × 3")
    grid[2].set_title("dot products, 2 × 4")


def plot_edges(figure: Figure, ink: Ink) -> None:
    """A digit under the edge kernel and under the same kernel turned."""
    seven = first_of(7) / 255
    grid = figure.subplots(1, 4)
    picture(grid[0], seven, ink.grey, 0, 1, "a digit")
    across, down = slide(seven, EDGE), slide(seven, EDGE.T)
    picture(grid[1], across, ink.signed, -4, 4, "brighter to the right")
    picture(grid[2], down, ink.signed, -4, 4, "brighter downwards")
    picture(grid[3], np.hypot(across, down), ink.grey, 0, 4, "edges any way")


def plot_places(figure: Figure, ink: Ink) -> None:
    """Where a 3×3 kernel goes on a 5×5 image: as it is, padded by 1, in strides of 2."""
    grid = figure.subplots(1, 3)
    settings = (("no padding, stride 1: 3 × 3", 0, 1), ("padding 1, stride 1: 5 × 5", 1, 1))
    settings = (*settings, ("padding 1, stride 2: 3 × 3", 1, 2))
    for axes, (title, padding, stride) in zip(grid, settings, strict=True):
        for row in range(-padding, 5 + padding):
            for column in range(-padding, 5 + padding):
                inside = 0 <= row < 5 and 0 <= column < 5
                style = {"facecolor": ink.sky if inside else "none", "alpha": 0.45 if inside else 1.0}
                axes.add_patch(Rectangle((column, row), 1, 1, edgecolor=ink.muted, linewidth=0.8, **style))
        centres = range(1 - padding, 4 + padding, stride)
        for row in centres:
            for column in centres:
                axes.plot(column + 0.5, row + 0.5, "o", color=ink.orange, markersize=7)
        corner = -padding
        axes.add_patch(Rectangle((corner, corner), 3, 3, facecolor="none", edgecolor=ink.orange, linewidth=3))
        axes.set(title=title, xlim=(-1.2, 6.2), ylim=(6.2, -1.2), aspect="equal")
        axes.axis("off")


def plot_field(figure: Figure, ink: Ink) -> None:
    """What one neuron of each LeNet stage sees of a digit."""
    five = first_of(5) / 255
    for axes, (title, side) in zip(
        figure.subplots(1, 4),
        (("convolution 1: 5", 5), ("pooling 1: 6", 6), ("convolution 2: 14", 14), ("pooling 2: 16", 16)),
        strict=True,
    ):
        picture(axes, five, ink.grey, 0, 1, f"{title} pixels")
        corner = 13.5 - side / 2
        axes.add_patch(Rectangle((corner, corner), side, side, facecolor="none", edgecolor=ink.orange, linewidth=3))


def plot_kernels(figure: Figure, ink: Ink) -> None:
    """LeNet's first six kernels, each above the patches of digits it answers most to."""
    network = trained()
    kernels = first_kernels(network)
    patches = strongest_patches(network, torch.from_numpy(digits()[0])[:, None], best=8)
    most = np.abs(kernels).max()
    outer = figure.subfigures(1, 6)
    for number, part in enumerate(outer):
        top, bottom = part.subfigures(2, 1, height_ratios=[1.15, 1])
        picture(top.subplots(), kernels[number], ink.signed, -most, most, f"kernel {number}")
        for axes, patch in zip(bottom.subplots(2, 4).ravel(), patches[number], strict=True):
            picture(axes, patch, ink.grey, 0, 255, frame=ink.faint)


def plot_maps(figure: Figure, ink: Ink) -> None:
    """What the trained LeNet makes of two digits, stage by stage."""
    network = trained()
    chosen = np.stack([first_of(3), first_of(7)])
    found = feature_maps(network, torch.from_numpy(chosen)[:, None])
    first, second = found.values()
    for number, row in enumerate(figure.subfigures(2, 1)):
        left, middle, right = row.subfigures(1, 3, width_ratios=[1, 1.75, 2.9])
        picture(left.subplots(), chosen[number] / 255, ink.grey, 0, 1, "pixels" if not number else "")
        for part, maps, shape, title in (
            (middle, first[number], (2, 3), "6 maps of 14 × 14"),
            (right, second[number], (2, 8), "16 maps of 5 × 5"),
        ):
            if not number:
                part.suptitle(title, fontsize=11)
            for axes, values in zip(part.subplots(*shape).ravel(), maps, strict=True):
                picture(axes, values, ink.grey, 0, max(1.0, float(maps.max())), frame=ink.faint)


def plot_accuracy(figure: Figure, ink: Ink) -> None:
    """Errors on validation images against parameters, for the networks of the day."""
    runs = json.loads((FOLDER / "results.json").read_text("utf-8"))["runs"]
    names = {"mlp": "MLP", "no_shift": "LeNet, images\nas they are", "average_pooling": "LeNet, average\npooling"}
    names["chosen"] = "LeNet"
    axes = figure.subplots()
    colours = (ink.orange, ink.sky, ink.sky, ink.blue)
    for place, (name, colour) in enumerate(zip(names, colours, strict=True)):
        error = 100 * (1 - runs[name]["validation_accuracy"])
        axes.barh(place, error, color=colour, height=0.6)
        parameters = f"{runs[name]['parameters']:,}".replace(",", " ")
        axes.text(error + 0.02, place, f"{error:.2f} %   ({parameters} parameters)", va="center")
    axes.set_yticks(range(4), list(names.values()))
    axes.set(xlabel="validation images read wrongly, %", xlim=(0, 1.6))
    axes.grid(visible=False, axis="y")
    axes.invert_yaxis()


FIGURES: dict[str, tuple[Plot, tuple[float, float]]] = {
    "sliding": (plot_sliding, (8.6, 2.7)),
    "edges": (plot_edges, (8.6, 2.5)),
    "places": (plot_places, (8.6, 3.1)),
    "field": (plot_field, (8.6, 2.5)),
    "kernels": (plot_kernels, (8.8, 2.9)),
    "maps": (plot_maps, (9, 3.6)),
    "accuracy": (plot_accuracy, (8, 2.6)),
}

if __name__ == "__main__":
    draw_all(FOLDER / "images", FIGURES)
