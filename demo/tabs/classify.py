"""Classify: a picture goes in; a sentence, probabilities and what the network saw come out."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from thumbnet.model import Classifier, Prediction, ThumbnetError, UnknownName

from ..answer import render, render_invitation, render_problem

EXAMPLES = Path(__file__).parents[1] / "examples"
EXAMPLES_OF = {
    "cifar10": (
        "chelsea.jpg",
        "airplane.png",
        "automobile.png",
        "bird.png",
        "cat.png",
        "deer.png",
        "dog.png",
        "frog.png",
        "horse.png",
        "ship.png",
        "truck.png",
        "coffee.jpg",
    ),
    "mnist": ("digit-7.png", "digit-2.png", "digit-1.png"),
}
"""Name of a model → pictures under examples/ that suit it; examples/SOURCES.md says where each is from."""

BARS = 5

Upload = dict[str, Any] | None
"""What Gradio knows of an uploaded file; its "path" holds the bytes as they were sent."""


def build_tab(classifiers: Mapping[str, Classifier]) -> None:
    """Lay out the tab inside the current gr.Blocks, and publish the endpoint /predict."""
    names = list(classifiers)
    examples = [(EXAMPLES / file, name) for name in names for file in EXAMPLES_OF.get(name, ())]
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
        with gr.Column(min_width=300):
            card = gr.HTML(render_invitation(classifiers[names[0]]))
            bars = gr.Label(label="Probabilities", show_heading=False, visible=False, elem_classes="bars")

    def answer(image: Upload, model: str) -> tuple[str, Any]:
        """What the page shows."""
        if image is None:
            return render_invitation(classifiers[model]), gr.Label(visible=False)
        try:
            prediction = classify(classifiers, image, model)
        except ThumbnetError as error:
            return render_problem(str(error)), gr.Label(visible=False)
        return render(prediction), gr.Label(probabilities(prediction, BARS), visible=True)

    def choose_example(index: int) -> tuple[str, str]:
        """Its file, and the model that it suits."""
        path, name = examples[index]
        return str(path), name

    def predict(image: Upload, model: str) -> dict[str, float]:
        """Classify a picture. Returns the best label and the probability of every label, best first."""
        try:
            return probabilities(classify(classifiers, image, model))
        except ThumbnetError as error:
            raise gr.Error(escape(str(error), quote=False), print_exception=False) from error

    # preprocess=False: Gradio would open the picture itself, and raise its own errors before ours could help.
    gr.on(
        [image.change, model.change],  # not image.input, which may come before the value it tells of
        answer,
        [image, model],
        [card, bars],
        preprocess=False,
        trigger_mode="always_last",
        show_progress="hidden",
        api_visibility="private",
    )
    gr.on([], predict, [image, model], bars, preprocess=False, api_name="predict")

    if examples:
        gallery = gr.Dataset(
            components=[image],
            samples=[[str(path)] for path, _ in examples],
            samples_per_page=len(examples),
            type="index",
            layout="gallery",
            label="Or try one of these",
            elem_classes="examples",
        )
        gallery.click(choose_example, gallery, [image, model], show_progress="hidden", api_visibility="private")


def classify(classifiers: Mapping[str, Classifier], image: Upload, model: str) -> Prediction:
    """Classify the very bytes that were uploaded. Raises ThumbnetError with a message for the visitor."""
    if model not in classifiers:
        raise UnknownName("model", model, classifiers)
    if image is None or not image.get("path"):
        raise ThumbnetError("no picture was received; send an image file.")
    return classifiers[model].predict(Path(image["path"]).read_bytes())


def probabilities(prediction: Prediction, limit: int | None = None) -> dict[str, float]:
    """Label → probability, best first; only the `limit` best where it is given."""
    return {score.label: score.probability for score in prediction.scores[:limit]}
