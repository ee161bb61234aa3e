"""explain: the heat lies on what decides, from as many copies as may be computed."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from thumbnet import Classifier, InvalidImage
from thumbnet.model import Explanation, InvalidArgument, Pixels, Preprocessing, UnknownName, explain
from thumbnet.model.explain import COPIES, overlay
from thumbnet.model.runtimes import Logits
from thumbnet.model.weights import WeightsConfig

EXAMPLES = Path(__file__).resolve().parents[2] / "demo" / "examples"


class Formula:
    """A network that is a formula: images (N, H, W, C) as float 0 … 1 → evidence (N,) for "yes" against "no"."""

    precision = "fp32"

    def __init__(self, evidence: Callable[[np.ndarray], np.ndarray]) -> None:
        self.evidence = evidence
        self.computed = 0

    def logits(self, pixels: Pixels) -> Logits:
        self.computed += len(pixels)
        evidence = np.asarray(self.evidence(pixels / 255), dtype=np.float32)
        return np.stack([np.zeros_like(evidence), evidence], axis=1)


def classifier_of(evidence: Callable[[np.ndarray], np.ndarray], size: int = 32, channels: int = 3) -> Classifier:
    config = WeightsConfig(
        name="formula", architecture="formula", labels=("no", "yes"), preprocessing=Preprocessing(size, channels)
    )
    return Classifier(config, Formula(evidence))


def redness(images: np.ndarray) -> np.ndarray:
    red: np.ndarray = images[..., 0] - images[..., 1:].mean(axis=-1)
    return 0.1 * red.sum(axis=(1, 2)) - 1


def picture_with_a_red_patch(size: int) -> tuple[Pixels, np.ndarray]:
    """Noise without colour, a red square in it, and where that is (H, W) bool."""
    noise = np.random.default_rng(0).integers(60, 200, (size, size, 1), dtype=np.uint8)
    picture = noise.repeat(3, axis=2)
    patch = np.zeros((size, size), bool)
    patch[size // 8 : 3 * size // 8, size // 2 : 3 * size // 4] = True
    picture[patch] = (230, 20, 20)
    return picture, patch


@pytest.fixture(scope="module")
def cat(cifar10: Classifier) -> Explanation:
    return explain(cifar10, EXAMPLES / "cat.png")


@pytest.mark.parametrize("size", [16, 28, 32, 64])
def test_the_heat_lies_on_the_patch_that_decides(size: int) -> None:
    picture, patch = picture_with_a_red_patch(size)
    heatmap = explain(classifier_of(redness, size), picture, "yes").heatmap
    assert patch[np.unravel_index(heatmap.argmax(), heatmap.shape)]
    assert heatmap[patch].mean() > 4 * heatmap[~patch].mean()


def test_what_speaks_against_a_class_is_not_hot_for_it() -> None:
    picture, patch = picture_with_a_red_patch(32)
    heatmap = explain(classifier_of(redness), picture, "no").heatmap
    assert heatmap[patch].max() == 0


def test_two_patches_of_which_one_is_enough_are_both_hot() -> None:
    picture = np.full((32, 32, 3), 128, np.uint8)
    picture[4:12, 4:12] = picture[20:28, 20:28] = (230, 20, 20)
    either = classifier_of(lambda images: 8 * np.maximum(redness(images[:, :16]), redness(images[:, 16:])))
    heatmap = explain(either, picture, "yes").heatmap
    assert heatmap[4:12, 4:12].mean() > 0.5
    assert heatmap[20:28, 20:28].mean() > 0.5


def test_a_network_that_does_not_look_gives_no_heat() -> None:
    picture, _ = picture_with_a_red_patch(32)
    explanation = explain(classifier_of(lambda images: np.full(len(images), 2.0)), picture)
    assert explanation.label == "yes"
    np.testing.assert_array_equal(explanation.heatmap, np.zeros((32, 32), np.float32))


def test_a_flat_image_gives_no_heat_and_no_warning(cifar10: Classifier) -> None:
    assert not explain(cifar10, np.full((32, 32, 3), 90, np.uint8)).heatmap.any()


def test_an_answer_that_could_not_be_surer_has_heat_too() -> None:
    picture, patch = picture_with_a_red_patch(32)
    explanation = explain(classifier_of(lambda images: 60 + 60 * redness(images)), picture)
    assert explanation.probability == 1
    assert patch[np.unravel_index(explanation.heatmap.argmax(), (32, 32))]


def test_at_most_80_images_are_computed() -> None:
    classifier = classifier_of(redness)
    explain(classifier, np.zeros((32, 32, 3), np.uint8))
    assert classifier.runtime.computed == COPIES <= 80  # type: ignore[attr-defined]


@pytest.mark.parametrize("model", ["cifar10", "mnist"])
def test_an_explanation_is_for_the_answer_of_predict(model: str, request: pytest.FixtureRequest) -> None:
    classifier: Classifier = request.getfixturevalue(model)
    path = EXAMPLES / {"cifar10": "chelsea.jpg", "mnist": "digit-7.png"}[model]
    explanation, prediction = explain(classifier, path), classifier.predict(path)
    assert (explanation.label, explanation.probability) == (prediction.label, prediction.probability)
    np.testing.assert_array_equal(explanation.pixels, prediction.pixels)
    assert explanation.heatmap.shape == explanation.pixels.shape[:2]
    assert explanation.heatmap.dtype == np.float32
    assert explanation.heatmap.min() >= 0
    assert explanation.heatmap.max() == 1


def test_the_same_image_gives_the_same_heatmap(cifar10: Classifier, cat: Explanation) -> None:
    again = explain(cifar10, (EXAMPLES / "cat.png").read_bytes())
    from_pixels = explain(cifar10, cat.pixels)
    np.testing.assert_array_equal(again.heatmap, cat.heatmap)
    np.testing.assert_array_equal(from_pixels.heatmap, cat.heatmap)
    assert again.png() == cat.png()


@pytest.mark.parametrize(("left", "right"), [("cat", "ship"), ("frog", "truck"), ("dog", "frog")])
def test_of_two_things_side_by_side_the_named_one_is_hot(left: str, right: str, cifar10: Classifier) -> None:
    halves = [Image.open(EXAMPLES / f"{name}.png").convert("RGB").resize((16, 32)) for name in (left, right)]
    picture = np.concatenate([np.asarray(half) for half in halves], axis=1)
    on_the_left = [explain(cifar10, picture, name).heatmap for name in (left, right)]
    shares = [heatmap[:, :16].sum() / heatmap.sum() for heatmap in on_the_left]
    assert shares[0] > 0.6
    assert shares[1] < 0.4


def test_a_digit_is_hotter_on_its_strokes_than_beside_them(mnist: Classifier) -> None:
    explanation = explain(mnist, EXAMPLES / "digit-2.png")
    strokes = explanation.pixels[:, :, 0] > 128
    assert explanation.heatmap[strokes].mean() > 1.5 * explanation.heatmap[~strokes].mean()


def test_an_unknown_label_suggests_the_nearest(mnist: Classifier, cifar10: Classifier) -> None:
    with pytest.raises(UnknownName, match=r"unknown label 'trcuk'; known: .* Did you mean 'truck'\?"):
        explain(cifar10, EXAMPLES / "cat.png", "trcuk")
    with pytest.raises(UnknownName, match=r"unknown label 7; known: "):
        explain(mnist, EXAMPLES / "digit-7.png", 7)  # type: ignore[arg-type]


def test_a_broken_image_cannot_be_explained(mnist: Classifier) -> None:
    with pytest.raises(InvalidImage):
        explain(mnist, b"broken")


@pytest.mark.parametrize(("size", "side"), [(1, 32), (100, 96), (256, 256)])
def test_the_picture_is_about_as_large_as_wanted(size: int, side: int, cat: Explanation) -> None:
    decoded = Image.open(io.BytesIO(cat.png(size=size)))
    assert (decoded.format, decoded.mode, decoded.size) == ("PNG", "RGB", (side, side))
    np.testing.assert_array_equal(decoded, cat.overlay(size=size))


def test_opacity_goes_from_the_picture_alone_to_the_colour_of_heat(cat: Explanation) -> None:
    np.testing.assert_array_equal(cat.overlay(size=32, opacity=0), cat.pixels)
    hottest = np.unravel_index(cat.heatmap.argmax(), cat.heatmap.shape)
    np.testing.assert_array_equal(cat.overlay(size=32, opacity=1)[hottest], (252, 255, 164))


def test_over_a_large_picture_the_heat_lies_on_the_square_that_the_network_saw() -> None:
    picture = np.full((100, 240, 3), 200, np.uint8)
    painted = overlay(np.ones((32, 32), np.float32), picture)
    assert painted.shape == picture.shape
    assert painted.dtype == np.uint8
    np.testing.assert_array_equal((painted != 200).any(axis=(0, 2)), [70 <= column < 170 for column in range(240)])


def test_no_heat_leaves_a_picture_as_it_is_and_grey_becomes_rgb() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (28, 28, 1), dtype=np.uint8)
    painted = overlay(np.zeros((28, 28), np.float32), picture)
    np.testing.assert_array_equal(painted, picture.repeat(3, axis=2))


@pytest.mark.parametrize("wrong", [{"size": 0}, {"size": 2049}, {"size": 2.5}, {"opacity": -0.1}, {"opacity": 1.1}])
def test_a_size_or_opacity_out_of_bounds_is_refused(wrong: dict[str, float], cat: Explanation) -> None:
    (name,) = wrong
    with pytest.raises(InvalidArgument, match=rf"{name} must be .*; received {wrong[name]}\."):
        cat.png(**wrong)  # type: ignore[arg-type]


def test_explaining_needs_no_torch() -> None:
    code = f"""
import sys
from thumbnet.model import Classifier, explain
explain(Classifier.load("mnist"), {str(EXAMPLES / "digit-7.png")!r}).png()
print(sorted({{"torch", "torchvision", "matplotlib"}} & set(sys.modules)))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
