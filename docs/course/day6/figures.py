"""Draw the figures of day 6, light and dark.

.venv/bin/python docs/course/day6/figures.py [name …]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from queueing import formula

FOLDER = Path(__file__).parent
sys.path.append(str(FOLDER.parent))

from style import Ink, Plot, draw_all  # noqa: E402


def read_results() -> Any:
    """What measure.py has found."""
    return json.loads((FOLDER / "results.json").read_text("utf-8"))


def plot_drain(figure: Figure, ink: Ink) -> None:
    """What three URLs answer round SIGTERM."""
    axes = figure.subplots()
    seen = read_results()["drain"]["seen"]
    colours = {200: ink.green, 503: ink.orange, 0: ink.muted}
    names = ("/v1/predict", "/readyz", "/livez")
    for place, name in enumerate(names):
        for status, colour in colours.items():
            moments = [row["seconds"] for row in seen if row[name] == status]
            label = {200: "200", 503: "503", 0: "no connection"}[status] if place == 0 else None
            axes.plot(moments, [place] * len(moments), "s", color=colour, markersize=6, label=label)
    axes.axvline(0, color=ink.text, linewidth=1)
    axes.text(0.02, 2.45, "SIGTERM", color=ink.text)
    axes.set_yticks(range(3), names)
    axes.set(xlabel="seconds", ylim=(-0.6, 2.8))
    axes.grid(visible=False, axis="y")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))


def plot_omission(figure: Figure, ink: Ink) -> None:
    """Latencies over time in both loops."""
    found = read_results()["omission"]
    for axes, name in zip(figure.subplots(1, 2, sharey=True), ("closed", "open"), strict=True):
        moments, latencies = np.array(found[name]["answers"]).T
        axes.plot(moments, latencies, ".", color=ink.blue, markersize=3)
        axes.set(title=f"{name} loop: {found[name]['requests']} requests", xlabel="seconds")
    figure.axes[0].set_ylabel("latency, ms")


def plot_queue(figure: Figure, ink: Ink) -> None:
    """Time in the system over utilisation."""
    axes = figure.subplots()
    share = np.linspace(0, 0.96, 100)
    found = read_results()["queueing"]
    points = [int(percent) for percent in found]
    for regular, key, colour, label in (
        (False, "simulated", ink.blue, "services of random length (M/M/1)"),
        (True, "regular", ink.orange, "services of equal length (M/D/1)"),
    ):
        axes.plot(100 * share, [formula(part, regular=regular) for part in share], color=colour, label=label)
        axes.plot(points, [row[key] for row in found.values()], "o", color=colour)
    axes.set(xlabel="utilisation, %", ylabel="mean time, services", ylim=(0, 22))
    axes.legend(loc="upper left")


def plot_drift(figure: Figure, ink: Ink) -> None:
    """Brightness by day and at dusk."""
    found = read_results()["drift"]
    axes = figure.subplots()
    for name, colour in (("day", ink.sky), ("dusk", ink.blue)):
        counts = found[f"{name}_brightness"]
        total = sum(counts.values())
        axes.step(
            [float(bound) for bound in counts], [count / total for count in counts.values()], color=colour, label=name
        )
    axes.set(xlabel="brightness of what the network sees", ylabel="share of the images", xlim=(0, 1))
    axes.legend()


FIGURES: dict[str, tuple[Plot, tuple[float, float]]] = {
    "drain": (plot_drain, (8.6, 2.6)),
    "omission": (plot_omission, (8.6, 3)),
    "queue": (plot_queue, (7, 3.4)),
    "drift": (plot_drift, (7, 2.8)),
}

if __name__ == "__main__":
    draw_all(FOLDER / "images", FIGURES)
