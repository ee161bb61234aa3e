"""The program of "score a folder": a row for each image, broken ones too, and a second call goes on."""

from __future__ import annotations

import csv
import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from thumbnet import Classifier

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docs" / "how-to" / "code" / "score_folder.py"


@pytest.fixture
def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("score_folder", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos" / "deeper").mkdir(parents=True)
    for name in ("cat.png", "ship.png"):
        shutil.copy(ROOT / "demo" / "examples" / name, tmp_path / "photos" / "deeper")
    (tmp_path / "photos" / "broken.JPG").write_text("no picture")
    (tmp_path / "photos" / "notes.txt").write_text("no image")
    return tmp_path / "photos"


def read(answers: Path) -> list[dict[str, str]]:
    with answers.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_image_gets_a_row_and_the_classifiers_answer(
    program: ModuleType, photos: Path, tmp_path: Path, cifar10: Classifier
) -> None:
    assert program.score(photos, tmp_path / "answers.csv") == 3
    broken, cat, ship = read(tmp_path / "answers.csv")
    assert "not an image" in broken["error"]
    assert broken["label"] == ""
    for row, label in ((cat, "cat"), (ship, "ship")):
        expected = cifar10.predict(row["image"])
        assert row["label"] == expected.label == label
        assert row["probability"] == f"{expected.probability:.4f}"
        assert (row["abstained"], row["error"]) == ("false", "")


def test_a_second_call_goes_on_with_what_has_no_row(program: ModuleType, photos: Path, tmp_path: Path) -> None:
    answers = tmp_path / "answers.csv"
    program.score(photos, answers)
    before = answers.read_text("utf-8")
    assert program.score(photos, answers) == 0
    assert answers.read_text("utf-8") == before
    shutil.copy(ROOT / "demo" / "examples" / "dog.png", photos)
    assert program.score(photos, answers) == 1
    assert [row["label"] for row in read(answers)] == ["", "cat", "ship", "dog"]
