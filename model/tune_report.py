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

from .plots import BLUE, ORANGE, save, tidy

COLUMNS = 4
ENOUGH_FOR_IMPORTANCE = 8
"""Complete trials below which importance would be noise."""


def plot_study(study: optuna.Study, target: Path) -> None:
    """Draw a study with at least one complete trial, as PNG."""
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    fields = sorted(study.best_trial.distributions)
    rows = 1 + -(-len(fields) // COLUMNS)
    figure = Figure(figsize=(12, 2.9 * rows), layout="constrained")
    grid = figure.add_gridspec(rows, COLUMNS)
    floor = _floor(trials)
    _plot_history(figure.add_subplot(grid[0, : COLUMNS - 1]), trials, floor)
    _plot_importance(figure.add_subplot(grid[0, COLUMNS - 1]), study)
    for field, place in zip(fields, itertools.product(range(1, rows), range(COLUMNS)), strict=False):
        _plot_slice(figure.add_subplot(grid[place]), trials, field, floor)
    save(figure, target)


def _floor(trials: list[FrozenTrial]) -> float:
    """Where the accuracy axes start, in %: trials far below the good ones are drawn there, at the edge."""
    complete = np.array([100 * trial.values[0] for trial in trials if trial.state is TrialState.COMPLETE])
    best, median = complete.max(), np.median(complete)
    return float(max(complete.min(), best - 4 * (best - median) - 1) - 0.05 * (best - complete.min()) - 0.1)


def _plot_history(axes: Axes, trials: list[FrozenTrial], floor: float) -> None:
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    best = np.maximum.accumulate([100 * trial.values[0] for trial in complete])
    axes.step([trial.number for trial in complete], best, where="post", color=BLUE, alpha=0.5)
    _scatter(axes, [trial.number for trial in trials], trials, floor)
    axes.set(xlabel="trial", ylabel="validation accuracy, %")
    axes.set_title("history, with the best so far", loc="left")
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


def _plot_slice(axes: Axes, trials: list[FrozenTrial], field: str, floor: float) -> None:
    """Accuracy over the values of one field."""
    distribution = trials[0].distributions[field]
    values: list[Any] = [trial.params[field] for trial in trials]
    if isinstance(distribution, CategoricalDistribution):
        values = [distribution.choices.index(value) for value in values]
        axes.set_xticks(range(len(distribution.choices)), [str(choice) for choice in distribution.choices])
        axes.set_xlim(-0.5, len(distribution.choices) - 0.5)
    elif isinstance(distribution, FloatDistribution | IntDistribution):
        axes.set_xscale("log" if distribution.log else "linear")
        if distribution.log:
            wide = distribution.high / distribution.low > 30
            axes.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter("")
        elif isinstance(distribution, IntDistribution):
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.scatter([distribution.low, distribution.high], [floor, floor], alpha=0)  # the axis spans what is searched
    _scatter(axes, values, trials, floor)
    axes.set(xlabel=field, ylabel="validation accuracy, %")
    tidy(axes)


def _scatter(axes: Axes, positions: list[Any], trials: list[FrozenTrial], floor: float) -> None:
    """Complete trials as filled circles, those stopped early as open triangles, the best one as a star."""
    accuracy = [max(floor, 100 * trial.values[0]) if trial.values else floor for trial in trials]
    complete = np.array([trial.state is TrialState.COMPLETE for trial in trials])
    x, y = np.array(positions), np.array(accuracy)
    axes.scatter(x[complete], y[complete], s=28, color=BLUE, label="complete")
    axes.scatter(
        x[~complete], y[~complete], s=28, marker="v", facecolors="none", edgecolors=ORANGE, label="stopped early"
    )
    best = int(np.argmax(np.where(complete, y, -1)))
    axes.scatter(x[best], y[best], s=160, marker="*", color="black", label="best", zorder=3)
    axes.set_ylim(bottom=floor - 0.02 * (y.max() - floor))
