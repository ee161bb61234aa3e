"""Draw a digit: what is drawn goes to the model as it grows, centred and scaled as the digits it has learned."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import gradio as gr
from PIL import Image

from thumbnet.model import Classifier
from thumbnet.model.images import read_image

from ..answer import inline_image, render, render_bars, render_call
from ..strokes import as_digit, read_ink
from .classify import EXAMPLES, EXAMPLES_OF

SKETCHPAD = Path(__file__).parents[1] / "web" / "sketchpad.js"

STYLE = """
.sketchpad canvas { display: block; width: 100%; max-width: 26rem; aspect-ratio: 1; touch-action: none;
  cursor: crosshair; color: #1c1917; background: #ffffff; border: 1px solid var(--border-color-primary);
  border-radius: var(--block-radius); }
.sketchpad .tools { display: flex; gap: 0.5rem; margin-top: 0.625rem; align-items: center; }
.sketchpad button { padding: 0; width: 2.75rem; height: 2.75rem; border: 1px solid var(--border-color-primary);
  border-radius: 6px; background: var(--block-background-fill); overflow: hidden; }
.sketchpad button img { width: 100%; height: 100%; margin: 0; image-rendering: pixelated; }
.sketchpad .clear { width: auto; padding: 0 1rem; font-weight: 500; }
"""

ON_LOAD = """
const pad = sketchpad(element.querySelector("canvas"), (ink) => {
  props.value = btoa(String.fromCharCode(...ink));
  trigger("change");
});
element.querySelector(".clear").addEventListener("click", () => pad.clear());
for (const button of element.querySelectorAll("[data-digit]"))
  button.addEventListener("click", () => pad.show(button.querySelector("img")));
"""


def build_tab(classifiers: Mapping[str, Classifier]) -> None:
    """Lay out the tab inside the current gr.Blocks; it needs a model of grey images of 28 pixels."""
    names = [name for name, model in classifiers.items() if reads_digits(model)]
    if not names:
        gr.HTML(render_call("No model of digits here", "Drawing needs one: start the demo with --weights mnist."))
        return
    model = classifiers[names[0]]
    invitation = render_call("Draw a digit", "0 to 9, with a mouse, a pen or a finger, as large as you like.")

    def answer(drawing: str | None) -> str:
        """What the page shows of a drawing."""
        digit = as_digit(read_ink(drawing))
        if digit is None:
            return invitation
        prediction = model.predict(digit)
        return render(prediction) + render_bars(prediction)

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
        answer,
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
        '<canvas role="img" aria-label="A square to draw a digit on"></canvas>'
        f'<div class="tools"><button type="button" class="clear">Clear</button>{buttons}</div>'
    )


def example(file: Path) -> str:
    """A picture as a data URI."""
    with Image.open(file) as picture:
        return inline_image(read_image(picture))


def reads_digits(classifier: Classifier) -> bool:
    """Whether a model takes what MNIST's digits look like."""
    preprocessing = classifier.config.preprocessing
    return preprocessing.channels == 1 and preprocessing.image_size == 28
