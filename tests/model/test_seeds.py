"""Runs that differ in their seed, as one entry of the results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from thumbnet.model.errors import InvalidArgument, WeightsCorrupt
from thumbnet.model.seeds import summarize_seeds


def write_run(folder: Path, seed: int, accuracy: float, **recipe: Any) -> Path:
    (folder / "weights").mkdir(parents=True)
    results = {
        "recipe": {"name": folder.name, "seed": seed, "epochs": 3} | recipe,
        "validation": {"accuracy": accuracy - 0.01},
        "test": {"accuracy": accuracy},
    }
    (folder / "weights" / "results.json").write_text(json.dumps(results))
    return folder


def test_runs_are_listed_by_seed(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / name, seed, 0.9 + seed / 100) for name, seed in (("b", 2), ("a", 0))]
    assert summarize_seeds(folders) == {
        "seeds": [
            {"seed": 0, "validation_accuracy": pytest.approx(0.89), "test_accuracy": pytest.approx(0.9)},
            {"seed": 2, "validation_accuracy": pytest.approx(0.91), "test_accuracy": pytest.approx(0.92)},
        ]
    }


def test_runs_must_be_of_one_recipe_and_different_seeds(tmp_path: Path) -> None:
    one, two, other = (write_run(tmp_path / str(i), i, 0.9, epochs=epochs) for i, epochs in enumerate((3, 3, 5)))
    with pytest.raises(InvalidArgument, match="differ in more than the seed: epochs"):
        summarize_seeds([one, two, other])
    with pytest.raises(InvalidArgument, match=r"seeds must differ; received \[1, 1\]"):
        summarize_seeds([two, write_run(tmp_path / "again", 1, 0.9)])


def test_a_run_that_has_not_ended_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsCorrupt, match="whose training has ended"):
        summarize_seeds([tmp_path])
