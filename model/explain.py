"""Where the network looked: a heatmap from masked copies of the image, without gradients and without torch.

The image is blurred under one soft-edged spot at a time, and blurred everywhere but under that spot. A spot is hot
where the class loses evidence without it, and where it brings evidence on its own. Either half misleads alone: taking
away finds nothing where two places say the same, and bringing finds nothing where only both together say something.

Sources: occlusion, Zeiler & Fergus 2014 (arXiv:1311.2901); deletion and preservation against a blurred image, which
is closer to what the network knows than a grey patch, Fong & Vedaldi 2017 (arXiv:1704.03296); evidence as log-odds,
Zintgraf et al. 2017 (arXiv:1702.04595). At the same number of copies, insertion and deletion (Petsiuk et al. 2018,
arXiv:1806.07421) of CIFAR-10 validation images favoured this over occlusion alone and over the random masks of that
paper; those do as well on MNIST, but lie less often on the named one of two things side by side.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from .classifier import Classifier
from .errors import InvalidArgument, UnknownName
from .images import ImageInput, Pixels, read_image
from .measures import softmax

Heatmap = npt.NDArray[np.float32]
"""(H, W) float32, 0 (does not speak for the class) … 1 (speaks for it most)."""

GRID = 6
"""Spots a side."""
COPIES = 2 + 2 * GRID**2
"""Images computed for one heatmap, which is nearly all of its cost."""
SPOT = 0.9
"""Standard deviation of a spot, in steps of the grid: neighbours overlap, so no place is left out."""
BLUR = 1 / 8
"""Standard deviation of the blur, in sides of the image: shapes are gone, colours stay."""
FLAT = 0.01
"""A change of the odds by less than a hundredth is no heat."""

OPACITY = 0.75
MAX_SIZE = 2048
INFERNO = bytes.fromhex("000004 170b3b 420a68 6b176e 932667 bb3755 dd513a f3771a fca50a f6d644 fcffa4")
"""Inferno, by Nathaniel Smith and Stéfan van der Walt (CC0), at eleven places: equal steps of heat are about equal
steps of lightness. RGB."""


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Where the network looked.

    label         the class that the heat is for
    probability   its probability, as `predict` gives it
    heatmap       (H, W) float32, 1 where the image speaks for the class most, 0 where it does not or speaks against
                  it; all 0 where no part of the image speaks for the class
    pixels        what the network saw, (H, W, C) uint8
    """

    label: str
    probability: float
    heatmap: Heatmap
    pixels: Pixels

    def overlay(self, *, size: int = 256, opacity: float = OPACITY) -> Pixels:
        """The heat over the pixels: RGB uint8 with sides of about `size`, every pixel a square of whole pixels.

        size      1 … 2048; never smaller than the pixels are
        opacity   of the hottest place, 0 (the pixels alone) … 1

        Raises InvalidArgument.
        """
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MAX_SIZE:
            raise InvalidArgument(f"size must be a whole number, 1 … {MAX_SIZE}; received {size!r}.")
        scale = max(1, size // max(self.heatmap.shape))
        return overlay(self.heatmap, self.pixels.repeat(scale, axis=0).repeat(scale, axis=1), opacity=opacity)

    def png(self, *, size: int = 256, opacity: float = OPACITY) -> bytes:
        """`overlay` as the bytes of a PNG file. Raises InvalidArgument as it does."""
        buffer = io.BytesIO()
        Image.fromarray(self.overlay(size=size, opacity=opacity)).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()


def explain(classifier: Classifier, image: ImageInput, label: str | None = None) -> Explanation:
    """Where the network looked to find a class in an image.

    image   file path, bytes, PIL image or uint8 array; any size and mode (see images.read_image)
    label   one of `classifier.labels`; the best class by default

    The same image gives the same heatmap. Raises UnknownName for another label, InvalidImage.
    """
    if label is not None and label not in classifier.labels:
        raise UnknownName("label", label, classifier.labels)
    pixels = classifier.read(image)
    spots = _spots(classifier.config.preprocessing.image_size)
    rows = classifier.scale(classifier.logits(_masked_copies(pixels, spots)))
    probabilities = softmax(rows[0])
    index = int(probabilities.argmax()) if label is None else classifier.labels.index(label)
    whole, blurred, *odds = _log_odds(rows, index)
    without, alone = np.reshape(odds, (2, GRID, GRID))
    return Explanation(
        label=classifier.labels[index],
        probability=float(probabilities[index]),
        heatmap=_spread((whole - without) + (alone - blurred), spots),
        pixels=pixels,
    )


def overlay(heatmap: Heatmap, image: ImageInput, *, opacity: float = OPACITY) -> Pixels:
    """The heat over a picture: (H, W, 3) uint8, as large as the picture.

    image     what was explained, at any size; the heat lies on its central square, which is what the network sees
    opacity   of the hottest place, 0 (the picture alone) … 1

    Raises InvalidArgument, InvalidImage.
    """
    if not 0 <= opacity <= 1:
        raise InvalidArgument(f"opacity must be 0 … 1; received {opacity}.")
    picture = read_image(image).convert("RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    levels = Image.fromarray(np.rint(255 * heatmap).astype(np.uint8))
    heat = levels.resize((side, side), Image.Resampling.BICUBIC)
    strength = heat.point([round(opacity * level) for level in range(256)])
    picture.paste(Image.fromarray(colours()[np.asarray(heat)]), (left, top), strength)
    return np.asarray(picture)


def colours() -> Pixels:
    """(256, 3): the colour of each level of heat."""
    known = np.frombuffer(INFERNO, np.uint8).reshape(-1, 3)
    places = np.linspace(0, 255, len(known))
    channels = [np.interp(np.arange(256), places, channel) for channel in known.T]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def _spots(side: int) -> npt.NDArray[np.float64]:
    """(GRID, side): how much each row (or column) of spots covers each row (or column) of pixels, 0 … 1."""
    step = side / GRID
    centres = (np.arange(GRID) + 0.5) * step
    places = np.arange(side) + 0.5
    covered: npt.NDArray[np.float64] = np.exp(-0.5 * ((places - centres[:, None]) / (SPOT * step)) ** 2)
    return covered


def _masked_copies(pixels: Pixels, spots: npt.NDArray[np.float64]) -> Pixels:
    """(COPIES, H, W, C): the image, its blurred self, then without each spot and with each spot alone."""
    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    blurred = np.asarray(picture.filter(ImageFilter.GaussianBlur(BLUR * picture.width))).reshape(pixels.shape)
    masks = [np.outer(row, column)[:, :, None] for row in spots for column in spots]
    difference = pixels.astype(np.float64) - blurred
    without = [np.rint(pixels - mask * difference) for mask in masks]
    alone = [np.rint(blurred + mask * difference) for mask in masks]
    return np.stack([pixels, blurred, *without, *alone]).astype(np.uint8)


def _log_odds(rows: npt.NDArray[np.float64], index: int) -> npt.NDArray[np.float64]:
    """log(p / (1 − p)) of one class for each row of scaled logits: it still moves where p itself is all but 0 or 1."""
    others = np.delete(rows, index, axis=1)
    largest = others.max(axis=1)
    odds: npt.NDArray[np.float64] = rows[:, index] - largest - np.log(np.exp(others - largest[:, None]).sum(axis=1))
    return odds


def _spread(heat: npt.NDArray[np.float64], spots: npt.NDArray[np.float64]) -> Heatmap:
    """(GRID, GRID) heat of the spots → that of the pixels: of each the mean of the spots that cover it, 0 … 1."""
    weights = spots / spots.sum(axis=0)
    smooth = np.maximum(weights.T @ heat @ weights, 0)
    strongest = smooth.max()
    heatmap: Heatmap = (smooth / strongest if strongest >= FLAT else np.zeros_like(smooth)).astype(np.float32)
    return heatmap
