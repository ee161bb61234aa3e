"""Classify: a picture goes in; a sentence, probabilities, what the network saw and where it looked come out."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from thumbnet.model import Classifier, Prediction, ThumbnetError, UnknownName
from thumbnet.model.explain import explain

from ..answer import describe, inline, inline_image, render, render_bars, render_invitation, render_problem
from ..pictures import EXAMPLES, EXAMPLES_OF
from ..uploads import Upload, files_only, name_of, read_upload
from ..visitors import newest_only

SOURCES = (
    "Small pictures: the first of each class among CIFAR-10’s test images, and MNIST’s first three digits. "
    "Photographs: Stéfan van der Walt and Rachel Michetti, both CC0, from scikit-image."
)
EXAMPLE_SIDE = 112
"""Pixels of an example in the list, at most."""
CHOOSE = """
for (const button of element.querySelectorAll("button"))
  button.addEventListener("click", (event) => {
    event.stopPropagation();
    props.value = button.dataset.number;
    trigger("click");
  });
"""

MOST_AT_ONCE = 64
KNOWN = 20
"""Classes of a model that its description names."""
COLUMNS = ("file", "label", "probability", "abstained", "problem")

STYLE = """
.look { position: relative; }
.look .heat { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0.8; border-radius: 6px; }
.answer figcaption label { display: block; }
.answer figcaption input { display: block; width: 100%; margin: 0.375rem 0; accent-color: var(--color-accent); }
.answer figcaption input:focus-visible { outline-offset: 0; border-radius: 6px; }
.answer figcaption span { display: block; margin-top: 0.25rem; color: var(--body-text-color-subdued); }
.several { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: 0.75rem; margin: 0;
  padding: 0; list-style: none; }
.several li { margin: 0; padding: 0.5rem; border: 1px solid var(--border-color-primary);
  border-radius: var(--block-radius);
  background: var(--block-background-fill); overflow-wrap: anywhere; font-size: 0.8125rem; line-height: 1.35; }
.several img { width: 100%; aspect-ratio: 1; image-rendering: pixelated; border-radius: 6px; margin: 0 0 0.375rem; }
.several :is(strong, b, span) { display: block; }
.several :is(strong, .problem)::first-letter { text-transform: uppercase; }
.table { display: inline-block; margin-top: 0.75rem; padding: 0.375rem 0.875rem; font-weight: 500;
  border: 1px solid var(--border-color-primary); border-radius: 6px; }
.several span { color: var(--body-text-color-subdued); }
"""


def build_tab(classifiers: Mapping[str, Classifier]) -> None:
    """Lay out the tab inside the current gr.Blocks, and publish the endpoint /predict."""
    names = list(classifiers)
    examples = [(file, text, name) for name in names for file, text in EXAMPLES_OF.get(name, {}).items()]
    gr.set_static_paths(EXAMPLES)  # served from where they are: no copies, nothing that expires

    model = gr.Radio(names, value=names[0], label="Model", visible=len(names) > 1, container=False)
    with gr.Row():
        with gr.Column(min_width=300):
            image = gr.Image(
                label="Picture",
                type="filepath",
                image_mode=None,
                sources=["upload", "webcam", "clipboard"],
                buttons=["fullscreen"],
                placeholder="Drop a picture here\nor click to choose one",
                height=340,
                elem_classes="picture",
                alt_text="The picture to classify",
            )
            files_only(image)
        with gr.Column(min_width=300):
            card = gr.HTML(render_invitation(classifiers[names[0]]))
    predicted = gr.Label(visible=False)  # for callers of /predict

    def answer(image: Upload, model: str) -> Iterator[str]:
        """What the page shows: at once the answer, and then with a heatmap, which takes longer."""
        try:
            classifier = choose(classifiers, model)
            if image is None:
                yield render_invitation(classifier)
                return
            prediction = classifier.predict(read_upload(image))
            bars = render_bars(prediction.scores)
            yield render(prediction) + bars
            yield render(prediction, explain(classifier, prediction.pixels, prediction.label)) + bars
        except ThumbnetError as error:
            yield render_problem(str(error))

    def choose_example(number: str) -> tuple[Any, Any]:
        """Its file, and the model that it suits."""
        if not (number.isdecimal() and int(number) < len(examples)):
            return gr.skip(), gr.skip()
        file, _, name = examples[int(number)]
        return str(EXAMPLES / file), name

    def predict(image: Upload, model: str) -> dict[str, float]:
        """Say what a small picture shows: the best label, and the probability of every label, best first.

        Args:
            image: A picture of at most 10 MB: a data: URI, or the address of a file sent to /gradio_api/upload here.
            model: Which model answers.
        """
        try:
            return probabilities(classify(classifiers, image, model))
        except ThumbnetError as error:
            raise gr.Error(escape(str(error), quote=False), print_exception=False) from error

    # preprocess=False: Gradio would open the picture itself, and raise its own errors before ours could help.
    gr.on(
        [image.change, model.change],  # not image.input, which may come before the value it tells of
        newest_only(answer),
        [image, model],
        card,
        preprocess=False,
        trigger_mode="multiple",
        show_progress="minimal",
        api_visibility="private",
    )
    known = "; ".join(
        f"{name} knows {', '.join(classifier.labels[:KNOWN])}" for name, classifier in classifiers.items()
    )
    gr.on(
        [],
        predict,
        [image, model],
        predicted,
        preprocess=False,
        api_name="predict",
        api_description=f"Say what a small picture shows: the probability of every label, best first. {known}.",
    )

    if examples:
        chooser = gr.HTML(
            value="",
            html_template=render_examples([(EXAMPLES / file, text) for file, text, _ in examples]),
            js_on_load=CHOOSE,
            elem_classes="examples",
        )
        chooser.click(
            choose_example,
            chooser,
            [image, model],
            show_progress="hidden",
            api_visibility="private",
            trigger_mode="always_last",  # by default a click is lost while the one before it is under way
        )
    build_several(classifiers, model)


def render_examples(examples: Sequence[tuple[Path, str]]) -> str:
    """Pictures and what they show, as buttons, as HTML."""
    buttons = []
    for number, (path, text) in enumerate(examples):
        with Image.open(path) as opened:
            small = opened.convert("RGB")
            small.thumbnail((EXAMPLE_SIDE, EXAMPLE_SIDE))
        title = escape(text, quote=True)
        buttons.append(
            f'<button type="button" data-number="{number}" title="{title}">'
            f'<img src="{inline_image(small)}" alt="{title}"></button>'
        )
    return f'<p>Or try one of these</p><div class="gallery">{"".join(buttons)}</div><p>{SOURCES}</p>'


def build_several(classifiers: Mapping[str, Classifier], model: gr.Radio) -> None:
    """Lay out the part for several pictures at once."""

    def classify_all(files: object, model: str) -> str:
        """A card for each picture, and a link to their table."""
        if not isinstance(files, list) or not files:
            return ""
        if len(files) > MOST_AT_ONCE:
            return render_problem(f"received {len(files)} pictures; at most {MOST_AT_ONCE} are taken at once.")
        cards: list[str] = []
        rows: list[tuple[object, ...]] = []
        for file in files:
            name = name_of(file)
            try:
                prediction = classify(classifiers, file, model)
            except ThumbnetError as error:
                cards.append(f'<li><b>{escape(name)}</b><span class="problem">{escape(str(error))}</span></li>')
                rows.append((name, "", "", "", str(error)))
                continue
            cards.append(
                f'<li><img src="{inline(prediction.pixels)}" alt=""><strong>{escape(describe(prediction))}</strong>'
                f"<span>{escape(name)}</span></li>"
            )
            rows.append((name, prediction.label, prediction.probability, prediction.abstained, ""))
        table = base64.b64encode(as_csv(rows).encode()).decode()
        return (
            f'<ul class="several">{"".join(cards)}</ul><p><a class="table" download="predictions.csv" '
            f'href="data:text/csv;base64,{table}">Download as CSV</a></p>'
        )

    with gr.Accordion("Several pictures at once", open=False):
        files = gr.File(label=f"Up to {MOST_AT_ONCE} pictures", file_count="multiple", type="filepath", height=160)
        files_only(files)
        cards = gr.HTML()
    gr.on(
        [files.change, model.change],
        newest_only(classify_all),
        [files, model],
        cards,
        preprocess=False,
        trigger_mode="always_last",
        show_progress="minimal",
        api_visibility="private",
    )


def as_csv(rows: Sequence[Sequence[object]]) -> str:
    """A table with its header. A cell that a spreadsheet would take for a formula gets an apostrophe in front."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(
            f"'{cell}" if isinstance(cell, str) and cell.startswith(tuple("=+-@\t\r")) else cell for cell in row
        )
    return text.getvalue()


def classify(classifiers: Mapping[str, Classifier], image: object, model: str) -> Prediction:
    """Classify an upload. Raises ThumbnetError with a message for the visitor."""
    return choose(classifiers, model).predict(read_upload(image))


def choose(classifiers: Mapping[str, Classifier], name: object) -> Classifier:
    """The model that a request names. Raises UnknownName for whatever else it holds."""
    if not isinstance(name, str) or name not in classifiers:
        raise UnknownName("model", str(name), classifiers)
    return classifiers[name]


def probabilities(prediction: Prediction) -> dict[str, float]:
    """Label → probability, best first."""
    return {score.label: score.probability for score in prediction.scores}
