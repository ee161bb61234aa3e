"""Drift: the baseline is what the API counts, what changed is noticed, and chance is not taken for change."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from thumbnet import Classifier, Prediction
from thumbnet.model.datasets import Dataset, Split
from thumbnet.model.drift import (
    HISTOGRAMS,
    Counts,
    appearance,
    chance_index,
    compare,
    judge,
    read_baseline,
    stability_index,
    verdict,
)
from thumbnet.model.errors import InvalidArgument, MissingDependency, WeightsCorrupt, WeightsError
from thumbnet.model.evaluate import baseline, classifier_logits
from thumbnet.model.exported import SERIES, read_counts
from thumbnet.model.plots import plot_drift
from thumbnet.model.weights import SHIPPED_ROOT, read_config, write_config


def export(predictions: Iterable[Prediction], model: str = "cifar10", workers: int = 1) -> str:
    """The page of a server that gave these predictions."""
    registry = CollectorRegistry()
    answered = Counter("thumbnet_predictions", "by class", ["model", "label", "worker"], registry=registry)
    abstained = Counter("thumbnet_abstentions", "I don't know", ["model"], registry=registry)
    histograms = {
        feature: Histogram(name, feature, ["model", "worker"], buckets=HISTOGRAMS[feature], registry=registry)
        for feature, name in SERIES.items()
    }
    for number, prediction in enumerate(predictions):
        worker = str(number % workers)
        brightness, contrast = appearance(prediction.pixels)
        values = {"confidence": prediction.probability, "brightness": brightness, "contrast": contrast}
        answered.labels(model, prediction.label, worker).inc()
        abstained.labels(model).inc(prediction.abstained)
        for feature, histogram in histograms.items():
            histogram.labels(model, worker).observe(values[feature])
    return generate_latest(registry).decode()


@pytest.fixture(scope="module")
def answers(cifar10: Classifier, cifar10_images: np.ndarray) -> list[Prediction]:
    return cifar10.predict_pixels(list(cifar10_images))


@pytest.fixture(scope="module")
def counts(cifar10: Classifier, cifar10_images: np.ndarray) -> Counts:
    """The baseline that 200 images give."""
    split = Split(torch.from_numpy(cifar10_images).permute(0, 3, 1, 2), torch.zeros(200, dtype=torch.int64))
    logits, _ = classifier_logits(cifar10, split)
    return baseline(logits, Dataset("200", cifar10.labels, split, split, split), cifar10.config)


def drawn(counts: Counts, images: int, rng: np.random.Generator) -> Counts:
    """The counts of so many images of the same kind."""
    bins = {}
    for feature, row in counts.bins.items():
        shares = np.array(list(row.values())) / sum(row.values())
        bins[feature] = dict(zip(row, rng.multinomial(images, shares).tolist(), strict=True))
    return Counts(bins, counts.sums)


def assert_same(left: Counts, right: Counts) -> None:
    assert left.bins == right.bins
    assert left.sums == pytest.approx(right.sums)


@pytest.mark.parametrize("shape", [(8, 8, 3), (3, 8, 8), (28, 28, 1)])
def test_brightness_and_contrast_are_mean_and_standard_deviation_in_any_layout(
    shape: tuple[int, ...], rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 256, shape, dtype=np.uint8)
    assert appearance(pixels) == pytest.approx((pixels.mean() / 255, pixels.std() / 255))
    assert appearance(pixels) == appearance(np.ascontiguousarray(pixels.T))
    assert appearance(np.full(shape, 255, np.uint8)) == (1.0, 0.0)
    assert appearance(np.full((357, 357, 3), 255, np.uint8)) == (1.0, 0.0)  # of squares that no float holds exactly


def test_the_baseline_is_what_the_api_would_have_counted(answers: list[Prediction], counts: Counts) -> None:
    assert 0 < counts.bins["abstention"]["abstained"] < 100
    assert_same(read_counts(export(answers), "cifar10", counts), counts)


def test_workers_are_added_and_other_models_left_out(answers: list[Prediction], counts: Counts) -> None:
    one, other = export(answers, workers=3), export(answers[:70], model="other")
    page = one + "\n".join(line for line in other.splitlines() if not line.startswith("#")) + "\n"
    assert_same(read_counts(page, "cifar10", counts), counts)


def test_what_prometheus_federates_is_read_too(answers: list[Prediction], counts: Counts) -> None:
    lines = [line for line in export(answers).splitlines() if not line.startswith("#")]
    pages = (line.replace("{", f'{{instance="{pod}",', 1) + " 1790000000000" for pod in "ab" for line in lines)
    both = read_counts("# TYPE thumbnet_confidence_bucket untyped\n" + "\n".join(pages) + "\n", "cifar10", counts)
    assert both.images() == 400
    assert verdict(compare(counts, both)) == "stable"


def test_a_period_is_what_came_between_two_pages(answers: list[Prediction], counts: Counts) -> None:
    before, after = (read_counts(export(part), "cifar10", counts) for part in (answers[:80], answers))
    assert_same(after.since(before), read_counts(export(answers[80:]), "cifar10", counts))
    with pytest.raises(InvalidArgument, match="started again"):
        before.since(after)


def test_a_server_that_was_started_again_is_noticed_by_its_abstentions_alone(counts: Counts) -> None:
    more = {feature: {name: 2 * count for name, count in row.items()} for feature, row in counts.bins.items()}
    now = Counts(more, {feature: 2 * total for feature, total in counts.sums.items()})
    assert_same(now.since(counts), counts)
    abstained = counts.bins["abstention"]["abstained"]
    assert abstained
    now.bins["abstention"] = {"answered": now.images() - abstained + 1, "abstained": abstained - 1}
    with pytest.raises(InvalidArgument, match="the server was started again"):
        now.since(counts)


def test_a_server_that_has_answered_nothing_has_counts_of_zero(counts: Counts) -> None:
    nothing = read_counts(export([]), "cifar10", counts)
    assert nothing.images() == 0
    assert verdict(compare(counts, nothing)) == "too few"


def test_the_same_images_are_stable(counts: Counts) -> None:
    features = compare(counts, counts)
    assert [feature.verdict for feature in features] == ["stable"] * 5
    assert [feature.psi for feature in features] == [0.0] * 5


def test_darker_images_are_noticed_by_their_looks_alone(
    cifar10: Classifier, cifar10_images: np.ndarray, answers: list[Prediction], counts: Counts
) -> None:
    darker = cifar10.predict_pixels(list(cifar10_images // 2))
    compared = compare(counts, read_counts(export(darker), "cifar10", counts))
    features = {feature.name: feature for feature in compared}
    assert features["brightness"].verdict == features["contrast"].verdict == verdict(compared) == "changed"
    assert features["brightness"].now == pytest.approx(features["brightness"].before / 2, abs=0.003)
    assert features["prediction"].verdict in {"stable", "unclear"}


def test_one_class_alone_is_noticed_and_named(counts: Counts) -> None:
    cats = Counts(
        {**counts.bins, "prediction": dict.fromkeys(counts.bins["prediction"], 0) | {"cat": 300}}, counts.sums
    )
    feature = compare(counts, cats)[0]
    assert (feature.verdict, feature.figure, feature.now) == ("changed", "cat", 1.0)
    assert math.isfinite(feature.psi)


def test_the_index_is_that_of_the_textbook() -> None:
    expected = 0.4 * math.log(0.9 / 0.5) - 0.4 * math.log(0.1 / 0.5)
    assert stability_index([500_000, 500_000], [900_000, 100_000]) == pytest.approx(expected, rel=1e-4)
    assert stability_index([9, 1], [5, 5]) == stability_index([5, 5], [9, 1])


def test_chance_is_the_quantile_of_the_chi_squared_distribution() -> None:
    for bins, quantile in ((2, 10.83), (10, 27.88), (20, 43.82)):  # tabulated, at 0.999
        assert chance_index(bins, 2, 2) == pytest.approx(quantile, rel=0.04)


def test_chance_is_hardly_ever_taken_for_change(counts: Counts, rng: np.random.Generator) -> None:
    for images, predictions in ((60, 300), (2500, 300), (2500, 5000)):
        pairs = [(drawn(counts, images, rng), drawn(counts, predictions, rng)) for _ in range(60)]
        verdicts = [feature.verdict for pair in pairs for feature in compare(*pair)]
        assert verdicts.count("watch") + verdicts.count("changed") <= 3  # of 300; at most one in a thousand is expected


def test_verdicts_follow_the_usual_limits_where_chance_is_small() -> None:
    assert [judge(psi, 0.02) for psi in (0.099, 0.1, 0.25, 0.251)] == ["stable", "watch", "watch", "changed"]
    assert judge(0.3, 0.4) == "unclear"
    assert judge(0.05, 0.4) == "stable"


def test_few_predictions_are_not_judged(answers: list[Prediction], counts: Counts) -> None:
    features = compare(counts, read_counts(export(answers[:199]), "cifar10", counts))
    assert {feature.verdict for feature in features} == {"too few"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# HELP", "<html>", "Prometheus' text format"),
        ("thumbnet_", "other_", "no thumbnet_… series"),
        ('model="cifar10"', 'model="flowers"', "no model 'cifar10', but flowers"),
        ('label="cat"', 'label="lynx"', "the class 'lynx'"),
        ('le="0.2"', 'le="0.21"', "other buckets of confidence"),
        ('le="0.2"', 'le="low"', "bucket of confidence without a number"),
        ('le="0.6",model="cifar10",worker="0"} ', 'le="0.6",model="cifar10",worker="0"} 9', "do not add up"),
        (
            'thumbnet_abstentions_total{model="cifar10"} ',
            'thumbnet_abstentions_total{model="cifar10"} -',
            "not a count",
        ),
        ('thumbnet_abstentions_total{model="cifar10"} ', 'thumbnet_abstentions_total{model="cifar10"} NaN #', "text"),
        ("# HELP thumbnet_abstentions", 'thumbnet_abstentions_total{model="cifar10"} 1\n# HELP x', "twice"),
    ],
)
def test_a_page_that_does_not_fit_says_why(
    old: str, new: str, message: str, answers: list[Prediction], counts: Counts
) -> None:
    page = export(answers)
    assert old in page
    with pytest.raises(InvalidArgument, match=message):
        read_counts(page.replace(old, new), "cifar10", counts)


def test_a_page_of_other_weights_with_the_same_name_is_refused(answers: list[Prediction], counts: Counts) -> None:
    page = export(answers)
    info = 'thumbnet_model_info{model="cifar10",sha256="%s"} 1\n'
    update = page + info % "aa" + info % "bb"  # a rolling one
    assert_same(read_counts(update, "cifar10", counts, "bb"), counts)
    assert_same(read_counts(page, "cifar10", counts, "bb"), counts)
    with pytest.raises(
        InvalidArgument, match=r"another network \(sha256 aa…\).*Give --weights what the server was given"
    ):
        read_counts(page + info % "aa", "cifar10", counts, "bb")


def test_more_abstentions_than_predictions_are_refused(answers: list[Prediction], counts: Counts) -> None:
    page = export(answers).replace('abstentions_total{model="cifar10"} ', 'abstentions_total{model="cifar10"} 9')
    with pytest.raises(InvalidArgument, match="it counts 200 predictions of cifar10, but 9"):
        read_counts(page, "cifar10", counts)


def test_a_damaged_page_is_read_or_refused(answers: list[Prediction], counts: Counts, rng: np.random.Generator) -> None:
    page = export(answers[:20])
    refused = 0
    for _ in range(150):
        damaged = list(page)
        for place in rng.integers(0, len(page), rng.integers(1, 4)):
            damaged[place] = rng.choice(list('{}",= \n\\#0e-N\x00é'))
        try:
            read_counts("".join(damaged), "cifar10", counts)
        except InvalidArgument:
            refused += 1
    assert 0 < refused < 150


def test_a_baseline_survives_its_file(counts: Counts, tmp_path: Path) -> None:
    with_results(tmp_path, json.dumps({"baseline": counts.to_dict()}))
    assert read_baseline(tmp_path) == counts


def with_results(folder: Path, text: str | None) -> None:
    """Make a folder of weights as far as results go."""
    config = dataclasses.replace(read_config(SHIPPED_ROOT / "mnist"), files={})
    if text is not None:
        (folder / "results.json").write_text(text)
    write_config(folder, config)


def test_weights_without_a_baseline_say_how_to_get_one(counts: Counts, tmp_path: Path) -> None:
    for text, kind, message in (
        (None, WeightsError, "no such file. Give the thumbnet train command"),
        ('{"dataset": "mnist"}', WeightsError, "an older version.* Give the thumbnet train command"),
        ('{"baseline": {"bins": []}}', WeightsCorrupt, "cannot be used"),
        ("[", WeightsCorrupt, "cannot be read"),
        ("[]", WeightsCorrupt, "no JSON object"),
    ):
        with_results(tmp_path, text)
        with pytest.raises(kind, match=message):
            read_baseline(tmp_path)


def test_without_prometheus_client_the_message_says_what_to_install(
    counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client.parser", None)
    with pytest.raises(MissingDependency, match=r"thumbnet\[api\]"):
        read_counts("", "cifar10", counts)


@pytest.mark.parametrize(("classes", "predictions"), [(2, 0), (100, 300)])
def test_the_picture_has_room_for_any_number_of_classes(
    classes: int, predictions: int, counts: Counts, tmp_path: Path, rng: np.random.Generator
) -> None:
    labels = {f"$猫_{i}$ and a long name": 5 for i in range(classes)}
    wide = Counts({**counts.bins, "prediction": labels}, counts.sums)
    plot_drift(compare(wide, drawn(wide, predictions, rng)), tmp_path / "drift.png")
    with Image.open(tmp_path / "drift.png") as image:
        assert image.size == (1320, 770)
