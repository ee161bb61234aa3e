"""Spoilt images and images of something else: made the same way every time, and told from the classes or not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from thumbnet import Classifier
from thumbnet.model.corruptions import CORRUPTIONS, SEVERITIES, pixelate
from thumbnet.model.datasets import Split
from thumbnet.model.outliers import fit, made_outliers, other_data
from thumbnet.model.robustness import measure_corruptions, measure_outliers


@pytest.fixture
def images(cifar10_images: np.ndarray) -> torch.Tensor:
    """Forty photographs, (40, 3, 32, 32)."""
    return torch.from_numpy(cifar10_images[:40]).permute(0, 3, 1, 2).contiguous()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_is_repeatable_and_worse_at_each_severity(name: str, images: torch.Tensor) -> None:
    kind = CORRUPTIONS[name]
    assert len(kind.severities) == SEVERITIES
    damage = []
    for severity in kind.severities:
        spoilt = kind.apply(images, severity)
        assert (spoilt.shape, spoilt.dtype) == (images.shape, torch.uint8)
        assert torch.equal(spoilt, kind.apply(images, severity))
        damage.append((spoilt.float() - images).abs().mean().item())
    assert damage[0] > 0
    assert damage == sorted(damage)
    assert kind.apply(images[:, :1], kind.severities[0]).shape == (40, 1, 32, 32)


def test_corruptions_leave_the_random_numbers_of_others_alone(images: torch.Tensor) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    for kind in CORRUPTIONS.values():
        kind.apply(images, kind.severities[0])
    assert torch.equal(torch.rand(3), expected)


def test_pixelation_keeps_flat_images() -> None:
    flat = torch.full((1, 3, 32, 32), 99, dtype=torch.uint8)
    assert torch.equal(pixelate(flat, 0.65), flat)


def test_made_outliers_are_repeatable_and_not_the_images(images: torch.Tensor) -> None:
    made, again = made_outliers(images), made_outliers(images)
    assert set(made) == {"noise", "mosaics", "clouds"}
    for kind, outliers in made.items():
        assert (outliers.shape, outliers.dtype) == (images.shape, torch.uint8)
        assert torch.equal(outliers, again[kind])
        assert not torch.equal(outliers, images)


def test_a_mosaic_is_made_of_the_middles_of_images_of_any_size(rng: np.random.Generator) -> None:
    for size in (5, 8, 28):
        flat = torch.arange(50, dtype=torch.uint8).reshape(50, 1, 1, 1).expand(50, 1, size, size)
        mosaics = made_outliers(flat.contiguous())["mosaics"]
        assert all(len(mosaic.unique()) <= 4 for mosaic in mosaics)
        assert max(len(mosaic.unique()) for mosaic in mosaics) == 4


def test_clouds_keep_the_mean_colour(images: torch.Tensor) -> None:
    pale = images // 4 + 96  # so that nothing is clipped
    clouds = made_outliers(pale)["clouds"].float()
    assert (clouds.mean(dim=(2, 3)) - pale.float().mean(dim=(2, 3))).abs().max() < 0.5


def test_images_of_another_kind_are_fitted_to_the_network(rng: np.random.Generator) -> None:
    grey = torch.from_numpy(rng.integers(0, 256, (2, 28, 28), dtype=np.uint8))
    colour = torch.from_numpy(rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8))
    assert fit(grey, channels=3, size=32).shape == fit(colour, channels=3, size=32).shape == (2, 3, 32, 32)
    assert torch.equal(fit(grey, channels=1, size=28)[:, 0], grey)
    assert fit(colour, channels=1, size=28).shape == (2, 1, 28, 28)
    assert torch.equal(fit(colour, channels=3, size=32), colour.permute(0, 3, 1, 2))


def test_other_data_leaves_out_what_shares_a_name_with_a_class(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    others = dict(other_data(["Zero", *"01234567"], channels=1, size=28, most=100))
    assert len(others["mnist"]) == len(others["cifar10"]) == 100
    assert "mnist" not in dict(other_data("0123456789", channels=1, size=28, most=100))
    monkeypatch.setenv("THUMBNET_DATA", str(tmp_path))
    assert list(other_data(["cat", "dog"], channels=3, size=32, most=100)) == []


def test_a_model_is_measured_on_spoilt_images(cifar10: Classifier, cifar10_images: np.ndarray) -> None:
    pixels = torch.from_numpy(cifar10_images[:20]).permute(0, 3, 1, 2)
    answers = torch.tensor([cifar10.labels.index(p.label) for p in cifar10.predict_batch(list(cifar10_images[:20]))])
    figures = measure_corruptions(cifar10, Split(pixels, answers))
    assert figures["images"] == 20
    assert figures["clean_accuracy"] == 1
    values = [value for kind in figures["kinds"].values() for value in kind["accuracy"]]
    assert len(values) == len(CORRUPTIONS) * SEVERITIES
    assert figures["mean_accuracy"] == pytest.approx(np.mean(values))
    assert figures["kinds"]["brightness"]["accuracy"][0] > figures["kinds"]["contrast"]["accuracy"][-1]


def test_a_model_is_measured_on_images_of_something_else(
    mnist: Classifier, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    monkeypatch.setattr("thumbnet.model.robustness.FEWEST_OUTLIERS", 50)
    digits = torch.zeros((20, 1, 28, 28), dtype=torch.uint8)
    digits[:, :, 4:24, 13:16] = 255
    config = dataclasses.replace(mnist.config, abstention_score="max_logit", abstention_threshold=1e9)
    figures = measure_outliers(Classifier(config, mnist.runtime), Split(digits, torch.ones(20, dtype=torch.int64)))
    assert {"noise", "cifar10"} <= set(figures)
    assert "mnist" not in figures
    for row in figures.values():
        assert row["images"] == 50
        assert row["abstained"] == 1
        assert all(0 <= value <= 1 for value in row["auroc"].values())
    assert figures["cifar10"]["auroc"]["max_probability"] > 0.9
