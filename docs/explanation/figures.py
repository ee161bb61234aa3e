"""Draw the figures of the explanations, light and dark."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "course"))

from matplotlib.figure import Figure  # noqa: E402
from style import Ink, draw_all  # noqa: E402

DOORS = ("command line", "Python", "Flask API", "Gradio demo")
STEPS = ("images.py\nbytes → pixels", "network in OpenVINO\npixels → logits", "temperature\nlogits → answer")


def plot_doors(figure: Figure, ink: Ink) -> None:
    """Four doors, one Classifier."""
    axes = figure.subplots()
    axes.set(xlim=(0, 10), ylim=(0, 4.6))
    axes.axis("off")
    box = {"boxstyle": "round,pad=0.5", "facecolor": "none"}
    for x, door in zip((1.1, 3.7, 6.3, 8.9), DOORS, strict=True):
        axes.annotate("", (x, 2.95), (x, 3.75), arrowprops={"arrowstyle": "->", "color": ink.muted})
        axes.text(x, 4.1, door, ha="center", va="center", bbox={**box, "edgecolor": ink.blue})
    axes.text(0.3, 2.55, "Classifier", va="center", color=ink.orange, weight="bold")
    axes.plot([0.1, 9.9, 9.9, 0.1, 0.1], [2.9, 2.9, 0.5, 0.5, 2.9], color=ink.orange)
    for x, step in zip((1.7, 5.0, 8.3), STEPS, strict=True):
        axes.text(x, 1.5, step, ha="center", va="center", bbox={**box, "edgecolor": ink.muted})
    for x in (3.0, 6.65):
        axes.annotate("", (x + 0.35, 1.5), (x, 1.5), arrowprops={"arrowstyle": "->", "color": ink.muted})
    axes.text(5.0, 0.1, "one weights folder: config.json, model.onnx", ha="center", va="center", color=ink.muted)


FIGURES = {
    "doors": (plot_doors, (8.0, 3.6)),
}

if __name__ == "__main__":
    draw_all(HERE / "images", FIGURES)
