"""A whole run: what lies in the folder at the end, and that it is what was measured."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from thumbnet import Classifier
from thumbnet.model.datasets import Dataset
from thumbnet.model.drift import read_baseline
from thumbnet.model.evaluate import classifier_logits, measure
from thumbnet.model.files import replacing_folder
from thumbnet.model.recipe import Recipe
from thumbnet.model.recipes import load_recipe
from thumbnet.model.runs import measure_weights, run
from thumbnet.model.train import CHECKPOINT, train
from thumbnet.model.weights import PICTURES


@pytest.fixture(scope="module")
def finished(quick_recipe: Recipe, stripe_data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that no test changes."""
    folder = tmp_path_factory.mktemp("finished")
    run(quick_recipe, stripe_data, folder, device=torch.device("cpu"), show_progress=False)
    return folder


@pytest.fixture
def weights(finished: Path, tmp_path: Path) -> Path:
    """The weights folder of a finished run of the test's own."""
    return shutil.copytree(finished, tmp_path / "run") / "weights"


def test_a_run_leaves_everything_one_needs(weights: Path, quick_recipe: Recipe, stripe_data: Dataset) -> None:
    folder = weights.parent
    assert {path.name for path in folder.iterdir()} == {
        "recipe.json",
        "metrics.jsonl",
        "checkpoint.safetensors",
        "weights",
    }
    assert load_recipe(str(folder / "recipe.json")) == quick_recipe
    assert {picture.name for picture in weights.glob("*.png")} <= set(PICTURES)
    for picture in PICTURES:
        assert picture == "mistakes.png" or f"]({picture})" in (weights / "README.md").read_text()
    classifier = Classifier.load(weights, precision="fp32")  # as results are measured
    results = json.loads((weights / "results.json").read_text())
    assert measure(*classifier_logits(classifier, stripe_data.test), classifier.config) == results["test"]
    assert results["recipe"] == quick_recipe.to_dict()
    assert results["abstention"]["score"] == classifier.config.abstention_score
    assert len(results["corruptions"]["kinds"]) == 6
    assert results["outliers"]["noise"]["images"] == 1000
    assert results["data"] == {"fingerprint": stripe_data.fingerprint(), "cut": []}
    assert len(results["mistakes"]) == round(60 * (1 - results["test"]["accuracy"]))
    assert read_baseline(weights).images() == len(stripe_data.validation)
    assert set(classifier.config.files) == {"model.safetensors", "model.onnx", "results.json"}
    assert "model-index" in (weights / "README.md").read_text()


def test_a_run_that_has_ended_is_measured_anywhere(
    weights: Path, quick_recipe: Recipe, stripe_data: Dataset, tmp_path: Path
) -> None:
    """Without its teachers, and with the facts of the machine that trained it."""
    taught, folder = quick_recipe.replace(teacher=str(weights)), tmp_path / "taught"
    train(taught, stripe_data, folder, device=torch.device("cpu"), show_progress=False)
    shutil.rmtree(weights.parent)
    checkpoint = folder / CHECKPOINT
    with safe_open(checkpoint, "pt") as file:
        metadata = file.metadata()
    progress = json.loads(metadata["progress"])
    assert progress["machine"]["device"] == "cpu"
    elsewhere = {"device": "cuda", "gpu": "Fast GPU", "precision": "bf16", "threads": 4, "torch": "2"}
    metadata["progress"] = json.dumps(progress | {"seconds": 600.0, "machine": elsewhere})
    save_file(load_file(checkpoint), checkpoint, metadata)
    measured = run(taught, stripe_data, folder, device=torch.device("cpu"), show_progress=False)
    assert json.loads((measured / "results.json").read_text())["training"] == {
        "seconds": 600.0,
        "epochs": quick_recipe.epochs,
        **elsewhere,
    }
    assert "10 minutes on one Fast GPU (bf16)" in " ".join((measured / "README.md").read_text().split())


def test_weights_stay_as_they_were_until_new_ones_are_measured(
    weights: Path, quick_recipe: Recipe, stripe_data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    (weights / "model-int8.onnx").write_bytes(b"one's own")
    (weights / ".git").mkdir()
    (weights / ".git" / "HEAD").write_text("main")
    (weights / "mistakes.png").write_bytes(b"of an earlier run")
    files = [path for path in weights.rglob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in files}

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("thumbnet.model.runs.measure_robustness", stop)
    with pytest.raises(KeyboardInterrupt):
        run(quick_recipe, stripe_data, weights.parent, device=torch.device("cpu"), show_progress=False)
    assert {path: path.read_bytes() for path in weights.rglob("*") if path.is_file()} == before
    assert not list(weights.parent.glob(".weights*"))
    monkeypatch.undo()
    run(quick_recipe, stripe_data, weights.parent, device=torch.device("cpu"), show_progress=False)
    assert (weights / "model-int8.onnx").read_bytes() == b"one's own"
    assert (weights / ".git" / "HEAD").read_text() == "main"
    assert not (weights / "mistakes.png").exists() or (weights / "mistakes.png").read_bytes() != b"of an earlier run"


def test_torch_and_openvino_agree_on_what_was_trained(weights: Path, stripe_data: Dataset) -> None:
    by_openvino, _ = classifier_logits(Classifier.load(weights, precision="fp32"), stripe_data.test)
    by_torch, _ = classifier_logits(Classifier.load(weights, runtime="torch"), stripe_data.test)
    assert abs(by_openvino - by_torch).max() < 0.05


def test_weights_are_measured_again_to_the_same_figures(weights: Path, stripe_data: Dataset) -> None:
    before = json.loads((weights / "results.json").read_text())
    (weights / "mistakes.png").write_bytes(b"of an earlier run")
    facts = {key: before[key] for key in ("recipe", "data", "parameters", "macs", "training")}
    measure_weights(weights, stripe_data, facts, show_progress=False)
    assert json.loads((weights / "results.json").read_text()) == before
    assert (weights / "curves.png").exists()
    assert (weights / "mistakes.png").exists() == bool(before["mistakes"])
    assert Classifier.load(weights).config.files["results.json"]


def test_what_a_killed_process_has_left_of_a_folder_is_put_back(tmp_path: Path) -> None:
    before = tmp_path / ".weights-replaced-x1" / "before"
    before.mkdir(parents=True)
    (before / "history").write_text("precious")
    (tmp_path / ".weights-backup").mkdir()
    with replacing_folder(tmp_path / "weights") as new:
        assert (tmp_path / "weights" / "history").read_text() == "precious"
        (new / "history").write_text("newer")
    assert (tmp_path / "weights" / "history").read_text() == "newer"
    assert {path.name for path in tmp_path.iterdir()} == {"weights", ".weights-backup"}
