"""Measures of a classifier: what can be worked out from its answers and the truth, and nothing else.

Names: N images, K classes; `logits` is (N, K) float, `probabilities` (N, K) float 0…1, `labels` (N,) int 0…K-1,
`right` (N,) bool: whether the best class is the label, `confidence` (N,) float: higher the surer the model is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

ECE_BINS = 15
CURVE_POINTS = 100
"""Coverages at which the risk is written down, evenly spaced up to 1."""
MISTAKES = 24
"""The mistakes of highest probability that are written down."""


def softmax(logits: Floats) -> Floats:
    """Logits of one image, or rows of them → probabilities that sum to 1 for each image."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: Floats = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return result


def accuracy(logits: Floats, labels: Labels) -> float:
    """Share of rows whose largest entry is at the label."""
    return float((logits.argmax(axis=1) == labels).mean())


def cross_entropy(probabilities: Floats, labels: Labels) -> float:
    """Mean negative log-probability of the right class, in nats."""
    right = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(right, np.finfo(np.float64).tiny)).mean())


def expected_calibration_error(probabilities: Floats, labels: Labels) -> float:
    """Mean distance between confidence and accuracy over bins of equal width, weighted by their images, 0 … 1."""
    rows = reliability(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)
    gaps = [row["images"] * abs(row["confidence"] - row["accuracy"]) for row in rows]
    return float(sum(gaps)) / len(labels)


def reliability(confidence: Floats, right: Flags) -> list[dict[str, Any]]:
    """Mean confidence and accuracy of the images in each bin of confidence that holds any."""
    bins = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    return [
        {
            "from": b / ECE_BINS,
            "to": (b + 1) / ECE_BINS,
            "images": int((bins == b).sum()),
            "confidence": float(confidence[bins == b].mean()),
            "accuracy": float(right[bins == b].mean()),
        }
        for b in np.unique(bins).tolist()
    ]


def risks(confidence: Floats, right: Flags) -> Floats:
    """Share of mistakes among the n images of highest confidence, for n = 1 … N."""
    order = np.argsort(-confidence, kind="stable")
    result: Floats = np.cumsum(~right[order]) / np.arange(1, len(right) + 1)
    return result


def risk_coverage(confidence: Floats, right: Flags) -> dict[str, list[float]]:
    """The risk–coverage curve: share of images that are answered → share of mistakes among them."""
    risk = risks(confidence, right)
    counts = np.unique(-(-np.arange(1, CURVE_POINTS + 1) * len(right) // CURVE_POINTS))  # rounded up
    return {"coverage": (counts / len(right)).tolist(), "risk": risk[counts - 1].tolist()}


def auroc(higher: Floats, lower: Floats) -> float:
    """Chance that a random score of the first kind exceeds one of the second, ties counting half."""
    ordered = np.sort(lower)
    below, upto = np.searchsorted(ordered, higher, "left"), np.searchsorted(ordered, higher, "right")
    return float((below + upto).mean() / 2 / len(lower))


def confident_mistakes(probabilities: Floats, labels: Labels, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The mistakes of highest probability, worst first; `image` is the position in the split."""
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES].tolist()
    return [
        {
            "image": i,
            "label": names[labels[i]],
            "predicted": names[predicted[i]],
            "probability": float(confidence[i]),
        }
        for i in worst
    ]


def confusion_matrix(predicted: Labels, labels: Labels, classes: int) -> npt.NDArray[np.int64]:
    """(K, K) counts: row = true class, column = predicted class."""
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def per_class(confusion: npt.NDArray[np.int64], labels: tuple[str, ...]) -> dict[str, dict[str, float | None]]:
    """Images, precision and recall of each class; None where there is nothing to divide by."""
    hits, images, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    return {
        label: {
            "images": int(images[i]),
            "precision": float(hits[i] / predicted[i]) if predicted[i] else None,
            "recall": float(hits[i] / images[i]) if images[i] else None,
        }
        for i, label in enumerate(labels)
    }
