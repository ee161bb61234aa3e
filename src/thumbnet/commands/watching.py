"""`thumbnet drift`: see whether a model in use still gets what it was made for. Needs no torch."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from thumbnet.model import InvalidArgument
from thumbnet.model.drift import FEWEST, HISTOGRAMS, Counts, Feature, compare, read_baseline, verdict
from thumbnet.model.errors import MissingDependency
from thumbnet.model.exported import read_counts
from thumbnet.model.weights import ONNX, WeightsConfig, find_weights, read_config

from .shared import WeightsOption, output, require_png

COLOURS = {"stable": "green", "watch": "yellow", "changed": "bold red"}
CHANGED, TOO_FEW = 1, 3
"""Exit codes."""


def drift(
    page: Annotated[str, typer.Argument(metavar="FILE", help="A saved /metrics page; - for standard input.")],
    weights: WeightsOption = "cifar10",
    since: Annotated[
        str, typer.Option(metavar="FILE", help="An earlier page of the same server: only what came after it counts.")
    ] = "",
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the shares into this PNG file.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Compare what the API has counted with the validation images of its model.

    Exit code 0: nothing has changed much. 1: something has changed. 3: too few predictions, so nothing is judged.
    """
    if plot:
        require_png("--plot", plot)
        try:
            from thumbnet.model.plots import plot_drift
        except ImportError as error:
            raise MissingDependency(error.name or "matplotlib", "train") from error
    folder = find_weights(weights)
    config, baseline = read_config(folder), read_baseline(folder)
    name = config.name
    now = _read(page, config, baseline)
    if since:
        now = now.since(_read(since, config, baseline))
    features = compare(baseline, now)
    judged = verdict(features)
    if as_json:
        numbers = {"verdict": judged, "predictions": now.images(), "baseline_images": baseline.images()}
        rows = {feature.name: asdict(feature) for feature in features}
        print(json.dumps({"weights": name, **numbers, "features": rows}, indent=2, ensure_ascii=False))
    else:
        output.print(_table(features), highlight=False)
        output.print(_summary(name, judged, features, now, baseline), highlight=False)
    if plot:
        try:
            plot_drift(features, plot)
        except OSError as error:
            raise InvalidArgument(
                f"cannot write {plot}: {error.strerror or error}. Give --plot another name."
            ) from error
        if not as_json:
            output.print(f"Picture: {escape(str(plot))}", highlight=False)
    if judged == "changed":
        raise typer.Exit(CHANGED)
    if judged == "too few":
        raise typer.Exit(TOO_FEW)


def _read(page: str, config: WeightsConfig, baseline: Counts) -> Counts:
    source = "standard input" if page == "-" else page
    try:
        data = sys.stdin.buffer.read() if page == "-" else Path(page).read_bytes()
        return read_counts(data.decode("utf-8-sig"), config.name, baseline, config.files.get(ONNX, ""))
    except OSError as error:
        raise InvalidArgument(f"cannot read {source}: {error.strerror}. Give a saved page of /metrics.") from error
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"{source} is not UTF-8 text; give a saved page of /metrics.") from error
    except InvalidArgument as error:
        raise InvalidArgument(f"{source} cannot be compared: {error}") from error


def _table(features: list[Feature]) -> Table:
    table = Table("feature", box=None)
    for column in ("PSI", "by chance up to", "baseline", "now"):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    for row in features:
        colour = COLOURS.get(row.verdict, "dim")
        figures = [escape(_figure(row, value)) for value in (row.before, row.now)]
        judged = f"[{colour}]{row.verdict}[/]"
        table.add_row(row.name, f"{row.psi:.3f}", f"{row.chance:.3f}", *figures, judged)
    return table


def _figure(row: Feature, value: float) -> str:
    """`mean 0.473`, or the share of a bin: `cat 12.3%`."""
    return f"{row.figure} {value:.3f}" if row.name in HISTOGRAMS else f"{row.figure} {value:.1%}"


def _summary(name: str, judged: str, features: list[Feature], now: Counts, baseline: Counts) -> str:
    """What it comes to, in a line."""
    compared = f"{escape(name)}, {now.images():,} predictions against {baseline.images():,} validation images"
    if judged == "too few":
        return f"{compared}: too few to judge, {FEWEST} are needed."
    if judged == "stable":
        return f"{compared}: stable."
    return f"{compared}: {judged} ({', '.join(row.name for row in features if row.verdict == judged)})."
