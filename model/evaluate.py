"""How good a model is, measured through `Classifier`, and the temperature and threshold that its validation data give.

Names: N images, K classes; `logits` is (N, K) float, `probabilities` (N, K) float 0…1, `labels` (N,) int 0…K-1.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .classifier import Classifier
from .datasets import Dataset, Split
from .weights import WeightsConfig, write_config

Floats = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.int64]

COVERAGE = 0.95
"""Share of validation images that get an answer; the least confident rest abstains."""
ECE_BINS = 15


def calibrate(folder: Path, validation: Split) -> WeightsConfig:
    """Choose temperature and abstention threshold of a weights folder on the validation split and write them down."""
    classifier = Classifier.load(folder)
    logits, labels = classifier_logits(classifier, validation)
    config = dataclasses.replace(classifier.config, temperature=fit_temperature(logits, labels))
    confidence = softmax(logits / config.temperature).max(axis=1)
    threshold = float(np.quantile(confidence, 1 - COVERAGE, method="lower"))
    return write_config(folder, dataclasses.replace(config, abstention_threshold=threshold))


def evaluate(classifier: Classifier, data: Dataset) -> dict[str, Any]:
    """Measure a model on the validation and test splits: the contents of results.json, as plain values."""
    validation_logits, validation_labels = classifier_logits(classifier, data.validation)
    logits, labels = classifier_logits(classifier, data.test)
    confusion = confusion_matrix(logits.argmax(axis=1), labels, len(data.labels))
    return {
        "dataset": data.name,
        "validation": {
            "images": len(validation_labels),
            "accuracy": accuracy(validation_logits, validation_labels),
        },
        "test": measure(logits, labels, classifier.config),
        "per_class": per_class(confusion, data.labels),
        "confusion": confusion.tolist(),
    }


def measure(logits: Floats, labels: Labels, config: WeightsConfig) -> dict[str, Any]:
    """The figures of one split.

    accuracy             share of images whose best class is right
    cross_entropy        mean negative log-probability of the right class, in nats
    ece                  expected calibration error (Naeini et al. 2015), 15 bins of equal width
    coverage             share of images that get an answer; the others abstain
    selective_accuracy   accuracy among those
    """
    probabilities = softmax(logits / config.temperature)
    answered = probabilities.max(axis=1) >= config.abstention_threshold
    right = probabilities.argmax(axis=1) == labels
    return {
        "images": len(labels),
        "accuracy": accuracy(logits, labels),
        "cross_entropy": cross_entropy(probabilities, labels),
        "ece": expected_calibration_error(probabilities, labels),
        "coverage": float(answered.mean()),
        "selective_accuracy": float(right[answered].mean()) if answered.any() else 0.0,
    }


def classifier_logits(classifier: Classifier, split: Split) -> tuple[Floats, Labels]:
    """Logits and labels of a split, one view of each image."""
    pixels = split.pixels.permute(0, 2, 3, 1).contiguous().numpy()
    return classifier.logits(pixels).astype(np.float64), split.labels.numpy()


def softmax(logits: Floats) -> Floats:
    """Rows of logits → rows of probabilities."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: Floats = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result


def accuracy(logits: Floats, labels: Labels) -> float:
    """Share of rows whose largest entry is at the label."""
    return float((logits.argmax(axis=1) == labels).mean())


def cross_entropy(probabilities: Floats, labels: Labels) -> float:
    """Mean negative log-probability of the right class, in nats."""
    right = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(right, np.finfo(np.float64).tiny)).mean())


def fit_temperature(logits: Floats, labels: Labels) -> float:
    """The temperature of least cross-entropy, 0.1 … 10, to half a percent (Guo et al. 2017, arXiv:1706.04599)."""
    temperatures = np.geomspace(0.1, 10, 1001)
    losses = [cross_entropy(softmax(logits / temperature), labels) for temperature in temperatures]
    return float(temperatures[int(np.argmin(losses))])


def expected_calibration_error(probabilities: Floats, labels: Labels) -> float:
    """Mean distance between confidence and accuracy over bins of equal width, weighted by their images, 0 … 1."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    gaps = [abs(float((confidence[bins == b] - right[bins == b]).sum())) for b in range(ECE_BINS)]
    return sum(gaps) / len(labels)


def confusion_matrix(predicted: Labels, labels: Labels, classes: int) -> npt.NDArray[np.int64]:
    """(K, K) counts: row = true class, column = predicted class."""
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def per_class(confusion: npt.NDArray[np.int64], labels: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Images, precision and recall of each class; both are 0 where there is nothing to divide by."""
    hits, images, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    return {
        label: {
            "images": int(images[i]),
            "precision": float(hits[i] / max(1, predicted[i])),
            "recall": float(hits[i] / max(1, images[i])),
        }
        for i, label in enumerate(labels)
    }
