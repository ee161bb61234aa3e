"""The measures, against what can be worked out by hand; and the card that reports them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard

from thumbnet.model.card import write_card
from thumbnet.model.errors import WeightsCorrupt
from thumbnet.model.evaluate import (
    confusion_matrix,
    cross_entropy,
    expected_calibration_error,
    fit_temperature,
    measure,
    per_class,
    softmax,
)
from thumbnet.model.weights import SHIPPED_ROOT, read_config

ROOT = Path(__file__).parent.parent.parent


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    probabilities = np.array([[0.9, 0.1]] * 10)
    labels = np.array([0] * 6 + [1] * 4)
    assert expected_calibration_error(probabilities, labels) == pytest.approx(0.3)
    certain = np.array([[1.0, 0.0]] * 4)
    assert expected_calibration_error(certain, np.zeros(4, int)) == 0


def test_the_fitted_temperature_undoes_overconfidence(rng: np.random.Generator) -> None:
    honest = rng.normal(size=(20_000, 5))
    labels = np.array([rng.choice(5, p=row) for row in softmax(honest)])
    assert fit_temperature(3 * honest, labels) == pytest.approx(3, rel=0.05)


def test_cross_entropy_of_a_certain_mistake_is_finite() -> None:
    assert cross_entropy(np.array([[0.5, 0.5]]), np.array([0])) == pytest.approx(np.log(2))
    assert np.isfinite(cross_entropy(np.array([[1.0, 0.0]]), np.array([1])))


def test_softmax_survives_large_logits() -> None:
    np.testing.assert_allclose(softmax(np.array([[1000.0, 1000.0], [-1000.0, 0.0]])), [[0.5, 0.5], [0, 1]])


def test_confusion_precision_and_recall_by_hand() -> None:
    confusion = confusion_matrix(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 3)
    assert confusion.tolist() == [[1, 0, 0], [1, 2, 0], [0, 0, 0]]
    figures = per_class(confusion, ("a", "b", "c"))
    assert figures["a"] == {"images": 1, "precision": 0.5, "recall": 1.0}
    assert figures["b"]["recall"] == pytest.approx(2 / 3)
    assert figures["c"] == {"images": 0, "precision": 0.0, "recall": 0.0}


def test_selective_accuracy_counts_only_answers() -> None:
    config = read_config(SHIPPED_ROOT / "mnist")
    sure, unsure = [20.0, *[0.0] * 9], [0.1, *[0.0] * 9]
    figures = measure(np.array([sure, sure, unsure, unsure]), np.array([0, 1, 0, 0]), config)
    assert figures["accuracy"] == 0.75
    assert figures["coverage"] == 0.5
    assert figures["selective_accuracy"] == 0.5


@pytest.mark.parametrize("name", ["cifar10", "mnist"])
def test_the_shipped_card_is_what_the_results_say_and_the_hub_can_read_it(name: str, tmp_path: Path) -> None:
    folder = SHIPPED_ROOT / name
    copy = Path(shutil.copytree(folder, tmp_path / name))
    write_card(copy)
    assert (copy / "README.md").read_text() == (folder / "README.md").read_text(), "run: make card"
    data = ModelCard.load(folder / "README.md").data
    results = json.loads((folder / "results.json").read_text())
    assert data.eval_results[0].metric_value == round(results["test"]["accuracy"], 4)
    assert data.eval_results[0].dataset_split == "test"
    assert data.library_name == "thumbnet"
    assert data.pipeline_tag == "image-classification"


def test_the_model_card_of_the_repository_is_that_of_cifar10(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(SHIPPED_ROOT / "cifar10", tmp_path / "model" / "weights" / "cifar10"))
    write_card(copy, tmp_path / "MODEL_CARD.md")
    assert (tmp_path / "MODEL_CARD.md").read_text() == (ROOT / "MODEL_CARD.md").read_text(), "run: make card"
    assert "](model/weights/cifar10/confusion.png)" in (ROOT / "MODEL_CARD.md").read_text()


def test_a_folder_without_results_has_no_card(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(SHIPPED_ROOT / "mnist", tmp_path / "copy"))
    (copy / "results.json").unlink()
    with pytest.raises(WeightsCorrupt, match=r"results\.json cannot be read"):
        write_card(copy)
