"""The measures, against what can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from thumbnet.model.measures import (
    auroc,
    confident_mistakes,
    confusion_matrix,
    cross_entropy,
    expected_calibration_error,
    per_class,
    reliability,
    risk_coverage,
    risks,
    softmax,
)


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    probabilities = np.array([[0.9, 0.1]] * 10)
    labels = np.array([0] * 6 + [1] * 4)
    assert expected_calibration_error(probabilities, labels) == pytest.approx(0.3)
    certain = np.array([[1.0, 0.0]] * 4)
    assert expected_calibration_error(certain, np.zeros(4, int)) == 0


def test_the_bins_of_the_reliability_diagram_hold_all_images() -> None:
    rows = reliability(np.array([0.0, 0.5, 0.52, 1.0]), np.array([False, True, False, True]))
    assert [(row["images"], row["accuracy"]) for row in rows] == [(1, 0.0), (2, 0.5), (1, 1.0)]
    assert rows[1]["from"] <= 0.5 < 0.52 < rows[1]["to"]
    assert rows[1]["confidence"] == pytest.approx(0.51)
    assert rows[2]["to"] == 1


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
    assert figures["c"] == {"images": 0, "precision": None, "recall": None}


def test_risk_grows_with_coverage_where_the_unsure_answers_are_wrong() -> None:
    confidence, right = np.array([0.9, 0.6, 0.8, 0.7]), np.array([True, False, True, True])
    assert risks(confidence, right).tolist() == [0, 0, 0, 0.25]
    assert risk_coverage(confidence, right) == {"coverage": [0.25, 0.5, 0.75, 1.0], "risk": [0, 0, 0, 0.25]}


def test_a_risk_coverage_curve_ends_at_the_error_of_all_images(rng: np.random.Generator) -> None:
    right = rng.random(1234) < 0.9
    curve = risk_coverage(rng.random(1234), right)
    assert len(curve["coverage"]) == 100
    assert (curve["coverage"][-1], curve["risk"][-1]) == (1, pytest.approx(1 - right.mean()))


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    assert auroc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1
    assert auroc(np.array([0.0]), np.array([1.0])) == 0
    assert auroc(np.array([1.0, 1.0]), np.array([1.0])) == 0.5
    assert auroc(np.array([1.0, 3.0]), np.array([0.0, 2.0])) == 0.75


def test_the_surest_mistakes_come_first() -> None:
    probabilities = np.array([[0.6, 0.4], [0.1, 0.9], [0.7, 0.3], [1.0, 0.0]])
    mistakes = confident_mistakes(probabilities, np.array([1, 0, 0, 0]), ("cat", "dog"))
    assert mistakes == [
        {"image": 1, "label": "cat", "predicted": "dog", "probability": 0.9},
        {"image": 0, "label": "dog", "predicted": "cat", "probability": 0.6},
    ]
