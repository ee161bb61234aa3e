"""What a model's figures mean, and which images they are measured on."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from thumbnet import Classifier
from thumbnet.model.abstention import SCORES
from thumbnet.model.datasets import Split
from thumbnet.model.evaluate import confidences, measure, pixel_logits, take
from thumbnet.model.weights import SHIPPED_ROOT, read_config


def test_selective_accuracy_counts_only_answers() -> None:
    config = read_config(SHIPPED_ROOT / "mnist")
    sure, unsure = [20.0, *[0.0] * 9], [0.1, *[0.0] * 9]
    figures = measure(np.array([sure, sure, unsure, unsure]), np.array([0, 1, 0, 0]), config)
    assert figures["accuracy"] == 0.75
    assert figures["coverage"] == 0.5
    assert figures["selective_accuracy"] == 0.5


def test_the_measured_confidence_is_the_one_that_decides_on_abstention(
    cifar10: Classifier, cifar10_images: np.ndarray
) -> None:
    logits = pixel_logits(cifar10, torch.from_numpy(cifar10_images[:50]).permute(0, 3, 1, 2))
    for score in SCORES:
        threshold = float(np.median(confidences(logits, cifar10.config, score)))
        config = dataclasses.replace(cifar10.config, abstention_score=score, abstention_threshold=threshold)
        predictions = Classifier(config, cifar10.runtime).predict_batch(list(cifar10_images[:50]))
        assert [p.abstained for p in predictions] == (confidences(logits, config) < threshold).tolist()


def test_a_part_of_a_split_has_the_same_share_of_every_class() -> None:
    labels = torch.tensor([0] * 60 + [1] * 30 + [2] * 10)[
        torch.randperm(100, generator=torch.Generator().manual_seed(0))
    ]
    split = Split(torch.arange(100).reshape(100, 1, 1, 1).to(torch.uint8), labels)
    part = take(split, 50)
    assert part.labels.bincount().tolist() == [30, 15, 5]
    assert (labels[part.pixels.flatten().long()] == part.labels).all()
    assert take(split, 100) is split
