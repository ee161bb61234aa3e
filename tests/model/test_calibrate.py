"""What is chosen on validation images: the temperature, and when to abstain."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from thumbnet import Classifier
from thumbnet.model.calibrate import calibrate, choose_score, fit_temperature
from thumbnet.model.datasets import Split
from thumbnet.model.evaluate import classifier_logits, confidences
from thumbnet.model.measures import softmax
from thumbnet.model.weights import SHIPPED_ROOT


def drawn_from(logits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A label for each row, as likely as the row says."""
    return (softmax(logits).cumsum(axis=1) > rng.random((len(logits), 1))).argmax(axis=1)


def test_the_fitted_temperature_undoes_overconfidence(rng: np.random.Generator) -> None:
    honest = rng.normal(size=(50_000, 5))
    assert fit_temperature(3 * honest, drawn_from(honest, rng)) == pytest.approx(3, rel=0.05)


def test_confidence_is_right_on_average_where_the_unlikely_classes_are_not(rng: np.random.Generator) -> None:
    honest = 3 * rng.normal(size=(50_000, 5))
    labels = drawn_from(honest, rng)
    smoothed = np.log(0.8 * softmax(honest) + 0.2 / 5)  # what training with smoothed labels aims at
    confidence = softmax(smoothed / fit_temperature(smoothed, labels)).max(axis=1)
    assert confidence.mean() == pytest.approx((smoothed.argmax(axis=1) == labels).mean(), abs=0.012)


def test_few_images_without_a_mistake_give_no_certainty(rng: np.random.Generator) -> None:
    logits = 5 * rng.normal(size=(20, 3))
    confidence = softmax(logits / fit_temperature(logits, logits.argmax(axis=1))).max(axis=1)
    assert 0.8 < confidence.mean() < 0.97


def test_the_probability_stands_unless_another_score_is_clearly_better() -> None:
    probability = {"mistakes": 0.93, "noise": 0.8, "mosaics": 0.9}
    better = {"mistakes": 0.93, "noise": 0.9, "mosaics": 0.9}
    barely = {"mistakes": 0.93, "noise": 0.81, "mosaics": 0.91}
    blind = {"mistakes": 0.90, "noise": 0.85, "mosaics": 0.9}
    assert choose_score({"max_probability": probability, "max_logit": barely, "energy": better}) == "energy"
    assert choose_score({"max_probability": probability, "max_logit": barely, "energy": blind}) == "max_probability"


def test_without_mistakes_the_outliers_decide() -> None:
    evidence = {"max_probability": {"noise": 0.8}, "max_logit": {"noise": 0.9}, "energy": {"noise": 0.7}}
    assert choose_score(evidence) == "max_logit"


def test_nineteen_of_twenty_validation_images_get_an_answer(tmp_path: Path, rng: np.random.Generator) -> None:
    folder = Path(shutil.copytree(SHIPPED_ROOT / "mnist", tmp_path / "copy"))
    pixels = torch.from_numpy(rng.integers(0, 256, (200, 1, 28, 28), dtype=np.uint8))
    split = Split(pixels, torch.arange(200) % 10)
    abstention = calibrate(folder, split)
    classifier = Classifier.load(folder)
    assert classifier.config.abstention_score == abstention["score"]
    assert classifier.config.abstention_threshold == abstention["threshold"]
    logits, _ = classifier_logits(classifier, split)
    answered = confidences(logits, classifier.config) >= abstention["threshold"]
    assert 0.95 <= answered.mean() <= 0.96
    assert set(abstention["evidence"]["energy"]) == {"mistakes", "noise", "mosaics", "clouds"}
