"""A prediction put into words, and the card that shows them beside what the network saw."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image

from thumbnet.model import Classifier, Pixels, Prediction, Score
from thumbnet.model.explain import Explanation, colours

SURE = 0.9
"""From this probability on the answer is given plainly; under it, it is "probably"; under one half, "perhaps"."""

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
TAKES_AN = re.compile(r"(?!uni|eu|use|one)[aeiou]|8|1[18]$", re.IGNORECASE)
HEAT_SIDE = 128
"""Pixels of the heatmap, which is smooth, in each direction."""
BARS = 5
"""Classes shown with their probabilities."""
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
    """A probability (0 … 1) as whole per cent; never 100 or 0 %, which no network can promise."""
    if probability > 0.995:
        return "over 99\u00a0%"
    return f"{100 * probability:.0f}\u00a0%" if probability >= 0.005 else "under 1\u00a0%"


def count(number: int) -> str:
    """Small numbers as words."""
    return NUMBERS[number] if number < len(NUMBERS) else str(number)


def render(prediction: Prediction, explanation: Explanation | None = None) -> str:
    """The card for a prediction, as HTML.

    explanation   where the network looked; without it the picture alone is shown
    """
    height, width = prediction.pixels.shape[:2]
    seen = f'<img class="seen" src="{inline(prediction.pixels)}" alt="The picture at {width} by {height} pixels">'
    caption = f"What the network sees: {width}\u00a0×\u00a0{height} pixels"
    if explanation is not None:
        seen = f"""<div class="look">{seen}<img class="heat" src="{heat(explanation)}" alt=""></div>"""
        caption = f"""<label>Where it looked for {escape(name(explanation.label))}
        <input type="range" min="0" max="100" value="80" aria-label="Strength of the heatmap"
          oninput="this.closest('figure').querySelector('.heat').style.opacity = this.value / 100"></label>
        <span>It saw {width}\u00a0×\u00a0{height} pixels</span>"""
    return f"""
<div class="answer" role="status">
  <div>
    <p class="verdict">{escape(describe(prediction))}</p>
    <p class="aside">Answered in {prediction.milliseconds:.1f} ms</p>
  </div>
  <figure>
    {seen}
    <figcaption>{caption}</figcaption>
  </figure>
</div>"""


def render_bars(scores: Sequence[Score], limit: int = BARS) -> str:
    """The most probable classes as bars, as HTML."""
    rows = "".join(
        f"<li><span>{escape(score.label.replace('_', ' '))}</span><span>{percent(score.probability)}</span>"
        f'<div><div style="width: {100 * score.probability:.1f}%"></div></div></li>'
        for score in scores[:limit]
    )
    return f'<ol class="bars" aria-label="Probabilities">{rows}</ol>'


def heat(explanation: Explanation) -> str:
    """The heatmap alone, transparent where it is cold, as a PNG data URI to lay over the picture."""
    levels = Image.fromarray(np.rint(255 * explanation.heatmap).astype(np.uint8))
    levels = levels.resize((HEAT_SIDE, HEAT_SIDE), Image.Resampling.BICUBIC)
    glow = Image.fromarray(colours()[np.asarray(levels)])
    glow.putalpha(levels)
    return inline_image(glow)


def render_call(title: str, text: str) -> str:
    """The card that says what to do, as HTML."""
    return f"""
<div class="answer">
  <div>
    <p class="verdict">{escape(title)}</p>
    <p class="aside">{escape(text)}</p>
  </div>
</div>"""


def render_invitation(classifier: Classifier) -> str:
    """The card shown before there is a picture: what the network knows, and what it will tell, as HTML."""
    labels = [label.replace("_", " ") for label in classifier.labels]
    named = labels[:NAMED] + ([f"and {len(labels) - NAMED} more"] if len(labels) > NAMED else [])
    size = classifier.config.preprocessing.image_size
    return f"""
<div class="answer invitation">
  <div>
    <p class="verdict">Show me a picture</p>
    <p class="aside">I know {count(len(labels))} classes:</p>
    <ul class="known">{"".join(f"<li>{escape(label)}</li>" for label in named)}</ul>
    <div class="told">
      <p class="aside">I will tell you:</p>
      <ol>
        <li>what I think it shows, and how sure I am</li>
        <li>what is left of it at {size}\u00a0×\u00a0{size} pixels, which is all I see</li>
        <li>where in it I looked</li>
      </ol>
    </div>
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
    return inline_image(Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))


def inline_image(image: Image.Image) -> str:
    """An image as a PNG data URI."""
    png = io.BytesIO()
    image.save(png, "PNG")
    return f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}"
