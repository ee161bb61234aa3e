"""Temperature and abstention of a weights folder, chosen on the validation split alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from .abstention import ENOUGH_TO_CHOOSE, ENOUGH_TO_FIT, SCORES
from .classifier import Classifier
from .datasets import Split
from .evaluate import classifier_logits, confidences, pixel_logits, take
from .images import as_many_pixels
from .measures import Floats, Labels, auroc
from .outliers import made_outliers
from .weights import WeightsConfig, write_config

COVERAGE = 0.95
"""Share of validation images that get an answer, at least; the least confident rest abstains."""
CLEARLY = 0.01
"""By how much another abstention score must be better than the probability, which people can read."""
OUTLIERS = 2500
"""Outliers of each kind that are made to choose the score by; of images larger than 32 × 32 fewer, as many pixels."""
FEWEST_OUTLIERS = 500
"""But at least so many, or what is chosen would be chosen by chance."""


def calibrate(folder: Path, validation: Split) -> dict[str, Any]:
    """Choose temperature, abstention score and its threshold on the validation split and write them into config.json.

    Returns the entry `abstention` of results.json: what was chosen, and why.
    """
    classifier = Classifier.load(folder, precision="fp32")  # whose figures hold on every machine
    logits, labels = classifier_logits(classifier, validation)
    config, evidence, score = classifier.config, {}, next(iter(SCORES))
    if len(labels) >= ENOUGH_TO_FIT:
        config = dataclasses.replace(config, temperature=fit_temperature(logits, labels))
    if len(labels) >= ENOUGH_TO_CHOOSE:
        most = max(FEWEST_OUTLIERS, as_many_pixels(OUTLIERS, config.preprocessing.image_size))
        images = take(validation, most).pixels
        evidence = gather_evidence(classifier, config, logits, labels, images)
        score = choose_score(evidence)
    confidence = confidences(logits, config, score)
    threshold = float(np.quantile(confidence, 1 - COVERAGE, method="lower"))
    write_config(folder, dataclasses.replace(config, abstention_score=score, abstention_threshold=threshold))
    return {
        "score": score,
        "threshold": threshold,
        "coverage": float((confidence >= threshold).mean()),
        "evidence": evidence,
    }


def gather_evidence(
    classifier: Classifier, config: WeightsConfig, logits: Floats, labels: Labels, images: Tensor
) -> dict[str, dict[str, float]]:
    """Score → how well it tells right answers from mistakes, and the classes from made outliers (AUROC, 0 … 1).

    logits, labels   (N, classes) and (N,), of validation images
    images           (M, C, H, W) uint8 validation images, of which some outliers are made

    Where there is no mistake, or nothing but mistakes, there is nothing to tell apart and no such entry.
    """
    right = logits.argmax(axis=1) == labels
    outliers = {kind: pixel_logits(classifier, pixels) for kind, pixels in made_outliers(images).items()}
    evidence = {}
    for score in SCORES:
        confidence = confidences(logits, config, score)
        figures = {"mistakes": auroc(confidence[right], confidence[~right])} if 0 < right.sum() < len(right) else {}
        for kind, rows in outliers.items():
            figures[kind] = auroc(confidence, confidences(rows, config, score))
        evidence[score] = figures
    return evidence


def choose_score(evidence: Mapping[str, Mapping[str, float]]) -> str:
    """The score that is best at its two tasks, each counting half: knowing mistakes, and knowing outliers of any kind.

    The first of SCORES, the probability, stands unless another is clearly better.
    """

    def merit(score: str) -> float:
        outliers = float(np.mean([value for kind, value in evidence[score].items() if kind != "mistakes"]))
        return (outliers + evidence[score].get("mistakes", outliers)) / 2

    first, best = next(iter(SCORES)), max(SCORES, key=merit)
    return best if merit(best) >= merit(first) + CLEARLY else first


def fit_temperature(logits: Floats, labels: Labels) -> float:
    """The temperature, 0.05 … 20, at which the best class's probability predicts best whether it is right.

    logits, labels   (N, classes) and (N,), of validation images

    That is: of least binary cross-entropy between confidence and "the answer is right" (Le Coz et al. 2024,
    arXiv:2411.02988), where Guo et al. 2017 (arXiv:1706.04599) take the cross-entropy of all classes. Networks that
    were trained with smoothed labels misjudge the unlikely classes in a way no temperature mends; this pulls the
    confidence less than half as far from the accuracy. "Right" and "wrong" are moved towards each other by as much as
    that number of images leaves open (Platt 1999), so that a validation split without mistakes gives no certainty.
    """
    best = logits.argmax(axis=1)
    right = best == labels
    hits, misses = int(right.sum()), int((~right).sum())
    target = np.where(right, (hits + 1) / (hits + 2), 1 / (misses + 2))
    behind = logits - logits.max(axis=1, keepdims=True)
    behind[np.arange(len(best)), best] = -np.inf

    def loss(temperature: float) -> float:
        odds = np.maximum(np.exp(behind / temperature).sum(axis=1), np.finfo(np.float64).tiny)  # of being wrong
        return float((np.log1p(odds) - (1 - target) * np.log(odds)).mean())

    low, high = 0.05, 20.0
    for _ in range(4):
        temperatures = np.geomspace(low, high, 17)
        least = int(np.argmin([loss(temperature) for temperature in temperatures]))
        low, high = temperatures[max(0, least - 1)], temperatures[min(16, least + 1)]
    return float(temperatures[least])
