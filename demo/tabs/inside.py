"""Look inside: the layers of the network in order, and what the chosen one makes of a picture."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import gradio as gr

from thumbnet.model import Classifier, ThumbnetError
from thumbnet.model.feature_maps import Inside

from ..answer import render_call, render_problem
from ..filmstrip import describe_layer, render_filters, render_maps, strip
from ..uploads import Upload, files_only, read_upload
from .classify import EXAMPLES, EXAMPLES_OF

STYLE = """
.filmstrip { display: flex; gap: 0.375rem; overflow-x: auto; list-style: none; margin: 0; padding: 0.25rem; }
.filmstrip li { flex: 1 0 2.5rem; max-width: 4.5rem; text-align: center; font-size: 0.75rem;
  color: var(--body-text-color-subdued); border-radius: 6px; padding: 3px; }
.filmstrip li.chosen { background: var(--color-accent-soft); color: var(--body-text-color);
  box-shadow: 0 0 0 2px var(--color-accent); }
.filmstrip img { width: 100%; aspect-ratio: 1; image-rendering: pixelated; border-radius: 4px; margin: 0; }
.layer h3 { font-size: 1.25rem; margin: 0.25rem 0; }
.layer p { margin: 0; color: var(--body-text-color-subdued); }
.sheet { margin: 0.75rem 0 0; }
.sheet img { max-width: 100%; image-rendering: pixelated; border-radius: 6px; margin: 0; }
.sheet figcaption { margin-top: 0.375rem; font-size: 0.8125rem; color: var(--body-text-color-subdued); }
.steps .wrap { gap: 0.375rem; }
.steps label { padding: 0.25rem 0.625rem; }
"""


def build_tab(classifiers: Mapping[str, Classifier]) -> None:
    """Lay out the tab inside the current gr.Blocks. Networks are opened when they are first looked into."""
    names = list(classifiers)
    invitation = render_call("Choose a picture", "Then see what each layer makes of it.")
    opened: dict[str, Inside] = {}
    opening = threading.Lock()

    def inside(name: str) -> Inside:
        """A network with all of its layers laid open, which is kept."""
        with opening:
            if name not in opened:
                opened[name] = Inside(classifiers[name])
            return opened[name]

    def look(image: Upload, name: str, number: int | None) -> tuple[str, str, Any]:
        """The strip, the chosen layer (1 …) with its maps and filters, and the layers to choose from."""
        if image is None:
            return invitation, "", gr.Radio(visible=False)
        try:
            classifier = classifiers[name]
            network = inside(name)
            maps = network.maps(classifier.read(read_upload(image)))
        except ThumbnetError as error:
            return render_problem(str(error)), "", gr.Radio(visible=False)
        chosen = min(max(1, number or 1), len(network.layers))
        layer, values, last = network.layers[chosen - 1], maps[chosen - 1], chosen == len(network.layers)
        choices = [(f"{number} · {each.kind}", number) for number, each in enumerate(network.layers, start=1)]
        return (
            strip(network.layers, maps, chosen - 1),
            describe_layer(chosen, layer)
            + render_maps(layer, values, classifier.labels if last else ())
            + render_filters(layer),
            gr.Radio(choices, value=chosen, visible=True),
        )

    def show(name: str) -> str:
        """A picture that suits a network."""
        return str(EXAMPLES / (EXAMPLES_OF.get(name) or EXAMPLES_OF["cifar10"])[0])

    with gr.Row():
        with gr.Column(scale=1, min_width=240):
            model = gr.Radio(names, value=names[0], label="Model", visible=len(names) > 1, container=False)
            image = gr.Image(
                label="Picture",
                type="filepath",
                image_mode=None,
                sources=["upload", "clipboard"],
                buttons=[],
                placeholder="Drop a picture here\nor click to choose one",
                height=220,
                elem_classes="picture",
                alt_text="The picture to look at",
            )
            files_only(image)
            example = gr.Button("Show me an example", variant="primary")
        with gr.Column(scale=3, min_width=300):
            film = gr.HTML(invitation)
            layer = gr.Radio([], label="Layer, from the picture to the answer", elem_classes="steps", visible=False)
            detail = gr.HTML()

    private: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    example.click(show, model, image, **private)
    gr.on(
        [image.change, model.change, layer.input],
        look,
        [image, model, layer],
        [film, detail, layer],
        preprocess=False,
        trigger_mode="always_last",
        **private,
    )
