"""Feature maps and filters as pictures: many small ones on one sheet, as HTML."""

from __future__ import annotations

import math
from html import escape

import numpy as np
import numpy.typing as npt

from thumbnet.model.feature_maps import Layer, Maps

from .answer import inline

MOST_MAPS = 64
TILE, GAP, COLUMNS = 60, 4, 12
"""Pixels of a map on a sheet, at least about; between two; and maps in a row."""
UP, DOWN, PAPER = np.array([13, 110, 102]), np.array([180, 83, 9]), np.array([250, 248, 245])
"""Teal for values above zero and amber for those below, on paper: also told apart by who sees no red or green."""


def strip(layers: tuple[Layer, ...], maps: list[Maps], chosen: int) -> str:
    """All layers in a row: of each its number, and its mean map."""
    figures = "".join(
        f'<li class="{"chosen" if index == chosen else ""}">'
        f'<img src="{inline(signed(mean_map(values)))}" alt="">'
        f"<span>{index + 1}</span></li>"
        for index, (_, values) in enumerate(zip(layers, maps, strict=True))
    )
    return f'<ol class="filmstrip" aria-hidden="true">{figures}</ol>'


def describe_layer(number: int, layer: Layer) -> str:
    """A layer in words and figures."""
    sizes = " × ".join(map(str, layer.shape))
    cost = f"{layer.parameters:,} parameters · {layer.macs / 1e6:.2f} million multiply-accumulates"
    return (
        f'<div class="layer"><h3>{number} · {escape(layer.kind)}</h3><p>hands on {sizes} values · '
        f"{cost if layer.macs else 'nothing to learn, no multiplications'}</p></div>"
    )


def render_maps(layer: Layer, values: Maps, labels: tuple[str, ...] = ()) -> str:
    """What a layer hands on, as a sheet of maps; units of a linear layer as a row of squares.

    labels   of the units of the last layer
    """
    if values.ndim == 3 and values.shape[1] == values.shape[2] == 1:
        values = values[:, 0, 0]
    if values.ndim == 1:
        kind = "units"
        tiles = values.reshape(-1, 1, 1)
    else:
        kind, tiles = "maps", values
    shown = tiles[:MOST_MAPS]
    text = f"{len(shown)} of {len(tiles)} {kind}" if len(shown) < len(tiles) else f"all {len(tiles)} {kind}"
    if labels:
        text += ": " + ", ".join(labels[:MOST_MAPS])
    return picture(sheet(signed(shown)), f"What the layer hands on: {text}. Teal is above zero, amber below.")


def render_filters(layer: Layer) -> str:
    """The kernels of a convolution; in colour where it reads an RGB image, else those of the first input."""
    if layer.filters is None:
        return ""
    kernels = layer.filters[:MOST_MAPS]
    if layer.filters.shape[1] == 3:
        scaled = kernels / np.abs(kernels).max(axis=(1, 2, 3), keepdims=True)
        tiles = np.rint(127.5 + 127.5 * scaled).astype(np.uint8).transpose(0, 2, 3, 1)
        reading = "each reads the three colours"
    else:
        tiles = signed(kernels[:, 0])
        reading = f"of each the part that reads the first of {layer.filters.shape[1]} maps"
    if layer.filters.shape[1] == 1:
        reading = "each reads the grey image"
    count = f"{len(kernels)} of {len(layer.filters)}" if len(kernels) < len(layer.filters) else f"All {len(kernels)}"
    return picture(sheet(tiles), f"{count} filters, {reading}.")


def picture(pixels: npt.NDArray[np.uint8], caption: str) -> str:
    """A sheet with its caption."""
    return (
        f'<figure class="sheet"><img src="{inline(pixels)}" alt="{escape(caption, quote=True)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
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
    """(…, H, W) values → (…, H, W, 3) colours: paper at zero, teal above, amber below, full at the largest."""
    largest = np.abs(values).max(axis=(-2, -1), keepdims=True) if values.shape[-1] > 1 else np.abs(values).max()
    share = np.clip(values / np.maximum(largest, 1e-6), -1, 1)[..., None]
    colours = np.where(share > 0, PAPER + share * (UP - PAPER), PAPER - share * (DOWN - PAPER))
    pixels: npt.NDArray[np.uint8] = np.rint(colours).astype(np.uint8)
    return pixels


def sheet(tiles: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """(N, H, W, 3) tiles → one picture of them in rows, enlarged and with gaps that let the page through, RGBA."""
    scale = max(1, round(TILE / tiles.shape[2]))
    tiles = tiles.repeat(scale, axis=1).repeat(scale, axis=2)
    count, height, width, _ = tiles.shape
    columns = min(count, COLUMNS)
    rows = math.ceil(count / columns)
    paper = np.zeros((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 4), np.uint8)
    for index, tile in enumerate(tiles):
        top, left = index // columns * (height + GAP), index % columns * (width + GAP)
        paper[top : top + height, left : left + width, :3] = tile
        paper[top : top + height, left : left + width, 3] = 255
    return paper
