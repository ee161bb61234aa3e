"""Use it: the code that gives the same answer somewhere else."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from html import escape
from pathlib import Path
from urllib.parse import quote

import gradio as gr

from thumbnet.model import Classifier
from thumbnet.model.markdown import plain
from thumbnet.model.weights import CARD, HUB_ID, ONNX

FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
PICTURE = re.compile(r"^!\[[^\]]*\]\([^)]*\)\n?", re.MULTILINE)
TITLE = re.compile(r"^# ", re.MULTILINE)
NO_HUB_NAME = re.compile(r"[^A-Za-z0-9._-]+")
"""What the name of a repository on the Hub cannot have."""

PYTHON = """\
from thumbnet import Classifier

classifier = Classifier.load({quoted})
prediction = classifier.predict("picture.jpg")
print(prediction.label, prediction.probability, prediction.abstained)"""

CURL = """\
# thumbnet serve --weights {shell}
curl --data-binary @picture.jpg --header 'Content-Type: image/jpeg' \\
    'http://127.0.0.1:8000/v1/predict?model={name}'"""

JAVASCRIPT = """\
// thumbnet serve --weights {shell}, with THUMBNET_CORS_ORIGINS where the page is of another origin
const [file] = document.querySelector("input[type=file]").files;
const answer = await fetch("http://127.0.0.1:8000/v1/predict?model={name}", {{
  method: "POST",
  headers: {{ "Content-Type": file.type }},
  body: file,
}});
const {{ predictions }} = await answer.json();
console.log(predictions[0].label, predictions[0].probability);"""

HUB = """\
{upload}from thumbnet import Classifier

classifier = Classifier.load("{hub}", revision="main")  # a commit's 40 digits pin the version

# or let a server answer the Hub's own client:  thumbnet serve --weights {shell}
from huggingface_hub import InferenceClient

client = InferenceClient(model="http://127.0.0.1:8000/models/{name}")
print(client.image_classification("picture.jpg"))"""

SNIPPETS = (("Python", PYTHON), ("curl", CURL), ("JavaScript", JAVASCRIPT), ("Hugging Face Hub", HUB))

COPY = """\
const code = this.parentNode.querySelector('code');
const done = () => { this.textContent = 'Copied'; };
if (navigator.clipboard) navigator.clipboard.writeText(code.textContent).then(done);
else { getSelection().selectAllChildren(code); if (document.execCommand('copy')) done(); }"""
"""Browsers give a page the clipboard over https and on this machine alone; elsewhere what is selected can be copied."""

STYLE = """
.snippet { position: relative; border: 1px solid var(--border-color-primary); border-radius: var(--block-radius);
  background: var(--block-background-fill); }
.snippet pre { margin: 0; padding: 1rem 1.125rem; overflow-x: auto; font: 0.875rem/1.55 var(--font-mono); }
.snippet button { position: absolute; top: 0.5rem; right: 0.5rem; padding: 0.25rem 0.75rem; font-size: 0.8125rem;
  border: 1px solid var(--border-color-primary); border-radius: 6px; background: var(--body-background-fill); }
@media (max-width: 560px) { .snippet pre { padding-top: 3rem; } }
"""


def build_tab(classifiers: Mapping[str, Classifier]) -> None:
    """Lay out the tab inside the current gr.Blocks."""
    names = list(classifiers)

    def write(name: str) -> list[str]:
        """All snippets for a model, what is known about it, and its card."""
        model = classifiers[name]
        values = values_of(model)
        snippets = [render_snippet(title, code.format_map(values)) for title, code in SNIPPETS]
        return [*snippets, about(model), read_card(model)]

    gr.Markdown("The same picture gets the same answer everywhere, bit for bit: here, in your code and over HTTP.")
    model = gr.Radio(names, value=names[0], label="Model", visible=len(names) > 1, container=False)
    *code, facts, card = write(names[0])
    shown: list[gr.HTML | gr.Markdown] = []
    with gr.Tabs():
        for (title, _), snippet in zip(SNIPPETS, code, strict=True):
            with gr.Tab(title):
                shown.append(gr.HTML(snippet))
    shown.append(gr.Markdown(facts))
    with gr.Accordion("The model card: what it can and cannot do", open=False):
        shown.append(gr.Markdown(card))
    model.change(write, model, shown, show_progress="hidden", api_visibility="private")


def values_of(model: Classifier) -> dict[str, str]:
    """What stands for a model in the snippets: in Python, in a shell, in an address, and as a repository of the Hub."""
    source = model.source
    on_hub = HUB_ID.fullmatch(source) and not Path(source).is_dir()
    hub = source if on_hub else f"you/{NO_HUB_NAME.sub('-', model.name).strip('-.') or 'model'}"
    return {
        "quoted": json.dumps(source, ensure_ascii=False),
        "shell": shlex.quote(source),
        "name": quote(model.name, safe=""),
        "hub": hub,
        "upload": "" if on_hub else f"# upload the weights folder once:  hf upload {hub} FOLDER\n",
    }


def render_snippet(title: str, code: str) -> str:
    """Code and a button that copies it, as HTML."""
    return (
        f'<div class="snippet"><pre tabindex="0" role="region" aria-label="{title}"><code>{escape(code)}</code></pre>'
        f'<button type="button" onclick="{escape(COPY, quote=True)}">Copy</button></div>'
    )


def about(model: Classifier) -> str:
    """What a model knows."""
    preprocessing = model.config.preprocessing
    kind = "grey" if preprocessing.channels == 1 else "RGB"
    labels = ", ".join(plain(label.replace("_", " ")) for label in model.labels)
    version = model.config.files.get(ONNX, "")[:12]
    return (
        f"**{plain(model.name)}**, version `{version}`, knows {len(model.labels)} classes: {labels}. It sees "
        f"{preprocessing.image_size} × {preprocessing.image_size} pixels, {kind}."
    )


def read_card(model: Classifier) -> str:
    """The model card without its front matter and pictures, which only its own folder has."""
    path = model.folder / CARD if model.folder else None
    if path is None or not path.is_file():
        return "These weights have no card."
    text = FRONT_MATTER.sub("", path.read_text(encoding="utf-8", errors="replace"), count=1)
    return TITLE.sub("## ", PICTURE.sub("", text), count=1)
