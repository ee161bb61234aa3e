"""Draw the figures of day 1, light and dark.

.venv/bin/python docs/course/day1/figures.py [name …]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from activations import ACTIVATIONS
from digits import flatten, read_digits, templates
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from neuron import BIKE, layer
from xor import CORNERS, EITHER, curve_of_hinges, either, hidden

FOLDER = Path(__file__).parent
sys.path.append(str(FOLDER.parent))

from style import Ink, Plot, draw_all, picture  # noqa: E402


def plot_neuron(figure: Figure, ink: Ink) -> None:
    """Where the bike neuron of the page says yes and no on working days, over temperature and rain."""
    axes = figure.subplots()
    warmth, rain = np.meshgrid(np.linspace(0, 3, 200), np.linspace(0, 1.5, 200))
    days = np.stack([warmth.ravel(), rain.ravel(), np.ones(warmth.size)], axis=1)
    sums = layer(days, np.array([BIKE["weights"]]), np.array([BIKE["bias"]])).reshape(warmth.shape)
    image = axes.contourf(10 * warmth, rain, sums, levels=np.linspace(-4, 4, 17), cmap=ink.signed, alpha=0.75)
    image.set_rasterized(True)
    axes.contour(10 * warmth, rain, sums, levels=[0], colors=[ink.text], linewidths=2)
    axes.plot([18], [0.5], "o", color=ink.paper, markeredgecolor=ink.text, markersize=9, zorder=3)
    axes.annotate("the day of the example:\nz = 0.5", (18, 0.5), (20.6, 0.27), color=ink.text)
    axes.text(3, 1.2, "no: z < 0", color=ink.text, fontsize=12)
    axes.text(22.5, 0.1, "yes: z > 0", color=ink.text, fontsize=12)
    axes.annotate("z = 0", (23, 1.0), (24.7, 0.86), color=ink.text, fontsize=12)
    axes.set(xlabel="temperature, °C", ylabel="rain, mm in an hour")
    axes.grid(visible=False)


def plot_activations(figure: Figure, ink: Ink) -> None:
    """The three functions and their slopes, with the regions shaded where the slope is below 5 % of its peak."""
    z = np.linspace(-7, 7, 281)
    grid = figure.subplots(1, 3, sharex=True)
    for axes, (name, (function, slope)) in zip(grid, ACTIVATIONS.items(), strict=True):
        slopes = slope(z)
        flat = slopes < 0.05 * slopes.max()
        axes.fill_between(z, -1.15, 1.6, where=flat, color=ink.faint, alpha=0.7, linewidth=0)
        axes.plot(z, function(z), color=ink.blue, label="value")
        axes.plot(z, slopes, color=ink.orange, linestyle="--", label="slope")
        axes.set(title=name.replace("relu", "ReLU"), xlabel="z", ylim=(-1.15, 1.6), xlim=(-7, 7))
        axes.set_xticks([-6, -3, 0, 3, 6])
    grid[0].legend(loc="lower right")
    grid[1].text(-3.4, -0.95, "shaded: slope under\n5 % of its peak", fontsize=8.5, color=ink.text)


def plot_xor(figure: Figure, ink: Ink) -> None:
    """The four corners before and after the hidden layer, and the output between them."""
    left, middle, right = figure.subplots(1, 3)
    inner = hidden(CORNERS)
    draw_corners(left, ink, CORNERS)
    left.set(title="inputs: no line parts them", xlabel="$x_1$", ylabel="$x_2$")
    draw_corners(middle, ink, inner)
    middle.plot([0.25, 2.25], [-0.125, 0.875], color=ink.muted, linestyle="--")
    middle.text(-0.2, 0.55, "(0, 1) and (1, 0)\nare one point here", color=ink.text, fontsize=9)
    middle.annotate("", (0.96, 0.09), (0.6, 0.5), arrowprops={"arrowstyle": "->", "color": ink.muted})
    middle.set(title="hidden layer: a line does", xlabel="$h_1$", ylabel="$h_2$", xlim=(-0.3, 2.4), ylim=(-0.3, 1.3))
    x1, x2 = np.meshgrid(np.linspace(-0.3, 1.3, 80), np.linspace(-0.3, 1.3, 80))
    out = either(np.stack([x1.ravel(), x2.ravel()], axis=1)).reshape(x1.shape)
    right.imshow(out, extent=(-0.3, 1.3, -0.3, 1.3), origin="lower", cmap=ink.heat, vmin=-0.4, vmax=1.4, aspect="auto")
    draw_corners(right, ink, CORNERS)
    right.get_legend().remove()
    right.grid(visible=False)
    right.set(title="output over the inputs", xlabel="$x_1$", ylabel="$x_2$")


def draw_corners(axes: Axes, ink: Ink, points: np.ndarray) -> None:
    """The four corners, wherever a layer has put them: circles are 0, squares are 1."""
    for answer, marker, colour in ((0, "o", ink.blue), (1, "s", ink.orange)):
        chosen = points[answer == EITHER]
        axes.plot(
            chosen[:, 0],
            chosen[:, 1],
            marker,
            color=colour,
            markersize=11,
            markeredgecolor=ink.text,
            label=f"answer {answer}",
        )
    axes.set(xlim=(-0.3, 1.3), ylim=(-0.3, 1.3))
    axes.legend(loc="upper left" if points is not CORNERS else "center", fontsize=8.5)


def plot_hinges(figure: Figure, ink: Ink) -> None:
    """A sine from 3, 6 and 16 hinges."""
    x = np.linspace(0, 2 * np.pi, 600)
    for axes, count in zip(figure.subplots(1, 3, sharey=True), (3, 6, 16), strict=True):
        knots = np.linspace(0, 2 * np.pi, count + 1)
        axes.plot(x, np.sin(x), color=ink.muted, linewidth=5, alpha=0.35, label="sine")
        axes.plot(x, curve_of_hinges(x, knots, np.sin(knots)), color=ink.orange, label="network")
        axes.plot(knots, np.sin(knots), ".", color=ink.orange, markersize=8)
        axes.set(title=f"{count} hidden neurons", xlabel="x")
    axes.legend(loc="upper right")


def plot_depth(figure: Figure, ink: Ink) -> None:
    """What 20 random layers leave of the differences between digits, and of a nudge."""
    depth = json.loads((FOLDER / "results.json").read_text("utf-8"))["depth"]
    lines = {
        "relu": ("ReLU, scale 2", ink.blue, "-"),
        "tanh": ("tanh, scale 1", ink.green, "-"),
        "sigmoid": ("sigmoid, scale 1", ink.orange, "-"),
        "relu_small": ("ReLU, scale ½", ink.blue, ":"),
        "relu_large": ("ReLU, scale 8", ink.blue, "--"),
    }
    left, right = figure.subplots(1, 2)
    for name, (label, colour, dashes) in lines.items():
        layers = range(1, len(depth[name]["spread"]) + 1)
        left.plot(layers, depth[name]["spread"], color=colour, linestyle=dashes, label=label)
        right.plot(layers, depth[name]["nudge"], color=colour, linestyle=dashes, label=label)
    left.set(title="how much outputs differ between digits", ylabel="standard deviation")
    right.set(title="what becomes of a small change", ylabel="size, relative to the inputs'")
    for axes in (left, right):
        axes.set(yscale="log", xlabel="layer", ylim=(1e-14, 1e7))
        axes.set_xticks([1, 5, 10, 15, 20])
    left.legend(loc="lower left")


def plot_templates(figure: Figure, ink: Ink) -> None:
    """The average image of each digit: the weights of ten neurons."""
    weights, _ = templates(*flatten(read_digits()[0]))
    for digit, axes in enumerate(figure.subplots(1, 10)):
        picture(axes, weights[digit].reshape(28, 28), ink.grey, 0, 0.8, str(digit))


FIGURES: dict[str, tuple[Plot, tuple[float, float]]] = {
    "neuron": (plot_neuron, (6.4, 3.6)),
    "activations": (plot_activations, (9, 3.1)),
    "xor": (plot_xor, (9.6, 3.4)),
    "hinges": (plot_hinges, (9, 2.8)),
    "depth": (plot_depth, (9, 3.8)),
    "templates": (plot_templates, (9, 1.3)),
}

if __name__ == "__main__":
    draw_all(FOLDER / "images", FIGURES)
