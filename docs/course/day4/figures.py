"""Draw the figures of day 4, light and dark.

.venv/bin/python docs/course/day4/figures.py [name …]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from augmentation import photographs, versions
from distillation import ambiguous, answers, soften
from grid import read_runs, standard_error
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator, PercentFormatter

FOLDER = Path(__file__).parent
sys.path.append(str(FOLDER.parent))

from style import Ink, Plot, draw_all  # noqa: E402

NAMES = {
    "mlp": "MLP",
    "lenet-max-relu": "LeNet",
    "alexnet": "AlexNet",
    "vgg11": "VGG-11",
    "resnet20": "ResNet-20",
    "thumbnet": "ours",
}


def results() -> dict:
    """What measure.py found."""
    return json.loads((FOLDER / "results.json").read_text("utf-8"))


def plot_augmentation(figure: Figure, ink: Ink) -> None:
    """Four photographs, a row for each augmentation."""
    made = versions(photographs(4))
    figure.set_layout_engine("constrained", h_pad=0.01, w_pad=0.01, hspace=0.01, wspace=0.01)
    grid = figure.subplots(len(made), 4)
    for row, (name, images) in zip(grid, made.items(), strict=True):
        for axes, image in zip(row, images, strict=True):
            axes.imshow(image.permute(1, 2, 0).numpy(), interpolation="none")
            axes.grid(visible=False)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set(visible=False)
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", color=ink.text)


def plot_signals(figure: Figure, ink: Ink) -> None:
    """The signal forward and the slope back, block by block, in 56 layers of four kinds."""
    depth = results()["depth"]["56"]
    lines = {
        "both": ("batch norm and residuals", ink.blue, "-"),
        "norm_only": ("batch norm alone", ink.orange, "-"),
        "residual_only": ("residuals alone", ink.green, "--"),
        "neither": ("neither", ink.pink, ":"),
    }
    left, right = figure.subplots(1, 2)
    for name, (label, colour, dashes) in lines.items():
        blocks = range(1, len(depth[name]["spread"]) + 1)
        left.plot(blocks, depth[name]["spread"], color=colour, linestyle=dashes, label=label)
        right.plot(blocks, depth[name]["slope"], color=colour, linestyle=dashes)
    left.set(title="forward: spread of the signal", ylabel="standard deviation")
    right.set(title="back: the loss's slope by it", ylabel="length")
    for axes in (left, right):
        axes.set(yscale="log", xlabel="block")
        axes.set_xticks([1, 9, 18, 27])
    left.legend(loc="upper left")


def plot_race(figure: Figure, ink: Ink) -> None:
    """The training loss of the first steps, 20 and 56 layers, plain and residual."""
    race = results()["race"]
    grid = figure.subplots(1, 2, sharey=True)
    for axes, (kind, title) in zip(grid, (("plain", "plain"), ("residual", "with residuals")), strict=True):
        for depth, colour, dashes in (("20", ink.blue, "-"), ("56", ink.orange, "--")):
            losses = np.array(race[f"{kind}{depth}"]["loss"])
            smooth = np.convolve(losses, np.full(10, 0.1), mode="valid")
            axes.plot(range(10, len(losses) + 1), smooth, color=colour, linestyle=dashes, label=f"{depth} layers")
        axes.axhline(np.log(10), color=ink.muted, linewidth=1)
        axes.set(title=title, xlabel="step", ylim=(1.6, 4.5))
    grid[0].set_ylabel("training loss, mean of ten steps")
    grid[0].text(80, np.log(10) + 0.08, "knows nothing: log 10", ha="right", fontsize=8.5)
    grid[0].legend()


def plot_cost(figure: Figure, ink: Ink) -> None:
    """Accuracy against multiply-accumulates on both data sets."""
    runs = read_runs()
    for axes, dataset, title in zip(figure.subplots(1, 2), ("mnist", "cifar10"), ("MNIST", "CIFAR-10"), strict=True):
        for number, (name, label) in enumerate(NAMES.items()):
            run = runs[f"{dataset}/{name}"]
            accuracy, macs = run["test_accuracy"], run["macs"] / 1e6
            error = 2 * standard_error(accuracy)
            axes.errorbar(macs, accuracy, error, fmt="o", color=ink.cycle[number], capsize=3, markersize=7)
            left = label in ("AlexNet", "VGG-11")
            axes.annotate(label, (macs, accuracy), (-9 if left else 9, -3), textcoords="offset points",
                          ha="right" if left else "left", fontsize=9)  # fmt: skip
        axes.set(xscale="log", title=title, xlabel="million multiply-accumulates for an image", xlim=(0.12, 900))
        axes.yaxis.set_major_locator(MultipleLocator(0.005 if dataset == "mnist" else 0.1))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=1 if dataset == "mnist" else 0))


def plot_ablation(figure: Figure, ink: Ink) -> None:
    """Validation accuracy and training loss over the epochs, ResNet-20 whole and without its parts."""
    runs = read_runs()
    lines = {
        "resnet20": ("whole", ink.blue, "-"),
        "resnet20-without-augmentation": ("without augmentation", ink.green, "--"),
        "resnet20-without-residuals": ("without residuals", ink.orange, "-."),
        "resnet20-without-batch-norm": ("without batch norm", ink.pink, ":"),
    }
    left, right = figure.subplots(1, 2)
    for name, (label, colour, dashes) in lines.items():
        run = runs[f"cifar10/{name}"]
        epochs = range(1, run["epochs"] + 1)
        left.plot(epochs, run["validation_accuracy"], color=colour, linestyle=dashes, label=label)
        right.plot(epochs, run["loss"], color=colour, linestyle=dashes)
    left.set(title="validation accuracy", xlabel="epoch")
    left.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    right.set(title="training loss", xlabel="epoch")
    left.legend(loc="lower right")


def plot_soft(figure: Figure, ink: Ink) -> None:
    """Three images and what the shipped model says of them at three temperatures."""
    pixels, logits, names, labels = answers()
    for part, number in zip(figure.subfigures(1, 3), ambiguous(logits, labels, names), strict=True):
        top, bottom = part.subplots(2, 1, height_ratios=[1, 1.5])
        top.imshow(pixels[number], interpolation="none")
        top.grid(visible=False)
        top.set(xticks=[], yticks=[], title=f"label: {names[labels[number]]}")
        top.spines[:].set(visible=False)
        order = np.argsort(-logits[number])[:4]
        for place, (temperature, colour) in enumerate(((1.0, ink.blue), (2.0, ink.sky), (4.0, ink.yellow))):
            row = soften(logits[[number]], temperature)[0, order]
            bottom.barh(np.arange(4) + 0.27 * (place - 1), row, 0.25, color=colour, label=f"T = {temperature:.0f}")
        bottom.set_yticks(range(4), [names[k] for k in order])
        bottom.set(xlim=(0, 1), xlabel="probability")
        bottom.invert_yaxis()
        bottom.grid(visible=False, axis="y")
    bottom.legend(loc="lower right")


FIGURES: dict[str, tuple[Plot, tuple[float, float]]] = {
    "augmentation": (plot_augmentation, (5.2, 7.6)),
    "signals": (plot_signals, (9, 3.8)),
    "race": (plot_race, (8.6, 3.4)),
    "cost": (plot_cost, (9, 3.8)),
    "ablation": (plot_ablation, (9, 3.6)),
    "soft": (plot_soft, (9, 3.8)),
}

if __name__ == "__main__":
    draw_all(FOLDER / "images", FIGURES)
