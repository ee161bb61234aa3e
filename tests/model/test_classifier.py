"""Classifier: one answer for an image, whatever it comes in and whatever comes with it."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from thumbnet import Classifier, InvalidImage, Prediction
from thumbnet.model.abstention import SCORES
from thumbnet.model.datasets import Split, load_dataset
from thumbnet.model.errors import InvalidArgument, UnknownName
from thumbnet.model.evaluate import classifier_logits
from thumbnet.model.measures import accuracy, softmax
from thumbnet.model.runtimes import RUNTIMES, OpenVINORuntime
from thumbnet.model.weights import SHIPPED_ROOT


def same(a: Prediction, b: Prediction) -> bool:
    return a.scores == b.scores and a.abstained == b.abstained and np.array_equal(a.pixels, b.pixels)


def test_a_prediction_ranks_all_labels_and_its_probabilities_sum_to_one(
    cifar10: Classifier, cifar10_images: np.ndarray
) -> None:
    prediction = cifar10.predict(cifar10_images[0])
    probabilities = [score.probability for score in prediction.scores]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1, abs=1e-12)
    assert {score.label for score in prediction.scores} == set(cifar10.labels)
    assert prediction.label == prediction.scores[0].label
    assert prediction.probability == probabilities[0]
    assert prediction.milliseconds > 0
    np.testing.assert_array_equal(prediction.pixels, cifar10_images[0])
    assert json.loads(json.dumps(prediction.to_dict()))["probability"] == prediction.probability


@pytest.mark.parametrize("size", [1, 2, 7, 64, 65, 200])
def test_an_image_gets_the_same_answer_alone_and_in_any_batch(
    size: int, cifar10: Classifier, cifar10_images: np.ndarray
) -> None:
    alone = [cifar10.predict(image) for image in cifar10_images[:10]]
    batch = cifar10.predict_batch(list(cifar10_images[:size]))
    assert all(same(a, b) for a, b in zip(alone, batch, strict=False))


def test_an_image_gets_the_same_answer_from_many_threads(cifar10: Classifier, cifar10_images: np.ndarray) -> None:
    expected = cifar10.predict_batch(list(cifar10_images))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(cifar10.predict, cifar10_images))
    assert all(same(a, b) for a, b in zip(expected, answers, strict=True))


def test_an_image_gets_the_same_answer_with_one_thread_and_with_two(cifar10_images: np.ndarray) -> None:
    one, two = (Classifier.load("cifar10", threads=threads) for threads in (1, 2))
    for a, b in zip(one.predict_batch(cifar10_images), two.predict_batch(cifar10_images), strict=True):
        assert same(a, b)


def test_top_k_cuts_the_ranking_and_changes_nothing_else(mnist: Classifier) -> None:
    blank = np.zeros((28, 28, 1), np.uint8)
    everything = mnist.predict(blank)
    assert mnist.predict(blank, top_k=3).scores == everything.scores[:3]
    for wrong in (0, -1, 11, 10**9, True, 2.0, "3"):
        with pytest.raises(InvalidArgument, match=r"top_k must be 1 … 10; received"):
            mnist.predict(blank, top_k=wrong)  # type: ignore[arg-type]


def test_no_images_give_no_predictions(mnist: Classifier) -> None:
    assert mnist.predict_batch([]) == []


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((1, 28, 28, 3), np.uint8),
        np.zeros((2, 32, 32, 1), np.uint8),
        np.zeros((28, 28, 1), np.uint8),
        np.zeros((1, 28, 28, 1), np.float32),
    ],
    ids=lambda pixels: f"{pixels.dtype}-{pixels.shape}",
)
def test_pixels_that_do_not_fit_are_refused_rather_than_given_an_earlier_answer(
    runtime: str, pixels: np.ndarray
) -> None:
    classifier = Classifier.load("mnist", runtime=runtime)
    classifier.predict(np.zeros((28, 28), np.uint8))
    with pytest.raises(InvalidArgument, match=r"mnist takes uint8 pixels of the shape \(28, 28, 1\); received"):
        classifier.logits(pixels)
    with pytest.raises(InvalidArgument, match=r"mnist takes uint8 pixels"):
        classifier.predict_pixels([np.zeros((28, 28, 1), np.uint8), pixels[0]])
    assert classifier.logits(np.zeros((0, 28, 28, 1), np.uint8)).shape == (0, 10)


@pytest.mark.parametrize("threads", [0, -1, 1.5, True])
def test_a_number_of_threads_that_makes_no_sense_is_refused(threads: int) -> None:
    with pytest.raises(InvalidArgument, match=r"threads must be a whole number, 1 or more; received"):
        Classifier.load("mnist", threads=threads)


def test_a_broken_image_in_a_batch_is_an_error(mnist: Classifier) -> None:
    with pytest.raises(InvalidImage):
        mnist.predict_batch([np.zeros((28, 28), np.uint8), b"broken"])


def test_abstention_is_a_matter_of_the_threshold(cifar10: Classifier, cifar10_images: np.ndarray) -> None:
    score, threshold = SCORES[cifar10.config.abstention_score], cifar10.config.abstention_threshold
    rows = cifar10.scale(cifar10.logits(cifar10_images))
    for row, prediction in zip(rows, cifar10.predict_batch(list(cifar10_images)), strict=True):
        assert prediction.abstained == (score(row) < threshold)


def test_a_photograph_of_any_format_gives_one_answer(cifar10: Classifier, cifar10_images: np.ndarray) -> None:
    answers = []
    for kind in ("PNG", "BMP"):
        buffer = io.BytesIO()
        Image.fromarray(cifar10_images[0]).save(buffer, kind)
        answers.append(cifar10.predict(buffer.getvalue()))
    assert same(*answers)


def test_an_unknown_runtime_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"Did you mean 'openvino'\?"):
        Classifier.load("mnist", runtime="openvno")


def test_an_unknown_precision_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"unknown precision 'bfloat16'; known: auto, bf16, fp32"):
        Classifier.load("mnist", precision="bfloat16")


@pytest.mark.parametrize("runtime", ["openvino", "torch"])
def test_in_bf16_the_answers_stay_close(runtime: str, rng: np.random.Generator) -> None:
    images = list(rng.integers(0, 256, (8, 28, 28), dtype=np.uint8))
    exact = Classifier.load("mnist", precision="fp32").predict_batch(images)
    quick = Classifier.load("mnist", runtime=runtime, precision="bf16").predict_batch(images)
    for one, other in zip(exact, quick, strict=True):
        by_label = {score.label: score.probability for score in other.scores}
        assert all(abs(by_label[score.label] - score.probability) < 0.1 for score in one.scores)


def test_bf16_is_taken_where_it_is_native_and_the_known_answer_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    import openvino

    native = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    assert Classifier.load("mnist").precision == ("bf16" if native else "fp32")
    assert Classifier.load("mnist", runtime="torch").precision == "fp32"
    assert native or Classifier.load("mnist", precision="bf16").precision == "fp32"

    class Compiled:
        """A model on a processor that computes what is asked for."""

        def __init__(self, precision: str) -> None:
            self.precision = openvino.Type.bf16 if precision == "bf16" else openvino.Type.f32

        def get_property(self, name: str) -> object:
            return {"INFERENCE_PRECISION_HINT": self.precision}[name]

    monkeypatch.setattr(OpenVINORuntime, "compile", lambda self, graph, precision: Compiled(precision))
    monkeypatch.setattr(Classifier, "knows_its_answer", lambda self: True)
    capabilities = ["FP32", "BF16"]
    monkeypatch.setattr(openvino.Core, "get_property", lambda *_: capabilities)
    assert Classifier.load("mnist").precision == "bf16"
    monkeypatch.setattr(Classifier, "knows_its_answer", lambda self: self.precision == "fp32")
    assert Classifier.load("mnist").precision == "fp32"
    monkeypatch.setattr(Classifier, "knows_its_answer", lambda self: True)
    capabilities.remove("BF16")
    assert Classifier.load("mnist").precision == "fp32"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "floor"), [("cifar10", 0.95), ("mnist", 0.994)])
def test_the_shipped_models_are_as_good_as_their_results_say_in_both_runtimes(name: str, floor: float) -> None:
    results = json.loads((SHIPPED_ROOT / name / "results.json").read_text())
    classifier = Classifier.load(name, precision="fp32")
    data = load_dataset(name, image_size=classifier.config.preprocessing.image_size)
    logits, labels = classifier_logits(classifier, data.test)
    assert len(labels) == 10_000
    assert accuracy(logits, labels) == pytest.approx(results["test"]["accuracy"], abs=0.0001)
    assert accuracy(logits, labels) >= floor
    as_served = Classifier.load(name)
    if as_served.precision != classifier.precision:
        quick, _ = classifier_logits(as_served, data.test)
        assert accuracy(quick, labels) == pytest.approx(results["test"]["accuracy"], abs=0.0005)
    part = Split(data.test.pixels[:2000], data.test.labels[:2000])
    by_torch, _ = classifier_logits(Classifier.load(name, runtime="torch"), part)
    assert (by_torch.argmax(axis=1) == logits[:2000].argmax(axis=1)).mean() >= 0.999
    temperature = classifier.config.temperature
    assert abs(softmax(by_torch / temperature) - softmax(logits[:2000] / temperature)).max() <= 0.02
