"""Bytes → checked, upright pixels: the only preprocessing there is.

Every door and the training on image folders read images through `read_pixels`. What a network needs is said by a
`Preprocessing`, which is part of the config.json beside the weights. Which bytes are accepted says encoded.py.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps

from .encoded import DAMAGED, FORMATS, EncodedImage, check_size, read_file
from .errors import CorruptImage, ImageTooLarge, InvalidArgument, InvalidImage

Pixels = npt.NDArray[np.uint8]
"""(H, W, C) uint8, 0…255; C is 1 (grey) or 3 (RGB)."""

MAX_IMAGE_SIZE = 1024
"""Sides of the largest images that a network may take, in pixels."""
DETAIL = 8  # smaller, and the decoder's way of shrinking would show in the result
LARGE_PIXELS = 1_000_000  # converted at once: a large image in several modes would take hundreds of megabytes

ORIENTATION = ExifTags.Base.Orientation
SIXTEEN_BIT_MODES = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What a network wants to see.

    image_size   sides in pixels
    channels     1 (grey) or 3 (RGB)
    """

    image_size: int
    channels: int

    def __post_init__(self) -> None:
        if type(self.image_size) is not int or not 1 <= self.image_size <= MAX_IMAGE_SIZE:
            raise InvalidArgument(
                f"image_size must be a whole number, 1 … {MAX_IMAGE_SIZE}; received {self.image_size}."
            )
        if type(self.channels) is not int or self.channels not in (1, 3):
            raise InvalidArgument(f"channels must be 1 (grey) or 3 (RGB); received {self.channels}.")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for config.json."""
        return asdict(self)


def as_many_pixels(count: int, image_size: int) -> int:
    """How many images with sides of `image_size` pixels hold as much as `count` of 32 × 32; of smaller ones `count`."""
    return count * 32**2 // max(32, image_size) ** 2


ImageInput = str | os.PathLike[str] | bytes | EncodedImage | Image.Image | Pixels
"""A file path, the bytes of an image file, as they are or as an EncodedImage (which can be read once), a PIL image, or
(H, W), (H, W, 1) or (H, W, 3) uint8 pixels."""


def read_pixels(image: ImageInput, preprocessing: Preprocessing) -> Pixels:
    """What the network sees of an image: (image_size, image_size, channels) uint8.

    The image is turned upright, flattened onto white where it is transparent, cropped to its central square and
    resized with antialiasing. An image that already has the right size is not resampled; a large one is first shrunk by
    a whole number, a JPEG by its decoder, that leaves each side at least DETAIL times as long as the result.

    Raises InvalidImage when the bytes cannot be decoded or break a limit.
    """
    return fit(read_image(image, enough=DETAIL * preprocessing.image_size), preprocessing)


def fit(upright: Image.Image, preprocessing: Preprocessing) -> Pixels:
    """The central square of an image of mode L or RGB, as large as the network wants it."""
    mode = "L" if preprocessing.channels == 1 else "RGB"
    size = (preprocessing.image_size, preprocessing.image_size)
    fitted = crop_to_square(upright.convert(mode)).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(fitted, dtype=np.uint8).reshape(*size, preprocessing.channels)


def read_own_file(path: Path, preprocessing: Preprocessing) -> Pixels:
    """What the network sees of a file of one's own, which may be larger than what strangers may send to a server.

    Such a photograph is first shrunk by a whole number. Raises InvalidImage when it cannot be decoded, or has so many
    pixels that Pillow takes it for an attack.
    """
    try:
        return read_pixels(path, preprocessing)
    except ImageTooLarge:
        enough = DETAIL * preprocessing.image_size
        undecodable = contextlib.suppress(Image.DecompressionBombError, *DAMAGED)
        with undecodable, Image.open(path, formats=FORMATS) as opened:
            opened.draft(None, (enough, enough))
            opened.load()
            return fit(turn_upright(opened, enough), preprocessing)
        raise


def read_image(image: ImageInput, enough: int | None = None) -> Image.Image:
    """Any accepted input → an upright PIL image of mode L or RGB: the first frame, opaque.

    enough   sides in pixels that are enough: a JPEG with longer ones may be decoded smaller; of an image that is still
             large comes the central square, shrunk by a whole number, which takes less time and memory

    Raises EmptyImage, UnsupportedFormat, ImageTooLarge or CorruptImage; each is an InvalidImage.
    """
    if isinstance(image, Image.Image):
        opened = image
        check_size(*opened.size)
    elif isinstance(image, np.ndarray):
        opened = from_array(image)
    elif isinstance(image, bytes | bytearray | memoryview):
        opened = EncodedImage(bytes(image)).decode(enough)
    elif isinstance(image, str | os.PathLike):
        opened = EncodedImage(read_file(Path(image))).decode(enough)
    elif isinstance(image, EncodedImage):
        opened = image.decode(enough)
    else:
        raise InvalidImage(
            f"received {type(image).__name__}; allowed are a file path, bytes, a PIL image or a uint8 array."
        )
    try:
        return turn_upright(opened, enough)
    except DAMAGED as error:
        raise CorruptImage(f"the image cannot be converted: {error}. Save it again as JPEG or PNG.") from error


def turn_upright(opened: Image.Image, enough: int | None = None) -> Image.Image:
    """Any image of PIL → an upright one of mode L or RGB, turned as its EXIF says. See read_image for `enough`."""
    flat = flatten(opened, enough)
    if (turn := orientation(opened)) != 1:
        flat.info.clear()  # what it says of the turn has been read, or cannot be
        flat.getexif()[ORIENTATION] = turn
        ImageOps.exif_transpose(flat, in_place=True)
    return flat


def from_array(array: npt.NDArray[Any]) -> Image.Image:
    """A uint8 array → PIL image. Raises InvalidImage for another type or shape."""
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3)):
        raise InvalidImage(
            f"received an array of {array.dtype} with shape {array.shape}; "
            "allowed is uint8 of shape (H, W), (H, W, 1) or (H, W, 3)."
        )
    check_size(array.shape[1], array.shape[0])
    return Image.fromarray(array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array)


def orientation(image: Image.Image) -> int:
    """How EXIF says that an image is turned, 1 … 8; 1 where it says nothing that can be read."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except DAMAGED:
        return 1


def flatten(image: Image.Image, enough: int | None = None) -> Image.Image:
    """Any mode → L or RGB. See read_image for `enough`."""
    if enough is None or image.width * image.height <= LARGE_PIXELS:
        return flatten_strip(image)
    side = min(image.size)
    factor = max(1, side // enough)
    side -= side % factor
    left, upper = (image.width - side) // 2, (image.height - side) // 2
    flat = Image.new(flatten_strip(image.crop((0, 0, 1, 1))).mode, (side // factor, side // factor))
    rows = max(1, LARGE_PIXELS // side // factor) * factor
    for top in range(0, side, rows):
        strip = image.crop((left, upper + top, left + side, upper + min(top + rows, side)))
        flat.paste(flatten_strip(strip).reduce(factor), (0, top // factor))
    return flat


def flatten_strip(image: Image.Image) -> Image.Image:
    """Any mode → L or RGB; transparency is laid over white, 16-bit grey keeps its upper byte."""
    if image.mode in SIXTEEN_BIT_MODES:
        values = np.asarray(image, dtype=np.int64)
        upper = (values.clip(0, 65_535) >> 8).astype(np.uint8)
        return Image.fromarray(np.where(values == image.info.get("transparency"), np.uint8(255), upper))
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        paper = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(paper, rgba).convert("RGB")
    return image.convert("L" if image.mode in ("1", "L", "F") else "RGB")


def crop_to_square(image: Image.Image) -> Image.Image:
    """The central square of an image."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return image.crop((left, top, left + side, top + side))
