"""Look inside: the layers of the network in order, and what the chosen one makes of a picture."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from thumbnet.model import Classifier, ThumbnetError
from thumbnet.model.feature_maps import Inside

from .. import filmstrip
from ..answer import render_call, render_problem
from ..filmstrip import describe_layer, render_filters, render_logits, render_maps, strip
from ..pictures import EXAMPLES, EXAMPLES_OF
from ..uploads import Upload, files_only, read_upload
from ..visitors import newest_only
from .classify import choose

STYLE = (
    filmstrip.STYLE
    + """
.specimen.picture { height: 16rem !important; }
"""
)

CHOOSE = """
element.addEventListener("change", (event) => {
  event.stopPropagation();
  props.value = Number(event.target.value);
  trigger("select");
});
watch(["strip", "value"], () => {
  const chosen = element.querySelector(`input[value="${props.value}"]`);
  if (chosen) chosen.checked = true;
});
"""


def build_tab(classifiers: Mapping[str, Classifier]) -> None:
    """Lay out the tab inside the current gr.Blocks. Networks are opened when they are first looked into."""
    names = list(classifiers)
    invitation = render_call("Choose a picture", "Then see what each layer of the network makes of it.")
    opened: dict[str, Inside] = {}
    opening = threading.Lock()

    def inside(name: str) -> Inside:
        """A network with all of its layers laid open, which is kept."""
        model = choose(classifiers, name)
        with opening:
            if name not in opened:
                opened[name] = Inside(model)
            return opened[name]

    def look(image: Upload, name: str, number: object) -> tuple[Any, str]:
        """The strip with the chosen layer (1 …), and that layer's maps and filters."""
        if image is None:
            return gr.HTML(strip="", value=1), invitation
        try:
            network = inside(name)
            maps = network.maps(classifiers[name].read(read_upload(image)))
        except ThumbnetError as error:
            return gr.HTML(strip="", value=1), render_problem(str(error))
        layers = network.layers
        chosen = number if isinstance(number, int) and 1 <= number <= len(layers) else 1
        layer, values = layers[chosen - 1], maps[chosen - 1]
        shown = render_logits(values, classifiers[name].labels) if chosen == len(layers) else render_maps(values)
        detail = describe_layer(chosen, layer) + shown + render_filters(layer)
        return gr.HTML(strip=strip(layers, maps), value=chosen), detail

    def show(name: str, image: Upload) -> str:
        """An example that suits a network; another one than is shown."""
        files = list(EXAMPLES_OF.get(name) or EXAMPLES_OF["cifar10"])
        shown = Path(str((image or {}).get("path"))).name
        return str(EXAMPLES / files[(files.index(shown) + 1) % len(files) if shown in files else 0])

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
                elem_classes=["picture", "specimen"],
                alt_text="The picture to look at",
            )
            files_only(image)
            example = gr.Button("Show me an example", variant="primary")
        with gr.Column(scale=3, min_width=300):
            film = gr.HTML(value=1, html_template="${strip}", strip="", js_on_load=CHOOSE, elem_classes="steps")
            detail = gr.HTML(invitation)

    private: dict[str, Any] = {"preprocess": False, "show_progress": "hidden", "api_visibility": "private"}
    example.click(show, [model, image], image, **private)
    gr.on(
        [image.change, model.change, film.select],
        newest_only(look),
        [image, model, film],
        [film, detail],
        trigger_mode="always_last",
        **private,
    )
