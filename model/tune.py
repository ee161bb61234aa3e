"""Tuning: a study of trials, each a short run of one recipe with some fields changed.

A study folder holds
    journal.log     the study, as Optuna keeps it; processes and machines that share this folder share the study
    trials/0007/    the run folder of a trial, with recipe.json and metrics.jsonl
    best.json       the best trial so far, as a recipe file
    report.png      history, importance and slices (see tune_report.py)

A trial counts by its validation accuracy after the last epoch; the test split is never read. One that is worse than the
median of the others at the same epoch is stopped early. Who trains a trial holds the lock in its folder. So a trial
whose process was stopped or killed is a running one that nobody has locked: the next process goes on with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import optuna
import torch
from filelock import FileLock, Timeout
from optuna.distributions import distribution_to_json
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from .datasets import Dataset
from .errors import CheckpointError, InvalidArgument, ThumbnetError, TrainingDiverged
from .files import write_json
from .recipe import Recipe
from .search import Space, contains
from .train import CHECKPOINT, build_network, derive_seed, evaluate_split, train
from .tune_report import plot_study

JOURNAL, BEST, REPORT, LOCK = "journal.log", "best.json", "report.png", ".lock"
STUDY = "recipe"
RANDOM_TRIALS = 8
"""Trials drawn at random before the sampler has something to learn from."""
COMPARED_TRIALS = 4
"""Trials that must have ended before one is stopped early."""


class Journal(JournalFileBackend):
    """A study's file. A full disk or a crash may leave a line unfinished, which Optuna would go on writing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Optuna's own lock would outlive a killed process by half a minute.
        self._whole = FileLock(f"{path}.lock")
        super().__init__(str(path), self._whole)  # type: ignore[arg-type]  # has what is needed of a lock

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write these lines, after whole ones."""
        with self._whole, self._path.open("r+b") as file:
            lines = file.read()
            file.truncate(lines.rfind(b"\n") + 1)
            super().append_logs(logs)


def open_study(recipe: Recipe, data: Dataset, folder: Path, space: Space) -> optuna.Study:
    """Make the study of a folder, or join the one that is there.

    Raises InvalidArgument where that is a study of something else, or where the recipe fits no network, and
    CheckpointError where it cannot be read.
    """
    build_network(recipe, data)  # what fits no network shall not fail in every trial
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    journal = folder / JOURNAL
    plan: dict[str, Any] = {
        "recipe": {k: v for k, v in recipe.to_dict().items() if k not in {"name", "summary", "dataset"}},
        "search": {name: distribution_to_json(distribution) for name, distribution in sorted(space.items())},
        "data": {
            "labels": list(data.labels),
            "train": len(data.train),
            "validation": len(data.validation),
            "fingerprint": data.fingerprint(),
        },
    }
    try:
        study = optuna.create_study(
            storage=JournalStorage(Journal(journal)),
            study_name=STUDY,
            direction="maximize",
            pruner=MedianPruner(n_startup_trials=COMPARED_TRIALS, n_warmup_steps=recipe.epochs // 4),
            load_if_exists=True,
        )
        with FileLock(folder / LOCK):
            if "plan" not in study.user_attrs:
                study.set_user_attr("plan", plan)
        found = study.user_attrs["plan"]
    except (ValueError, KeyError, TypeError, AssertionError) as error:  # what Optuna raises for lines of something else
        raise CheckpointError(f"cannot read the study in {journal}: {error}. Start in another folder.") from error
    changed = [f"{part} {name}" for part in plan for name in _differences(plan[part], found.get(part, {}))]
    if changed:
        raise InvalidArgument(
            f"{folder} holds a study of something else (different: {', '.join(changed)}). "
            "Go on with what it was started with, or start in another folder."
        )
    return study


def run_trials(
    study: optuna.Study,
    recipe: Recipe,
    data: Dataset,
    folder: Path,
    space: Space,
    *,
    trials: int,
    device: torch.device,
    show_progress: bool = True,
) -> Iterator[FrozenTrial]:
    """Work on the study of a folder until it has so many trials, and yield each one that ended here.

    The first trial is the recipe as it is, as far as the space allows; the others are chosen by TPE (Bergstra et al.
    2011). After each one best.json and report.png are up to date. A trial that cannot be trained to its end is marked
    so, with the reason in its `user_attrs`, and the study goes on. Raises Interrupted after Ctrl-C.
    """
    _publish(study, recipe, folder)  # a process that was killed may have left this undone
    while claimed := _claim_trial(study, recipe, folder, space, trials):
        trial, lock = claimed
        with lock:
            _run_trial(study, trial, recipe, data, folder, device, show_progress)
        _publish(study, recipe, folder)
        yield study.get_trials(deepcopy=False)[trial.number]


def _publish(study: optuna.Study, recipe: Recipe, folder: Path) -> None:
    with FileLock(folder / LOCK):
        if best := best_recipe(study, recipe):
            write_json(folder / BEST, best.to_dict())
            plot_study(study, folder / REPORT)


def best_recipe(study: optuna.Study, recipe: Recipe) -> Recipe | None:
    """The recipe of the best trial that was trained to its end."""
    ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL))
    if not any(trial.state is TrialState.COMPLETE for trial in ended):
        return None
    best = study.best_trial
    summary = f"Best of {len(ended)} trials of {recipe.name}: validation accuracy {best.value:.2%}."
    return recipe.replace(name=f"{recipe.name}-tuned", summary=summary, **best.params)


def _claim_trial(
    study: optuna.Study, recipe: Recipe, folder: Path, space: Space, limit: int
) -> tuple[Trial, AbstractContextManager[Any]] | None:
    """A trial to train, locked: one that was left behind, else a new one, else None once there are enough."""
    with FileLock(folder / LOCK):  # one process at a time looks, asks and locks
        trials = study.get_trials(deepcopy=False)
        for trial in trials:
            if trial.state is TrialState.RUNNING and (lock := _try_lock(folder, trial.number)):
                if trial.params.keys() == space.keys():
                    return Trial(study, trial._trial_id), lock  # Optuna has no public way back to a trial
                with lock:  # its process was killed while the values were chosen
                    study.tell(trial.number, state=TrialState.FAIL)
        if sum(trial.state is not TrialState.WAITING for trial in trials) >= limit:
            return None
        if not trials:
            values = recipe.to_dict()
            study.enqueue_trial({name: values[name] for name in space if contains(space[name], values[name])})
        # Seeded by the trial's number: proposals do not depend on stops, and processes do not propose the same.
        seed = derive_seed(recipe.seed, "trial", len(trials)) % 2**32
        study.sampler = TPESampler(n_startup_trials=RANDOM_TRIALS, multivariate=True, seed=seed)
        asked = study.ask(dict(space))
        lock = _try_lock(folder, asked.number)
        assert lock, "a new trial has no owner"  # noqa: S101
        return asked, lock


def _try_lock(folder: Path, number: int) -> AbstractContextManager[Any] | None:
    """The lock of a trial, or None where another process holds it."""
    path = _trial_folder(folder, number) / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return FileLock(path).acquire(blocking=False)
    except Timeout:
        return None


def _run_trial(
    study: optuna.Study,
    trial: Trial,
    recipe: Recipe,
    data: Dataset,
    folder: Path,
    device: torch.device,
    show_progress: bool,
) -> None:
    """Train a trial and tell the study how it ended."""
    run = _trial_folder(folder, trial.number)
    reported = study.get_trials()[trial.number].intermediate_values

    def report(row: dict[str, float]) -> None:
        step = int(row["epoch"]) - 1
        if step not in reported:
            trial.report(row["validation_accuracy"], step)
        if step + 1 < recipe.epochs and trial.should_prune():
            raise optuna.TrialPruned

    try:
        tried = recipe.replace(**trial.params)
        network = train(tried, data, run, device=device, show_progress=show_progress, after_epoch=report)
        accuracy, _ = evaluate_split(network, data.validation, tried, device)  # with weights averaged, if it wants that
        study.tell(trial, accuracy)
    except optuna.TrialPruned:
        study.tell(trial, state=TrialState.PRUNED)
    except TrainingDiverged as error:
        _give_up(study, trial, str(error).partition(".")[0])
    except (ThumbnetError, RuntimeError, ValueError) as error:  # values that do not go together; too little memory
        _give_up(study, trial, str(error))
    (run / CHECKPOINT).unlink(missing_ok=True)


def _give_up(study: optuna.Study, trial: Trial, reason: str) -> None:
    """Say that a trial could not be trained to its end: as PRUNED, since the sampler learns nothing of FAIL."""
    trial.set_user_attr("reason", reason)
    study.tell(trial, state=TrialState.PRUNED)


def _trial_folder(folder: Path, number: int) -> Path:
    return folder / "trials" / f"{number:04d}"


def _differences(ours: dict[str, Any], found: dict[str, Any]) -> list[str]:
    return [name for name in sorted(ours.keys() | found.keys()) if ours.get(name) != found.get(name)]
