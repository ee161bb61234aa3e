"""A drawing → a digit as MNIST has them."""

from __future__ import annotations

import base64
import math

import numpy as np
import numpy.typing as npt
from PIL import Image

from thumbnet.model import Pixels

SIDE, BOX = 28, 20
CANVAS = 112
"""Pixels of the canvas that web/sketchpad.js hands on."""
FAINT = 16
"""Ink below this, of 255, is no stroke."""


def as_digit(ink: npt.NDArray[np.uint8]) -> Pixels | None:
    """Ink on a canvas, (H, W) uint8 with 255 for a full stroke → (28, 28, 1) uint8 as in MNIST; None without a stroke.

    The strokes are scaled to fit a box of 20 by 20 pixels, grey where they cover a pixel in part, and laid so that
    their centre of mass is in the middle (LeCun, Cortes and Burges, "The MNIST database of handwritten digits").
    """
    rows, columns = np.flatnonzero((ink > FAINT).any(axis=1)), np.flatnonzero((ink > FAINT).any(axis=0))
    if not len(rows):
        return None
    strokes = Image.fromarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    scale = BOX / max(strokes.size)
    width, height = (max(1, round(side * scale)) for side in strokes.size)
    small = np.asarray(strokes.resize((width, height), Image.Resampling.BOX))
    across, down = (_place(small.sum(axis=axis, dtype=np.float64)) for axis in (0, 1))
    digit = np.zeros((SIDE, SIDE, 1), np.uint8)
    digit[down : down + height, across : across + width, 0] = small
    return digit


def read_ink(drawing: object) -> npt.NDArray[np.uint8]:
    """What web/sketchpad.js tells: the base64 of CANVAS² bytes → (CANVAS, CANVAS) uint8; no ink for anything else."""
    empty = np.zeros((CANVAS, CANVAS), np.uint8)
    if not isinstance(drawing, str) or len(drawing) > 2 * CANVAS**2:
        return empty
    try:
        ink = base64.b64decode(drawing, validate=True)
    except ValueError:
        return empty
    return np.frombuffer(ink, np.uint8).reshape(CANVAS, CANVAS) if len(ink) == CANVAS**2 else empty


def _place(mass: npt.NDArray[np.float64]) -> int:
    """Where a side of these masses begins, so that their centre comes to lie in the middle of SIDE; all of it fits."""
    total = mass.sum()
    centre = float(((np.arange(len(mass)) + 0.5) * mass).sum() / total) if total else len(mass) / 2
    return min(max(0, math.floor(SIDE / 2 - centre + 0.5)), SIDE - len(mass))
