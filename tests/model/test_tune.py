"""Studies: they find better values, lose nothing when stopped, and are shared by processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from optuna.trial import FrozenTrial
from PIL import Image
from typer.testing import CliRunner

import thumbnet.model.train as loop
import thumbnet.model.tune as tuning
from thumbnet.cli import app
from thumbnet.model.datasets import Dataset, Split
from thumbnet.model.errors import CheckpointError, InvalidArgument
from thumbnet.model.recipe import Recipe
from thumbnet.model.recipes import load_recipe
from thumbnet.model.search import parse_space
from thumbnet.model.train import build_network
from thumbnet.model.tune import BEST, JOURNAL, REPORT, open_study, run_trials
from thumbnet.model.tune_report import plot_study

CPU = torch.device("cpu")
SEARCH = ("learning_rate=1e-5:1e-2:log", "flip=none,random")

ANOTHER_PROCESS = """
import os, signal, sys
from itertools import islice
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import stripes
from test_tune import RECIPE, work
from thumbnet.model.datasets import Dataset
import thumbnet.model.train as loop

data = Dataset("stripes", ("flat", "upright"), stripes(120, 1), stripes(40, 2), stripes(60, 3))
print(*(trial.number for trial in islice(work(RECIPE, data, Path(sys.argv[2]), 9), 3)), flush=True)
original, epochs = loop.evaluate_split, []
def die_in_the_second_epoch(*arguments):
    epochs.append(1)
    if len(epochs) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments)
loop.evaluate_split = die_in_the_second_epoch
list(work(RECIPE, data, Path(sys.argv[2]), 9))
"""

RECIPE = Recipe(
    name="stripes",
    image_size=16,
    architecture="mlp",
    options={"hidden": [16]},
    epochs=3,
    batch_size=20,
    optimizer="adam",
    learning_rate=0.005,
)


def work(recipe: Recipe, data: Dataset, folder: Path, trials: int, search: tuple[str, ...] = SEARCH) -> Any:
    space = parse_space(search, recipe)
    study = open_study(recipe, data, folder, space)
    return run_trials(study, recipe, data, folder, space, trials=trials, device=CPU, show_progress=False)


def accuracies(folder: Path, trial: FrozenTrial) -> list[float]:
    lines = (folder / "trials" / f"{trial.number:04d}" / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["validation_accuracy"] for line in lines]


@pytest.fixture
def data(stripe_data: Dataset) -> Dataset:
    """Without test images: whoever reads them fails."""
    return Dataset("stripes", stripe_data.labels, stripe_data.train, stripe_data.validation, None)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def pictures(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where pictures were drawn to: most tests go without, as each takes half a second."""
    drawn: list[Path] = []
    monkeypatch.setattr(tuning, "plot_study", lambda _, target: drawn.append(target))
    return drawn


def test_a_study_starts_with_the_recipe_and_finds_a_better_one(
    data: Dataset, tmp_path: Path, pictures: list[Path]
) -> None:
    recipe = RECIPE.replace(learning_rate=1e-5)
    trials = list(work(recipe, data, tmp_path, 10))
    assert [trial.number for trial in trials] == list(range(10))
    assert trials[0].params == {"learning_rate": 1e-5, "flip": "none"}
    complete = [trial for trial in trials if trial.state.name == "COMPLETE"]
    assert all(trial.values == accuracies(tmp_path, trial)[-1:] for trial in complete)
    best = load_recipe(str(tmp_path / BEST))
    winner = max(complete, key=lambda trial: trial.values[0])
    assert winner.values[0] > trials[0].values[0]
    assert best == recipe.replace(name="stripes-tuned", **winner.params)
    assert f"{winner.values[0]:.2%}" in best.summary
    assert pictures == [tmp_path / REPORT] * 10
    (tmp_path / BEST).unlink()
    assert list(work(recipe, data, tmp_path, 10)) == []
    assert load_recipe(str(tmp_path / BEST)) == best


def test_a_trial_counts_by_the_network_that_its_training_gives(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[torch.nn.Module] = []
    original = tuning.evaluate_split

    def watched(network: torch.nn.Module, *others: Any) -> tuple[float, float]:
        given.append(network)
        return original(network, *others)

    monkeypatch.setattr(tuning, "evaluate_split", watched)
    recipe = RECIPE.replace(average=1.0)
    (trial,) = work(recipe, data, tmp_path, 1)
    accuracy, _ = original(given[0], data.validation, recipe, CPU)
    assert trial.values == [accuracy]
    assert given[0].state_dict().keys() == build_network(recipe, data).state_dict().keys()


def test_the_picture_of_a_study_can_be_drawn_after_any_number_of_trials(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "evaluate_split", lambda *_: (next(scores), 1.0))
    scores = iter([0.5, 0.8, 0.9] * 6 + [0.1] * 30)
    search = (*SEARCH, "start_size=null,16", "momentum=0.5:0.9", "translate=0:3", "teacher=,$_$^ of no formula")
    for trials in (1, 9, 12):
        list(work(RECIPE, data, tmp_path, trials, search))
        study = open_study(RECIPE, data, tmp_path, parse_space(search, RECIPE))
        plot_study(study, tmp_path / REPORT)
        assert (tmp_path / REPORT).read_bytes().startswith(b"\x89PNG")
    assert {trial.state.name for trial in study.trials} == {"COMPLETE", "PRUNED"}


def test_a_hopeless_trial_is_stopped_early(data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "evaluate_split", lambda *_: (scores.pop(0), 1.0))
    monkeypatch.setattr(tuning, "evaluate_split", lambda *_: (0.9, 1.0))
    scores = [0.5, 0.8, 0.9] * 4 + [0.6, 0.7] + [0.7, 0.8, 0.9]
    ends = [(trial.state.name, trial.values) for trial in work(RECIPE, data, tmp_path, 6)]
    assert ends == [("COMPLETE", [0.9])] * 4 + [("PRUNED", [0.7]), ("COMPLETE", [0.9])]


def test_a_stopped_study_goes_on_with_the_same_trial_and_the_same_proposals(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = list(work(RECIPE, data, tmp_path / "whole", 3))
    original, calls = loop.evaluate_split, []

    def stop_in_the_fifth_epoch(*arguments: Any) -> tuple[float, float]:
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(loop, "evaluate_split", stop_in_the_fifth_epoch)
    with pytest.raises(KeyboardInterrupt):
        list(work(RECIPE, data, tmp_path / "stopped", 3))
    monkeypatch.undo()
    rest = list(work(RECIPE, data, tmp_path / "stopped", 3))
    assert [trial.number for trial in rest] == [1, 2]
    assert [(trial.params, trial.values) for trial in rest] == [(trial.params, trial.values) for trial in whole[1:]]
    assert accuracies(tmp_path / "stopped", rest[0]) == accuracies(tmp_path / "whole", whole[1])


def test_processes_share_a_study_and_take_over_from_one_that_was_killed(stripe_data: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    command = [sys.executable, "-c", ANOTHER_PROCESS, str(Path(__file__).parent), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as other:
        wait_for(lambda: (folder / "trials" / "0000").exists() or other.poll() is not None)
        ours = [trial.number for trial in islice(work(RECIPE, stripe_data, folder, 9), 3)]
        printed, complaints = other.communicate(timeout=60)
    assert other.returncode == -signal.SIGKILL, complaints
    theirs = [int(number) for number in printed.split()]
    ours += [trial.number for trial in work(RECIPE, stripe_data, folder, 9)]
    assert len(theirs) == 3
    assert sorted(ours + theirs) == list(range(9))
    study = open_study(RECIPE, stripe_data, folder, parse_space(SEARCH, RECIPE))
    assert all(trial.state.is_finished() for trial in study.trials)
    assert len({trial.params["learning_rate"] for trial in study.trials}) == 9


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_trial_that_cannot_be_trained_is_marked_and_the_study_goes_on(data: Dataset, tmp_path: Path) -> None:
    recipe = RECIPE.replace(optimizer="sgd", learning_rate=0.01, start_size=16)
    search = ("learning_rate=0.01,1e30", "start_size=8,16")  # a perceptron cannot take images of another size
    trials = list(work(recipe, data, tmp_path, 8, search))
    assert len(trials) == 8
    for trial in trials:
        match trial.params:
            case {"start_size": 8}:
                assert (trial.state.name, trial.values) == ("PRUNED", None)
                assert "shapes cannot be multiplied" in trial.user_attrs["reason"]
            case {"learning_rate": 1e30}:
                assert trial.state.name == "PRUNED"
                assert "the loss became nan at step" in trial.user_attrs["reason"]
            case _:
                assert trial.state.name == "COMPLETE"
    assert {trial.state.name for trial in trials} == {"PRUNED", "COMPLETE"}


def test_values_that_have_failed_are_seldom_tried_again(data: Dataset, tmp_path: Path) -> None:
    recipe = RECIPE.replace(epochs=1, start_size=16)
    trials = list(work(recipe, data, tmp_path, 24, ("start_size=8,16", "learning_rate=1e-4:1e-2:log")))
    later = [trial.params["start_size"] for trial in trials[12:]]
    assert later.count(8) <= 3


def test_a_recipe_that_fits_no_network_is_refused_at_once(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="unknown option of mlp 'widths'"):
        work(RECIPE.replace(options={"widths": [16]}), data, tmp_path, 3)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "search", "different"),
    [
        ({}, ("learning_rate=1e-4:1e-2:log", "flip=none,random"), "search learning_rate"),
        ({}, ("learning_rate=1e-5:1e-2:log",), "search flip"),
        ({"epochs": 2, "momentum": 0.8}, SEARCH, "recipe epochs, recipe momentum"),
    ],
)
def test_a_study_of_something_else_is_not_mixed_in(
    changes: dict[str, object], search: tuple[str, ...], different: str, data: Dataset, tmp_path: Path
) -> None:
    open_study(RECIPE, data, tmp_path, parse_space(SEARCH, RECIPE))
    with pytest.raises(InvalidArgument, match=rf"\(different: {different}\).*start in another folder"):
        open_study(RECIPE.replace(**changes), data, tmp_path, parse_space(search, RECIPE))


def test_a_study_of_other_data_is_not_mixed_in(data: Dataset, tmp_path: Path) -> None:
    open_study(RECIPE, data, tmp_path, parse_space(SEARCH, RECIPE))
    fewer = Split(data.validation.pixels[:9], data.validation.labels[:9])
    other = Dataset("other", data.labels, data.train, fewer, data.test)
    with pytest.raises(InvalidArgument, match="different: data fingerprint, data validation"):
        open_study(RECIPE, other, tmp_path, parse_space(SEARCH, RECIPE))


def test_other_images_of_the_same_number_are_other_data(data: Dataset, tmp_path: Path) -> None:
    list(work(RECIPE, data, tmp_path, 1))
    other = Dataset(
        data.name, data.labels, Split(255 - data.train.pixels, data.train.labels), data.validation, data.test
    )
    with pytest.raises(InvalidArgument, match=r"different: data fingerprint"):
        list(work(RECIPE, other, tmp_path, 2))


def test_a_line_that_a_full_disk_left_unfinished_is_not_written_on(data: Dataset, tmp_path: Path) -> None:
    first = list(work(RECIPE, data, tmp_path, 2))
    with (tmp_path / JOURNAL).open("ab") as journal:
        journal.write(b'{"op_code": 4, "wor')
    assert len(list(work(RECIPE, data, tmp_path, 3))) == 1
    assert next(work(RECIPE, data, tmp_path, 4)).number == len(first) + 1


def test_a_damaged_journal_says_what_to_do(data: Dataset, tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text("no journal\n" * 3)
    with pytest.raises(CheckpointError, match=r"cannot read the study in .*Start in another folder"):
        open_study(RECIPE, data, tmp_path, parse_space(SEARCH, RECIPE))


def test_the_command_tunes_and_says_how_to_train_the_winner(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thumbnet.model.datasets.load_dataset", lambda *_, **__: data)
    (tmp_path / "recipe.json").write_text(json.dumps(RECIPE.to_dict()))
    arguments = ["tune", "--recipe", str(tmp_path / "recipe.json"), "--out", str(tmp_path / "study"), "--epochs", "1"]
    for entry in SEARCH:
        arguments += ["--search", entry]
    result = CliRunner().invoke(app, [*arguments, "--trials", "2"])
    assert result.exit_code == 0, result.output
    assert "trial 1: " in result.output
    assert f"Next: thumbnet train --recipe {tmp_path / 'study' / 'best.json'}" in result.output
    assert load_recipe(str(tmp_path / "study" / "best.json")).epochs == 1
    again = CliRunner().invoke(app, [*arguments, "--trials", "2"])
    assert again.exit_code == 0
    assert "trial 1: " not in again.output.partition("Best:")[0]


def test_ctrl_c_ends_the_command_with_how_to_go_on(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise loop.Interrupted

    monkeypatch.setattr("thumbnet.model.datasets.load_dataset", lambda *_, **__: data)
    monkeypatch.setattr(tuning, "train", stop)
    result = CliRunner().invoke(app, ["tune", "--recipe", "lenet", "--out", str(tmp_path)])
    assert result.exit_code == 130
    assert "The same command goes on from" in result.stderr


def test_who_joins_a_study_when_its_last_trial_runs_elsewhere_ends_well(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thumbnet.model.datasets.load_dataset", lambda *_, **__: data)
    (tmp_path / "recipe.json").write_text(json.dumps(RECIPE.to_dict()))
    arguments = ["--recipe", str(tmp_path / "recipe.json"), "--out", str(tmp_path / "study"), "--search", SEARCH[0]]
    space = parse_space(SEARCH[:1], RECIPE)
    (tmp_path / "study").mkdir()
    open_study(RECIPE, data, tmp_path / "study", space).ask(dict(space))
    (tmp_path / "study" / "trials" / "0000").mkdir(parents=True)
    with FileLock(tmp_path / "study" / "trials" / "0000" / ".lock"):
        result = CliRunner().invoke(app, ["tune", *arguments, "--trials", "1"])
    assert result.exit_code == 0, result.output
    assert "Trials that other processes still work on: 1." in result.stdout


def test_a_study_of_failures_says_why_each_time(data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thumbnet.model.datasets.load_dataset", lambda *_, **__: data)
    (tmp_path / "recipe.json").write_text(json.dumps(RECIPE.to_dict()))
    arguments = ["--recipe", str(tmp_path / "recipe.json"), "--out", str(tmp_path / "study"), "--trials", "2"]
    for _ in range(2):
        result = CliRunner().invoke(app, ["tune", *arguments, "--search", "start_size=8,12"])
        assert result.exit_code == 1
        assert result.stdout.count(": failed ") == 2
        assert "was trained to its end; the lines above say why" in " ".join(result.stderr.split())


def test_a_study_among_the_images_is_refused(tmp_path: Path) -> None:
    for label in ("day", "night"):
        (tmp_path / label).mkdir()
        for number in range(3):
            Image.new("RGB", (32, 32), (number, 0, 99)).save(tmp_path / label / f"{number}.png")
    result = CliRunner().invoke(app, ["tune", "--data", str(tmp_path), "--out", str(tmp_path / "tune")])
    assert result.exit_code == 1
    assert "would be taken for images" in " ".join(result.stderr.split())
    assert {path.name for path in tmp_path.iterdir()} == {"day", "night"}
