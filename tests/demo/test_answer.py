"""What the demo says, in words and as HTML."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from thumbnet.demo.answer import describe, name, percent, render, render_invitation, render_problem
from thumbnet.model import Prediction, Score

CLASSES = ("cat", "dog", "airplane", "frog", "horse", "ship", "truck", "deer", "bird", "automobile")


def prediction(label="cat", probability=0.97, *, abstained=False, pixels=None, classes=CLASSES):
    others = [other for other in classes if other != label]
    rest = (1 - probability) / len(others)
    scores = (Score(label, probability), *(Score(other, rest) for other in others))
    seen = np.zeros((32, 32, 3), np.uint8) if pixels is None else pixels
    return Prediction(scores=scores, abstained=abstained, pixels=seen, milliseconds=1.234)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (prediction("cat", 0.97), "a cat, 97 % sure"),
        (prediction("airplane", 0.9), "an airplane, 90 % sure"),
        (prediction("dog", 0.61), "probably a dog, 61 %"),
        (prediction("dog", 0.5), "probably a dog, 50 %"),
        (prediction("frog", 0.42), "perhaps a frog, 42 %"),
        (prediction("cat", 0.9999), "a cat, over 99 % sure"),
        (prediction("dog", 0.27, abstained=True), "none of my ten classes, I think — closest: a dog, 27 %"),
        (prediction("dog", 0.93, abstained=True), "none of my ten classes, I think — closest: a dog, 93 %"),
        (prediction("a", 0.95, classes=("a", "b")), "an a, 95 % sure"),
        (
            prediction("0", 0.1, abstained=True, classes=tuple(map(str, range(100)))),
            "none of my 100 classes, I think — closest: a 0, 10 %",
        ),
    ],
)
def test_the_sentence_claims_no_more_than_the_network_knows(given, sentence):
    assert describe(given).replace("\u00a0", " ") == sentence


@pytest.mark.parametrize(
    ("label", "named"),
    [("8", "an 8"), ("7", "a 7"), ("18", "an 18"), ("180", "a 180"), ("unicorn", "a unicorn"), ("Otter", "an Otter")],
)
def test_a_label_gets_the_article_it_is_spoken_with(label, named):
    assert name(label) == named


def test_underscores_in_labels_are_read_as_spaces():
    assert name("aquarium_fish") == "an aquarium fish"


def test_certainty_is_never_claimed():
    assert "100" not in percent(1.0)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_card_shows_exactly_what_the_network_saw(channels):
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28, channels), dtype=np.uint8)
    card = render(prediction(pixels=pixels))
    png = base64.b64decode(re.search(r"data:image/png;base64,([^\"]+)", card)[1])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png))).reshape(pixels.shape), pixels)
    assert "28\u00a0×\u00a028 pixels" in card
    assert "1.2 ms" in card


def test_labels_and_messages_cannot_inject_html():
    assert "<b>" not in render(prediction("<b>cat</b>", classes=("<b>cat</b>", "dog")))
    assert "<script" not in render_problem("<script>alert(1)</script>")


def test_the_invitation_names_the_classes(classifiers):
    invitation = render_invitation(classifiers["cifar10"])
    assert "ten classes" in invitation
    assert all(label in invitation for label in classifiers["cifar10"].labels)
