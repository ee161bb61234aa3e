"""The JPEGs that servers are asked about: thumbnails of the size that a network wants, and a photograph of a camera."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

EXAMPLES = Path(__file__).parent.parent / "demo" / "examples"
MEGAPIXELS_12 = (4000, 3000)
NOISE = 5.0
"""Standard deviation of a sensor's noise, of 255: without it an enlarged picture would be easier to decode."""


def small_jpegs(labels: Sequence[str], size: int) -> list[bytes]:
    """The examples of a model's classes, or all where they have none, as JPEGs of size × size pixels."""
    paths = sorted(EXAMPLES.glob("*.png"))
    chosen = [path for path in paths if path.stem in labels] or paths
    return [to_jpeg(Image.open(path).convert("RGB").resize((size, size)), 95) for path in chosen]


def large_jpeg(size: tuple[int, int] = MEGAPIXELS_12) -> bytes:
    """A photograph, enlarged and with mild noise, as a camera would save it."""
    photograph = Image.open(EXAMPLES / "chelsea.jpg").convert("RGB").resize(size, Image.Resampling.BICUBIC)
    noise = np.random.default_rng(0).normal(0.0, NOISE, (size[1], size[0], 3)).astype(np.float32)
    noisy = (np.asarray(photograph, np.float32) + noise).round().clip(0, 255).astype(np.uint8)
    return to_jpeg(Image.fromarray(noisy), 92)


def to_jpeg(image: Image.Image, quality: int) -> bytes:
    """The bytes of a JPEG file."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()
