"""The pictures: small PNG files that hold nothing but the picture, whatever the classes are called."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from thumbnet.model.plots import plot_confusion, plot_curves, plot_mistakes, plot_reliability


def opened(path: Path) -> Image.Image:
    """A picture, once it is known to be a small PNG without anything else in it."""
    assert path.stat().st_size < 150_000
    with Image.open(path) as image:
        image.load()
        assert image.format == "PNG"
        assert image.info.keys() <= {"transparency"}
        return image


def test_the_same_figures_give_the_same_file(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        plot_confusion([[9, 1], [2, 8]], ["cat", "dog"], tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert min(opened(tmp_path / "a.png").size) > 300


@pytest.mark.parametrize("classes", [2, 20, 31, 100])
def test_any_number_of_classes_fits_on_a_screen(classes: int, tmp_path: Path, rng: np.random.Generator) -> None:
    confusion = rng.poisson(1, (classes, classes)).tolist()
    plot_confusion(confusion, [f"class number {i}" for i in range(classes)], tmp_path / "confusion.png")
    assert max(opened(tmp_path / "confusion.png").size) < 1300


@pytest.mark.parametrize("size", [16, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_mistakes_are_shown_whatever_the_images_are(
    size: int, channels: int, tmp_path: Path, rng: np.random.Generator
) -> None:
    images = torch.from_numpy(rng.integers(0, 256, (3, channels, size, size), dtype=np.uint8))
    names = ["$cost^2$", "猫 and a very long name", "a_b"]
    mistakes = [{"image": i, "label": names[i], "predicted": names[i - 1], "probability": 0.999} for i in range(3)]
    plot_mistakes(mistakes, images, tmp_path / "mistakes.png")
    assert opened(tmp_path / "mistakes.png").size == (396, 176)


def test_fewer_large_mistakes_are_shown_than_small_ones(tmp_path: Path) -> None:
    mistakes = [{"image": 0, "label": "a", "predicted": "b", "probability": 0.9}] * 24
    for size, rows in ((32, 3), (64, 1)):
        plot_mistakes(mistakes, torch.zeros(1, 3, size, size, dtype=torch.uint8), tmp_path / "mistakes.png")
        assert opened(tmp_path / "mistakes.png").height == 176 * rows


def test_curves_of_one_epoch_and_of_epochs_without_validation(tmp_path: Path) -> None:
    row = {"epoch": 1, "loss": 1.0, "validation_loss": 1.1, "validation_accuracy": 0.5}
    metrics = tmp_path / "metrics.jsonl"
    for rows in ([row], [{"epoch": 1, "loss": 2.0}, row | {"epoch": 2}]):
        metrics.write_text("".join(json.dumps(each) + "\n" for each in rows))
        plot_curves(metrics, tmp_path / "curves.png")
        assert opened(tmp_path / "curves.png").width > 900


def test_the_reliability_of_a_model_that_is_always_sure(tmp_path: Path) -> None:
    plot_reliability(
        [{"from": 14 / 15, "to": 1.0, "images": 5, "confidence": 1.0, "accuracy": 1.0}], 0.0, tmp_path / "sure.png"
    )
    assert opened(tmp_path / "sure.png").height > 400
