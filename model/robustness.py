"""What a model does with images it was not made for: spoilt ones, and such as show none of its classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from .abstention import SCORES
from .classifier import Classifier
from .corruptions import CORRUPTIONS
from .datasets import Split
from .evaluate import classifier_logits, confidences, pixel_logits, take
from .images import as_many_pixels
from .measures import accuracy, auroc
from .outliers import noise, other_data

MOST_IMAGES = 10_000
"""Test images that are spoilt in every way; of images larger than 32 × 32 fewer, as many pixels in all."""
MEASURING_SEED = 1
"""Other noise than the abstention score was chosen by."""
FEWEST_OUTLIERS = 1000
"""There are as many outliers of each kind as test images, but at least this many, or all that there are."""


def measure_robustness(classifier: Classifier, test: Split, *, show_progress: bool = False) -> dict[str, Any]:
    """The entries `corruptions` and `outliers` of results.json. Of a large test split a fixed part is taken."""
    part = take(test, as_many_pixels(MOST_IMAGES, classifier.config.preprocessing.image_size))
    return {
        "corruptions": measure_corruptions(classifier, part, show_progress=show_progress),
        "outliers": measure_outliers(classifier, part),
    }


def measure_corruptions(classifier: Classifier, split: Split, *, show_progress: bool = False) -> dict[str, Any]:
    """Accuracy on images spoilt in each way at each severity, and its mean over all of them."""
    labels = split.labels.numpy()
    kinds: dict[str, dict[str, Any]] = {
        name: {"parameter": kind.parameter, "severities": list(kind.severities), "accuracy": []}
        for name, kind in CORRUPTIONS.items()
    }
    cases = [(name, severity) for name, kind in CORRUPTIONS.items() for severity in kind.severities]
    progress = track(cases, "measuring robustness", console=Console(stderr=True), disable=not show_progress)
    for name, severity in progress:
        spoilt = CORRUPTIONS[name].apply(split.pixels, severity)
        kinds[name]["accuracy"].append(accuracy(pixel_logits(classifier, spoilt), labels))
    return {
        "images": len(split),
        "clean_accuracy": accuracy(pixel_logits(classifier, split.pixels), labels),
        "mean_accuracy": float(np.mean([kind["accuracy"] for kind in kinds.values()])),
        "kinds": kinds,
    }


def measure_outliers(classifier: Classifier, split: Split) -> dict[str, Any]:
    """How well each score tells a split from images that show none of the classes, and how many of these abstain."""
    config = classifier.config
    logits, _ = classifier_logits(classifier, split)
    inliers = {score: confidences(logits, config, score) for score in SCORES}
    size, channels = config.preprocessing.image_size, config.preprocessing.channels
    most = max(FEWEST_OUTLIERS, len(split))
    others = other_data(config.labels, channels=channels, size=size, most=most)
    rows = {}
    for name, pixels in [("noise", noise(most, channels, size, MEASURING_SEED)), *others]:
        logits = pixel_logits(classifier, pixels)
        scores = {score: confidences(logits, config, score) for score in SCORES}
        rows[name] = {
            "images": len(pixels),
            "abstained": float((scores[config.abstention_score] < config.abstention_threshold).mean()),
            "auroc": {score: auroc(inliers[score], scores[score]) for score in SCORES},
        }
    return rows
