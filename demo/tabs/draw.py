"""Draw a digit: what is drawn goes to the model as it grows, centred and scaled as the digits it has learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import gradio as gr
from PIL import Image

from thumbnet.model import Classifier, Score
from thumbnet.model.images import read_image

from ..answer import inline_image, percent, render, render_bars, render_call
from ..pictures import EXAMPLES, EXAMPLES_OF, reads_digits
from ..strokes import as_digit, read_ink
from ..visitors import newest_only

SKETCHPAD = Path(__file__).parents[1] / "web" / "sketchpad.js"

STYLE = """
.sketchpad .paper { position: relative; max-width: 31rem; }
.sketchpad canvas { display: block; width: 100%; aspect-ratio: 1; touch-action: none; cursor: crosshair;
  color: var(--body-text-color); background: var(--block-background-fill);
  border: 1px solid var(--border-color-primary); border-radius: var(--block-radius); }
.sketchpad .hint { position: absolute; inset: 0; display: grid; place-content: center; margin: 0; pointer-events: none;
  font-size: 1.125rem; color: var(--body-text-color-subdued); }
.sketchpad .drawn .hint { display: none; }
.sketchpad .tools { display: flex; flex-wrap: wrap; gap: 0.5rem; margin-top: 0.75rem; align-items: center;
  max-width: 31rem; }
.sketchpad .tools span { margin-left: auto; font-size: 0.8125rem; color: var(--body-text-color-subdued); }
.sketchpad button { margin: 0; padding: 0; width: 2.75rem; height: 2.75rem; border-radius: 6px;
  border: 1px solid var(--border-color-primary); background: var(--block-background-fill); overflow: hidden; }
.sketchpad button:is(:hover, :focus-visible) { outline: 2px solid var(--color-accent); outline-offset: 1px; }
.sketchpad button img { width: 100%; height: 100%; margin: 0; image-rendering: pixelated; }
.sketchpad .clear { width: auto; padding: 0 1rem; font-weight: 500; }
.columns { display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; gap: 0.375rem; list-style: none;
  margin: 1rem 0 0; padding: 1rem 1.25rem; background: var(--block-background-fill);
  border: 1px solid var(--border-color-primary); border-radius: var(--block-radius); }
.columns li { margin: 0; display: grid; grid-template-rows: 1.25rem 7rem auto; text-align: center; min-width: 0; }
.columns small { font-size: 0.75rem; white-space: nowrap; margin: 0 -0.5rem; color: var(--body-text-color-subdued); }
.columns div { display: flex; align-items: end; border-radius: 4px; overflow: hidden;
  background: var(--background-fill-secondary); }
.columns div div { width: 100%; min-height: 2px; border-radius: 0; background: var(--color-accent); }
.columns span { margin-top: 0.25rem; font-weight: 500; }
.columns .best span { color: var(--color-accent); font-weight: 700; }
"""
MOST_COLUMNS = 12
"""Classes up to which each has its own place, so that they stay where they are while one draws."""

ON_LOAD = """
const paper = element.querySelector(".paper");
const pad = sketchpad(element.querySelector("canvas"), (ink) => {
  paper.classList.toggle("drawn", ink.some(Boolean));
  props.value = btoa(String.fromCharCode(...ink));
  trigger("change");
});
paper.addEventListener("pointerdown", () => paper.classList.add("drawn"));
element.querySelector(".clear").addEventListener("click", () => pad.clear());
for (const button of element.querySelectorAll("[data-digit]"))
  button.addEventListener("click", () => pad.show(button.querySelector("img")));
"""


def build_tab(classifiers: Mapping[str, Classifier]) -> None:
    """Lay out the tab inside the current gr.Blocks; it needs a model of grey images of 28 pixels."""
    names = [name for name, model in classifiers.items() if reads_digits(model.config)]
    if not names:
        gr.HTML(render_call("No model of digits here", "Drawing needs one: start the demo with --weights mnist."))
        return
    model = classifiers[names[0]]
    invitation = render_call("Draw a digit", "0 to 9, with a mouse, a pen or a finger, as large as you like.")
    invitation += render_columns([Score(label, 0.0) for label in model.labels])

    def answer(drawing: str | None) -> str:
        """What the page shows of a drawing."""
        digit = as_digit(read_ink(drawing))
        if digit is None:
            return invitation
        prediction = model.predict(digit)
        return render(prediction) + render_columns(prediction.scores, prediction.label)

    with gr.Row():
        with gr.Column(min_width=280):
            sketch = gr.HTML(
                value="",
                html_template=template(),
                js_on_load=SKETCHPAD.read_text(encoding="utf-8").replace("export function", "function") + ON_LOAD,
                elem_classes="sketchpad",
            )
        with gr.Column(min_width=300):
            card = gr.HTML(invitation)
    sketch.change(
        newest_only(answer),
        sketch,
        card,
        trigger_mode="always_last",
        show_progress="hidden",
        api_visibility="private",
    )


def template() -> str:
    """The canvas and its tools: digits to look at for who cannot or does not want to draw."""
    buttons = "".join(
        f'<button type="button" data-digit aria-label="Show the {file.stem.removeprefix("digit-")}">'
        f'<img src="{example(file)}" alt=""></button>'
        for file in (EXAMPLES / name for name in EXAMPLES_OF["mnist"])
    )
    return (
        '<div class="paper"><canvas role="img" aria-label="A square to draw a digit on; the buttons below bring one">'
        '</canvas><p class="hint" aria-hidden="true">Draw a digit here</p></div>'
        '<div class="tools"><button type="button" class="clear">Clear</button>'
        f"<span>or take</span>{buttons}</div>"
    )


def render_columns(scores: Sequence[Score], best: str = "") -> str:
    """Probabilities, as HTML: a column for each class in the order of its label; bars where there are many."""
    if len(scores) > MOST_COLUMNS:
        return render_bars(scores)
    columns = "".join(
        f'<li class="{"best" if score.label == best else ""}"><small>{brief(score.probability)}</small>'
        f'<div><div style="height: {100 * score.probability:.1f}%"></div></div><span>{escape(score.label)}</span></li>'
        for score in sorted(scores, key=lambda score: score.label)
    )
    return f'<ol class="columns" aria-label="Probabilities">{columns}</ol>'


def brief(probability: float) -> str:
    """A probability (0 … 1) in whole per cent, short enough for a narrow column; nothing under 1 %."""
    said = percent(probability)
    return "" if said.startswith("under") else said.replace("over ", ">")


def example(file: Path) -> str:
    """A picture as a data URI."""
    with Image.open(file) as picture:
        return inline_image(read_image(picture))
