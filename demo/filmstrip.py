"""The inside of a network as HTML: its layers as a strip, and what one of them holds as sheets of small pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np
import numpy.typing as npt
from PIL import Image

from thumbnet.model.feature_maps import Layer, Maps

from .answer import inline_image

KEY = "Teal is above zero, amber below."
MOST_MAPS = 64
MOST_CLASSES = 10
FEW = 16
"""Up to so many pictures on a sheet are shown larger."""
UNITS_IN_A_ROW = 32
UP, DOWN, PAPER = np.array([13, 110, 102]), np.array([180, 83, 9]), np.array([250, 248, 245])
"""Teal for values above zero and amber for those below, on paper: also told apart by who sees no red or green."""
SHARES = np.linspace(-1, 1, 255)[:, None]
PALETTE = np.rint(PAPER + np.abs(SHARES) * (np.where(SHARES > 0, UP, DOWN) - PAPER)).astype(np.uint8)
"""The colours of the levels 0 … 254; 127 is zero."""

WHAT_IT_DOES = {
    "convolution": "Each of its filters slides over what came before and draws a map of where it finds its pattern.",
    "max pooling": "Keeps the strongest value of each small square: the maps shrink, and where exactly matters less.",
    "average pooling": "Keeps the mean of each small square: the maps shrink, and where exactly matters less.",
    "global max pooling": "Keeps one number of each map: how clearly its pattern was found anywhere.",
    "global average pooling": "Keeps one number of each map: how much of its pattern was found altogether.",
    "linear": "Each of its units weighs all the numbers before it and adds them up.",
}

STYLE = """
.steps fieldset { border: 0; margin: 0; padding: 0; min-width: 0; }
.steps legend { padding: 0 0 0.5rem; font-size: 0.875rem; color: var(--body-text-color-subdued); }
.filmstrip { display: grid; grid-template-columns: repeat(auto-fill, minmax(10.5rem, 1fr)); gap: 0.5rem;
  list-style: none; margin: 0; padding: 2px 0; }
.filmstrip li { margin: 0; }
.filmstrip label { position: relative; display: grid; grid-template-columns: 2.75rem 1fr; gap: 0 0.625rem; height: 100%;
  align-content: start; padding: 0.5rem; font-size: 0.75rem; line-height: 1.35; cursor: pointer;
  background: var(--block-background-fill); border: 1px solid var(--border-color-primary); border-radius: 8px; }
.filmstrip label:hover { background: var(--background-fill-secondary); }
.filmstrip label:has(:checked) { background: var(--color-accent-soft); border-color: var(--color-accent);
  box-shadow: 0 0 0 1px var(--color-accent); }
.filmstrip label:has(:focus-visible) { outline: 2px solid var(--color-accent); outline-offset: 2px; }
.filmstrip input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: pointer; }
.filmstrip img { grid-row: 1 / 5; width: 2.75rem; height: 2.75rem; margin: 0; border-radius: 4px;
  image-rendering: pixelated; }
.filmstrip strong, .filmstrip span { grid-column: 2; }
.filmstrip span { color: var(--body-text-color-subdued); white-space: nowrap; }
.layer h3 { font-size: 1.25rem; margin: 0.75rem 0 0.25rem; }
.layer p { margin: 0; color: var(--body-text-color-subdued); }
.layer .does { margin-top: 0.25rem; color: var(--body-text-color); }
.sheet { margin: 1rem 0 0; }
.sheet .tiles { display: grid; gap: 4px; grid-template-columns: repeat(auto-fill, minmax(3.5rem, 1fr)); }
.sheet .tiles.few { grid-template-columns: repeat(auto-fill, minmax(4.75rem, 1fr)); }
.sheet .tiles.one { display: block; max-width: 40rem; }
.sheet img { display: block; width: 100%; margin: 0; border-radius: 4px; image-rendering: pixelated; }
.sheet figcaption { margin-top: 0.375rem; font-size: 0.8125rem; color: var(--body-text-color-subdued); }
.bars .below { background: #b45309; }
.dark .bars .below { background: #f59e0b; }
@media (max-width: 1100px) {
  .filmstrip { display: flex; overflow-x: auto; scroll-snap-type: x proximity; padding-bottom: 0.5rem; }
  .filmstrip li { flex: none; width: 12rem; scroll-snap-align: start; }
}
@media (max-width: 640px) {
  .sheet .tiles { grid-template-columns: repeat(auto-fill, minmax(2.5rem, 1fr)); }
}
"""


def strip(layers: Sequence[Layer], maps: Sequence[Maps]) -> str:
    """All layers in a row, one of which can be chosen: what each hands on, and what it costs."""
    cards = "".join(
        f'<li><label><input type="radio" name="layer" value="{number}" aria-label="{number} · {escape(layer.kind)}">'
        f'<img src="{inline_image(paint(signed(mean_map(values))))}" alt="">'
        f"<strong>{number} · {escape(layer.kind)}</strong><span>{sizes(layer)}</span>"
        f"{f'<span>{short(layer.parameters)} parameters</span>' if layer.parameters else ''}"
        f"{f'<span>{short(layer.macs)} MACs</span>' if layer.macs else ''}</label></li>"
        for number, (layer, values) in enumerate(zip(layers, maps, strict=True), start=1)
    )
    legend = "<legend>Layers, from the picture to the answer</legend>"
    return f'<fieldset>{legend}<ol class="filmstrip">{cards}</ol></fieldset>'


def describe_layer(number: int, layer: Layer) -> str:
    """A layer in words and figures."""
    cost = f"{layer.parameters:,} parameters · {layer.macs:,} multiply-accumulates (MACs)"
    does = next(text for kind, text in WHAT_IT_DOES.items() if layer.kind.startswith(kind))
    return (
        f'<div class="layer"><h3>{number} · {escape(layer.kind)}</h3><p>Hands on {sizes(layer)} values · '
        f'{cost if layer.macs else "nothing to learn, no multiplications"}</p><p class="does">{does}</p></div>'
    )


def render_maps(values: Maps) -> str:
    """What a layer hands on: its maps as a sheet, or its units as one picture."""
    if values.size == len(values):
        units = values.reshape(-1)
        rows = math.ceil(len(units) / UNITS_IN_A_ROW)
        across = math.ceil(len(units) / rows)
        squares = np.pad(units, (0, rows * across - len(units))).reshape(rows, across)
        return sheet([paint(signed(squares))], f"What it hands on: all {len(units)} units. {KEY}", "one")
    shown = values[:MOST_MAPS]
    return sheet(
        [paint(signed(tile)) for tile in shown],
        f"What it hands on: {some(len(shown), len(values))} maps, each coloured up to its own largest value. {KEY}",
    )


def render_logits(logits: Maps, labels: Sequence[str]) -> str:
    """What the last layer hands on: a number for each class, the largest first."""
    order = np.argsort(-logits)[:MOST_CLASSES]
    largest = float(np.abs(logits).max()) or 1.0
    rows = "".join(
        f"<li><span>{escape(labels[at].replace('_', ' '))}</span><span>{f'{logits[at]:+.1f}'.replace('-', '−')}</span>"
        f'<div><div class="{"" if logits[at] > 0 else "below"}" '
        f'style="width: {100 * abs(float(logits[at])) / largest:.1f}%"></div></div></li>'
        for at in order
    )
    return (
        f'<ol class="bars" aria-label="What the last layer hands on">{rows}</ol><figure class="sheet"><figcaption>'
        f"The network’s answer before it is made into probabilities, {some(len(order), len(logits))} classes: "
        "the largest number wins.</figcaption></figure>"
    )


def render_filters(layer: Layer) -> str:
    """The kernels of a convolution; in colour where it reads an RGB image, else those of the first input."""
    if layer.filters is None:
        return ""
    kernels = layer.filters[:MOST_MAPS]
    inputs = layer.filters.shape[1]
    if inputs == 3:
        tiles = [Image.fromarray(rgb(kernel)) for kernel in kernels]
        reading = "each reads the three colours: grey is zero"
    else:
        tiles = [paint(signed(kernel[0])) for kernel in kernels]
        reading = (
            "each reads the grey image" if inputs == 1 else f"of each the part that reads the first of {inputs} maps"
        )
    return sheet(tiles, f"The patterns it looks for: {some(len(kernels), len(layer.filters))} filters, {reading}.")


def sheet(pictures: Sequence[Image.Image], caption: str, kind: str = "") -> str:
    """Small pictures side by side, as many in a row as fit. kind "one": a single picture, as wide as it may be."""
    kind = kind or ("few" if len(pictures) <= FEW else "")
    tiles = "".join(f'<img src="{inline_image(each)}" alt="" decoding="sync">' for each in pictures)
    return (
        f'<figure class="sheet"><div class="tiles {kind}" role="img" aria-label="{escape(caption, quote=True)}">{tiles}'
        f'</div><figcaption aria-hidden="true">{escape(caption)}</figcaption></figure>'
    )


def mean_map(values: Maps) -> Maps:
    """One map for all channels of a layer; units as a square."""
    if values.ndim == 3 and values.shape[1] > 1:
        mean: Maps = np.abs(values).mean(axis=0)
        return mean
    units = values.reshape(-1)
    side = math.ceil(math.sqrt(len(units)))
    return np.pad(units, (0, side * side - len(units))).reshape(side, side)


def signed(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Values → levels 0 … 254 of PALETTE: 127 is zero, and the value farthest from it is at an end."""
    share = values / max(float(np.abs(values).max()), 1e-6)
    levels: npt.NDArray[np.uint8] = np.rint(127 + 127 * share).astype(np.uint8)
    return levels


def paint(levels: npt.NDArray[np.uint8]) -> Image.Image:
    """(H, W) levels of `signed` → a picture."""
    picture = Image.fromarray(levels)
    picture.putpalette(PALETTE.tobytes())
    return picture


def rgb(kernel: Maps) -> npt.NDArray[np.uint8]:
    """A kernel of three channels, (3, H, W) → its colours, (H, W, 3): grey where it is zero."""
    share = kernel / max(float(np.abs(kernel).max()), 1e-6)
    colours: npt.NDArray[np.uint8] = np.rint(127.5 + 127.5 * share).astype(np.uint8).transpose(1, 2, 0)
    return colours


def sizes(layer: Layer) -> str:
    """The shape of what a layer hands on, without sides of one pixel."""
    shape = layer.shape[:1] if math.prod(layer.shape) == layer.shape[0] else layer.shape
    return " × ".join(map(str, shape))


def short(number: int) -> str:
    """A large number in few digits: 312, 83.0 k, 125 M."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.{0 if number >= 100 * size else 1}f} {unit}"
    return str(number)


def some(shown: int, there: int) -> str:
    """How many of how many."""
    return f"all {there}" if shown == there else f"{shown} of {there}"
