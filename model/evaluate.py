"""How good a model is, measured through `Classifier`: the contents of results.json."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from .abstention import SCORES
from .classifier import Classifier
from .datasets import Dataset, Split
from .drift import Counts, count_baseline
from .measures import (
    Floats,
    Labels,
    accuracy,
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
from .weights import WeightsConfig

MOST_CLASSES = 100
"""With more classes than this the confusion matrix is left out of results.json."""
CHUNK = 1024
"""Images taken from a split at once: it may be larger than memory."""


def evaluate(classifier: Classifier, data: Dataset) -> dict[str, Any]:
    """Measure a model on the validation and test splits, as plain values."""
    validation_logits, validation_labels = classifier_logits(classifier, data.validation)
    logits, labels = classifier_logits(classifier, data.test)
    probabilities = softmax(logits / classifier.config.temperature)
    right = logits.argmax(axis=1) == labels
    confusion = confusion_matrix(logits.argmax(axis=1), labels, len(data.labels))
    results = {
        "dataset": data.name,
        "validation": {
            "images": len(validation_labels),
            "accuracy": accuracy(validation_logits, validation_labels),
        },
        "test": measure(logits, labels, classifier.config),
        "per_class": per_class(confusion, data.labels),
        "reliability": reliability(probabilities.max(axis=1), right),
        "risk_coverage": risk_coverage(confidences(logits, classifier.config), right),
        "mistakes": confident_mistakes(probabilities, labels, data.labels),
        "baseline": baseline(validation_logits, data, classifier.config).to_dict(),
    }
    if len(data.labels) <= MOST_CLASSES:
        results["confusion"] = confusion.tolist()
    return results


def baseline(validation_logits: Floats, data: Dataset, config: WeightsConfig) -> Counts:
    """What `thumbnet drift` compares a model in use with: its answers to the validation images, and their looks."""
    probabilities = softmax(validation_logits / config.temperature)
    answered = confidences(validation_logits, config) >= config.abstention_threshold
    return count_baseline(data.labels, probabilities, answered, data.validation.pixels.numpy())


def measure(logits: Floats, labels: Labels, config: WeightsConfig) -> dict[str, Any]:
    """The figures of one split.

    accuracy             share of images whose best class is right
    cross_entropy        mean negative log-probability of the right class, in nats
    ece                  expected calibration error (Naeini et al. 2015), 15 bins of equal width
    coverage             share of images that get an answer; the others abstain
    selective_accuracy   accuracy among those; None where there are none
    aurc                 area under the risk–coverage curve (Geifman et al. 2019, arXiv:1805.08206)
    """
    probabilities = softmax(logits / config.temperature)
    confidence = confidences(logits, config)
    answered = confidence >= config.abstention_threshold
    right = logits.argmax(axis=1) == labels
    return {
        "images": len(labels),
        "accuracy": accuracy(logits, labels),
        "cross_entropy": cross_entropy(probabilities, labels),
        "ece": expected_calibration_error(probabilities, labels),
        "coverage": float(answered.mean()),
        "selective_accuracy": float(right[answered].mean()) if answered.any() else None,
        "aurc": float(risks(confidence, right).mean()),
    }


def classifier_logits(classifier: Classifier, split: Split) -> tuple[Floats, Labels]:
    """Logits and labels of a split, one view of each image."""
    return pixel_logits(classifier, split.pixels), split.labels.numpy()


def pixel_logits(classifier: Classifier, pixels: Tensor) -> Floats:
    """Logits of (N, C, H, W) uint8 images."""
    parts = [
        classifier.logits(chunk.permute(0, 2, 3, 1).contiguous().numpy()).astype(np.float64)
        for chunk in (pixels[i : i + CHUNK] for i in range(0, len(pixels), CHUNK))
    ]
    return np.concatenate(parts)


def take(split: Split, most: int) -> Split:
    """At most so many images, evenly from all classes, always the same ones."""
    if len(split) <= most:
        return split
    by_class = torch.argsort(split.labels, stable=True)
    chosen = by_class[torch.linspace(0, len(split) - 1, most).round().long()].sort().values
    return Split(split.pixels[chosen], split.labels[chosen])


def confidences(logits: Floats, config: WeightsConfig, score: str | None = None) -> Floats:
    """The confidence in each image, as the Classifier computes it: by the score of the config or another."""
    function = SCORES[score or config.abstention_score]
    return np.array([function(row) for row in logits / config.temperature])
