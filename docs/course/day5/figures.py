"""Draw the figures of day 5, light and dark.

.venv/bin/python docs/course/day5/figures.py [name …]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

FOLDER = Path(__file__).parent
sys.path.append(str(FOLDER.parent))

from style import Ink, Plot, draw_all  # noqa: E402

NAMES = {
    "one_by_one": "one at a time",
    "thread_each": "a thread each",
    "production": "project's server",
    "together": "+ queue and batches",
}


def read_results() -> Any:
    """What measure.py has found."""
    return json.loads((FOLDER / "results.json").read_text("utf-8"))


def plot_threads(figure: Figure, ink: Ink) -> None:
    """Work done by 1, 2 and 4 threads, relative to one."""
    titles = {"python": "pure Python", "waiting": "waiting", "model": "the network"}
    for axes, (name, title) in zip(figure.subplots(1, 3, sharey=True), titles.items(), strict=True):
        row = read_results()["threads"][name]
        axes.bar(range(len(row)), [value / row["1"] for value in row.values()], color=ink.blue, width=0.6)
        axes.set_xticks(range(len(row)), list(row))
        axes.set(title=title, xlabel="threads")
        axes.grid(visible=False, axis="x")
    figure.axes[0].set_ylabel("work done, one thread = 1")


def plot_callers(figure: Figure, ink: Ink) -> None:
    """Answers a second and latency over the number of callers."""
    servers = read_results()["servers"]
    left, right = figure.subplots(1, 2)
    for (name, label), colour, marker in zip(NAMES.items(), ink.cycle, "osD^", strict=False):
        callers = [int(count) for count in servers[name]]
        rows = servers[name].values()
        left.plot(callers, [row["per_second"] for row in rows], color=colour, marker=marker, label=label)
        right.plot(callers, [row["p99_ms"] for row in rows], color=colour, marker=marker)
    left.set(title="answers a second", ylim=(0, None))
    right.set(title="99 of 100 within, ms", yscale="log")
    for axes in (left, right):
        axes.set(xlabel="callers at once", xscale="log")
        axes.set_xticks(callers, [str(count) for count in callers])
        axes.minorticks_off()
    left.legend(fontsize=8)


def plot_batches(figure: Figure, ink: Ink) -> None:
    """What an image costs in batches of different sizes."""
    found = read_results()["per_image_ms"]
    axes = figure.subplots()
    axes.bar(range(len(found)), list(found.values()), color=ink.blue, width=0.6)
    axes.set_xticks(range(len(found)), list(found))
    axes.set(xlabel="images computed together", ylabel="ms for each image")
    axes.grid(visible=False, axis="x")


FIGURES: dict[str, tuple[Plot, tuple[float, float]]] = {
    "threads": (plot_threads, (8, 2.8)),
    "callers": (plot_callers, (8.6, 3.4)),
    "batches": (plot_batches, (6, 2.8)),
}

if __name__ == "__main__":
    draw_all(FOLDER / "images", FIGURES)
