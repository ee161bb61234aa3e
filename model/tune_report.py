"""The picture of a study: how accuracy rose over the trials, which fields mattered, and which values did well."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import get_param_importances
from optuna.trial import FrozenTrial, TrialState

from .plots import BLUE, ORANGE, save, short, tidy

COLUMNS = 4
ENOUGH_FOR_IMPORTANCE = 8
"""Complete trials below which importance would be noise."""
MOST_LETTERS = 24
"""Of the choices of a field, side by side under its axis."""

Limits = tuple[float, float]


def plot_study(study: optuna.Study, target: Path) -> None:
    """Draw a study with at least one complete trial, as PNG."""
    ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    trials = [trial for trial in ended if trial.values]  # others failed before their first epoch was over
    fields = sorted(study.best_trial.distributions)
    rows = 1 + -(-len(fields) // COLUMNS)
    figure = Figure(figsize=(12, 2.9 * rows), layout="constrained")
    grid = figure.add_gridspec(rows, COLUMNS)
    limits = _limits(trials)
    _plot_history(figure.add_subplot(grid[0, : COLUMNS - 1]), trials, limits)
    _plot_importance(figure.add_subplot(grid[0, COLUMNS - 1]), study)
    for field, place in zip(fields, itertools.product(range(1, rows), range(COLUMNS)), strict=False):
        _plot_slice(figure.add_subplot(grid[place]), trials, field, limits)
    save(figure, target)


def _limits(trials: list[FrozenTrial]) -> Limits:
    """From where to where the accuracy axes go, in %: trials far below the good ones are drawn at the edge."""
    complete = np.array([100 * trial.values[0] for trial in trials if trial.state is TrialState.COMPLETE])
    best, median = complete.max(), np.median(complete)
    low = max(complete.min(), best - 4 * (best - median) - 1)
    margin = max(0.1 * (best - low), 0.5)
    highest = max(100 * trial.values[0] for trial in trials)  # of one that was stopped, perhaps
    return float(low - margin), float(highest + margin)


def _plot_history(axes: Axes, trials: list[FrozenTrial], limits: Limits) -> None:
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    best = np.maximum.accumulate([100 * trial.values[0] for trial in complete])
    axes.step([trial.number for trial in complete], best, where="post", color=BLUE, alpha=0.5)
    _scatter(axes, [trial.number for trial in trials], trials, limits)
    axes.set(xlabel="trial", ylabel="validation accuracy, %")
    worse = any(100 * trial.values[0] < limits[0] for trial in trials)
    axes.set_title("history, with the best so far" + "; ↓ was worse" * worse, loc="left")
    axes.set_xlim(-0.5, max(trials[-1].number, 1) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
    tidy(axes)


def _plot_importance(axes: Axes, study: optuna.Study) -> None:
    axes.set(title="importance (PED-ANOVA)", xlim=(0, 1))
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < ENOUGH_FOR_IMPORTANCE:
        axes.text(0.5, 0.5, f"after {ENOUGH_FOR_IMPORTANCE}\ncomplete trials", ha="center", va="center")
        axes.set_axis_off()
        return
    importances = get_param_importances(study)
    names = sorted(importances, key=importances.__getitem__)
    axes.barh(names, [importances[name] for name in names], color=BLUE)
    tidy(axes)


def _plot_slice(axes: Axes, trials: list[FrozenTrial], field: str, limits: Limits) -> None:
    """Accuracy over the values of one field."""
    distribution = trials[0].distributions[field]
    values: list[Any] = [trial.params[field] for trial in trials]
    if isinstance(distribution, CategoricalDistribution):
        values = [distribution.choices.index(value) for value in values]
        names = [short(str(choice)) for choice in distribution.choices]
        angle, side = (45, "right") if sum(map(len, names)) > MOST_LETTERS else (0, "center")
        axes.set_xticks(range(len(names)), names, rotation=angle, ha=side, parse_math=False)
        axes.set_xlim(-0.5, len(distribution.choices) - 0.5)
    elif isinstance(distribution, FloatDistribution | IntDistribution):
        axes.set_xscale("log" if distribution.log else "linear")
        if distribution.log:
            ratio = distribution.high / distribution.low
            ticks = MaxNLocator(3) if ratio < 5 else LogLocator(subs=(1, 2, 5) if ratio <= 100 else (1,))
            axes.xaxis.set_major_locator(ticks)
            axes.xaxis.set_minor_formatter("")
        else:
            axes.xaxis.set_major_locator(MaxNLocator(4, integer=isinstance(distribution, IntDistribution)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.scatter([distribution.low, distribution.high], limits, alpha=0)  # the axis spans what is searched
    _scatter(axes, values, trials, limits)
    axes.set(xlabel=field, ylabel="validation accuracy, %")
    tidy(axes)


def _scatter(axes: Axes, positions: list[Any], trials: list[FrozenTrial], limits: Limits) -> None:
    """Complete trials as filled circles, those stopped early as open triangles, the best one as a star.

    Those too far below for the axis are arrows at its edge.
    """
    x, y = np.array(positions), np.array([100 * trial.values[0] for trial in trials])
    complete = np.array([trial.state is TrialState.COMPLETE for trial in trials])
    shown = y >= limits[0]
    axes.scatter(x[complete & shown], y[complete & shown], s=28, color=BLUE, label="complete")
    early = ~complete & shown
    axes.scatter(x[early], y[early], s=28, marker="v", facecolors="none", edgecolors=ORANGE, label="stopped early")
    for worse, colour in ((complete & ~shown, BLUE), (~complete & ~shown, ORANGE)):
        axes.scatter(x[worse], np.full(sum(worse), limits[0]), s=60, marker="$↓$", color=colour, clip_on=False)
    best = int(np.argmax(np.where(complete, y, -1)))
    axes.scatter(x[best], y[best], s=160, marker="*", color="black", label="best", zorder=3)
    axes.set_ylim(*limits)
