"""When a model rather says nothing: three scores, each the same alone and in a batch."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from thumbnet import Classifier
from thumbnet.model.abstention import SCORES, energy, max_logit, max_probability
from thumbnet.model.errors import InvalidArgument, UnknownName
from thumbnet.model.weights import SHIPPED_ROOT, WeightsConfig, read_config, write_config


def test_the_scores_by_hand() -> None:
    row = np.log(np.array([1.0, 2.0, 5.0]))
    assert max_probability(row) == pytest.approx(5 / 8)
    assert max_logit(row) == pytest.approx(np.log(5))
    assert energy(row) == pytest.approx(np.log(8))
    assert energy(np.array([1000.0, 0.0])) == 1000


@pytest.mark.parametrize("score", SCORES)
def test_an_image_is_abstained_from_alone_as_in_a_batch(
    score: str, cifar10: Classifier, cifar10_images: np.ndarray
) -> None:
    rows = cifar10.scale(cifar10.logits(cifar10_images[:30]))
    threshold = SCORES[score](rows[7])  # exactly that of an image, which must then get an answer in either way
    config = dataclasses.replace(cifar10.config, abstention_score=score, abstention_threshold=threshold)
    classifier = Classifier(config, cifar10.runtime)
    alone = [classifier.predict(image).abstained for image in cifar10_images[:30]]
    assert alone == [p.abstained for p in classifier.predict_batch(list(cifar10_images[:30]))]
    assert not alone[7]
    assert any(alone)


def test_a_config_without_a_score_means_the_probability(tmp_path: Path) -> None:
    config = read_config(SHIPPED_ROOT / "mnist")
    write_config(tmp_path, config)
    path = tmp_path / "config.json"
    values = json.loads(path.read_text())
    del values["abstention_score"]
    path.write_text(json.dumps(values))
    assert read_config(tmp_path).abstention_score == "max_probability"


def test_a_score_and_its_threshold_must_fit(mnist: Classifier) -> None:
    def change(**values: object) -> WeightsConfig:
        return dataclasses.replace(mnist.config, **values)  # type: ignore[arg-type]

    assert change(abstention_score="energy", abstention_threshold=-3.5).abstention_threshold == -3.5
    with pytest.raises(InvalidArgument, match="abstention_threshold must be a finite number; received nan"):
        change(abstention_score="energy", abstention_threshold=float("nan"))
    with pytest.raises(InvalidArgument, match=r"abstention_threshold must be 0 … 1; received 3\.5"):
        change(abstention_threshold=3.5)
    with pytest.raises(UnknownName, match="Did you mean 'max_logit'"):
        change(abstention_score="max_logits")
