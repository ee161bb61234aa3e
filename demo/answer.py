"""A prediction put into words, and the card that shows them beside what the network saw."""

from __future__ import annotations

import base64
import io
import re
from html import escape

from PIL import Image

from thumbnet.model import Classifier, Pixels, Prediction

SURE = 0.9
"""From this probability on the answer is given plainly; under it, it is "probably"; under one half, "perhaps"."""

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
TAKES_AN = re.compile(r"(?!uni|eu|use|one)[aeiou]|8|1[18]$", re.IGNORECASE)
NAMED = 12
"""Classes named in the invitation; a model may know hundreds."""


def describe(prediction: Prediction) -> str:
    """One sentence that claims no more than the network knows.

    `prediction` holds the scores of all labels: "a cat, 97 % sure", "probably a dog, 61 %", or, where it abstained,
    "none of my ten classes, I think — closest: a dog, 27 %".
    """
    best = f"{name(prediction.label)}, {percent(prediction.probability)}"
    if prediction.abstained:
        return f"none of my {count(len(prediction.scores))} classes, I think — closest: {best}"
    if prediction.probability >= SURE:
        return f"{best} sure"
    return f"{'probably' if prediction.probability >= 0.5 else 'perhaps'} {best}"


def name(label: str) -> str:
    """A label with its article: "an airplane", "a 7"."""
    words = label.replace("_", " ")
    return f"{'an' if TAKES_AN.match(words) else 'a'} {words}"


def percent(probability: float) -> str:
    """A probability (0 … 1) as whole per cent; never 100 %, which no network can promise."""
    return "over 99\u00a0%" if probability > 0.995 else f"{100 * probability:.0f}\u00a0%"


def count(number: int) -> str:
    """Small numbers as words."""
    return NUMBERS[number] if number < len(NUMBERS) else str(number)


def render(prediction: Prediction) -> str:
    """The card for a prediction, as HTML."""
    height, width = prediction.pixels.shape[:2]
    return f"""
<div class="answer" role="status">
  <div>
    <p class="verdict">{escape(describe(prediction))}</p>
    <p class="aside">Answered in {prediction.milliseconds:.1f} ms</p>
  </div>
  <figure>
    <img class="seen" src="{inline(prediction.pixels)}" alt="The picture at {width} by {height} pixels">
    <figcaption>What the network sees:<br>{width} × {height} pixels</figcaption>
  </figure>
</div>"""


def render_invitation(classifier: Classifier) -> str:
    """The card shown before there is a picture, as HTML."""
    labels = [label.replace("_", " ") for label in classifier.labels]
    named = ", ".join(labels[:NAMED]) + (f" and {len(labels) - NAMED} more" if len(labels) > NAMED else "")
    return f"""
<div class="answer">
  <div>
    <p class="verdict">Show me a picture</p>
    <p class="aside">I know {count(len(labels))} classes: {escape(named)}.</p>
  </div>
</div>"""


def render_problem(message: str) -> str:
    """The card for a picture that cannot be used, as HTML."""
    return f"""
<div class="answer problem" role="alert">
  <div>
    <p class="verdict">I can’t use this picture</p>
    <p class="aside">{escape(message)}</p>
  </div>
</div>"""


def inline(pixels: Pixels) -> str:
    """Pixels as a PNG data URI: nothing is written to disk, and the browser enlarges it without smoothing."""
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    png = io.BytesIO()
    image.save(png, "PNG")
    return f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}"
