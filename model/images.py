"""Bytes → checked, upright pixels: the only preprocessing there is.

Every door and the training on image folders read images through `read_pixels`. What a network needs is said by a
`Preprocessing`, which is part of the config.json beside the weights.
"""

from __future__ import annotations

import io
import math
import os
import struct
import warnings
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from .errors import CorruptImage, EmptyImage, ImageTooLarge, InvalidArgument, InvalidImage, UnsupportedFormat

Pixels = npt.NDArray[np.uint8]
"""(H, W, C) uint8, 0…255; C is 1 (grey) or 3 (RGB)."""

ImageInput = str | os.PathLike[str] | bytes | Image.Image | Pixels
"""A file path, the bytes of an image file, a PIL image, or (H, W), (H, W, 1) or (H, W, 3) uint8 pixels."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"})
ACCEPTED = "JPEG, PNG, WebP, GIF and BMP"

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 16_000_000
MAX_SIDE = 65_000
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
SIGNATURES = (PNG_SIGNATURE, b"\xff\xd8\xff", b"GIF8")
DETAIL = 8  # smaller, and the decoder's way of shrinking would show in the result
MAX_JPEG_SCANS = 100  # a progressive JPEG of hundreds of scans costs seconds in few bytes

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
        if not 1 <= self.image_size <= 1024:
            raise InvalidArgument(f"image_size must be 1 … 1024; received {self.image_size}.")
        if self.channels not in (1, 3):
            raise InvalidArgument(f"channels must be 1 (grey) or 3 (RGB); received {self.channels}.")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for config.json."""
        return asdict(self)


def read_pixels(image: ImageInput, preprocessing: Preprocessing) -> Pixels:
    """What the network sees of an image: (image_size, image_size, channels) uint8.

    The image is turned upright, flattened onto white where it is transparent, cropped to its central square and
    resized with antialiasing. An image that already has the right size is not resampled; a large JPEG is decoded at
    the half, quarter or eighth of its size that leaves each side at least DETAIL times as long as the result.

    Raises InvalidImage when the bytes cannot be decoded or break a limit.
    """
    upright = read_image(image, enough=DETAIL * preprocessing.image_size)
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
        try:
            with Image.open(path, formats=FORMATS) as opened:
                opened.draft("RGB", (2048, 2048))  # a JPEG is decoded at half the size or less where that is enough
                factor = math.ceil(math.sqrt(opened.width * opened.height / MAX_PIXELS))
                indexed = opened.mode in ("1", "P", "PA")
                shrunk = (opened.convert("RGBA") if indexed else opened).reduce(factor)
        except (OSError, Image.DecompressionBombError, SyntaxError, ValueError, MemoryError):
            shrunk = None
        if shrunk is None:
            raise
        return read_pixels(shrunk, preprocessing)


def read_image(image: ImageInput, enough: int | None = None) -> Image.Image:
    """Any accepted input → an upright PIL image of mode L or RGB: the first frame, opaque.

    enough   sides in pixels that are enough: a JPEG file with longer ones may be decoded smaller, which is faster

    Raises EmptyImage, UnsupportedFormat, ImageTooLarge or CorruptImage; each is an InvalidImage.
    """
    if isinstance(image, Image.Image):
        opened = image
        check_size(*opened.size)
    elif isinstance(image, np.ndarray):
        opened = from_array(image)
    elif isinstance(image, bytes | bytearray | memoryview):
        opened = decode(bytes(image), enough)
    elif isinstance(image, str | os.PathLike):
        opened = decode(read_file(Path(image)), enough)
    else:
        raise InvalidImage(
            f"received {type(image).__name__}; allowed are a file path, bytes, a PIL image or a uint8 array."
        )
    try:
        return flatten(ImageOps.exif_transpose(opened))
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, MemoryError) as error:
        raise CorruptImage(f"the image cannot be converted: {error}. Save it again as JPEG or PNG.") from error


def read_file(path: Path) -> bytes:
    """The bytes of a file, at most MAX_BYTES. Raises InvalidImage where it is missing, unreadable or too large."""
    try:
        if path.is_dir():
            raise InvalidImage(f"{path} is a folder; give the path of an image file.")
        if path.exists() and not path.is_file():
            raise InvalidImage(f"{path} is a device or a pipe; give the path of an image file.")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ImageTooLarge(f"{path} has {size:,} bytes; at most {MAX_BYTES:,} are allowed. Make it smaller.")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InvalidImage(f"there is no file {path}.") from error
    except OSError as error:
        raise InvalidImage(f"cannot read {path}: {error.strerror}.") from error
    except ValueError as error:  # a NUL in the name
        raise InvalidImage(f"{str(path)!r} is not a file name.") from error


def decode(data: bytes, enough: int | None = None) -> Image.Image:
    """Decode the first frame of an image file; every limit is checked on the header, before pixels are decoded.

    enough   see read_image
    """
    if not data:
        raise EmptyImage("received 0 bytes; send the bytes of an image file.")
    if len(data) > MAX_BYTES:
        raise ImageTooLarge(f"received {len(data):,} bytes; at most {MAX_BYTES:,} are allowed. Make it smaller.")
    if data[:2] == b"\xff\xd8" and (scans := data.count(b"\xff\xda")) > MAX_JPEG_SCANS:
        raise CorruptImage(f"a JPEG with {scans} scans; at most {MAX_JPEG_SCANS} are allowed. Save it again.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # check_size is stricter
            opened = Image.open(io.BytesIO(data), formats=FORMATS)
        check_size(*opened.size)
        check_sums(data)
        if enough is not None:
            opened.draft(None, (enough, enough))  # does something to JPEG files only
        opened.load()
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(f"more than {MAX_PIXELS:,} pixels. Make the image smaller.") from error
    except UnidentifiedImageError as error:
        if data.startswith(SIGNATURES):
            raise CorruptImage("the image's header is damaged. Save it again as JPEG or PNG.") from error
        raise UnsupportedFormat(f"the bytes are not an image that can be read; accepted are {ACCEPTED}.") from error
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, MemoryError, EOFError) as error:
        raise CorruptImage(f"the image cannot be decoded: {error}. Save it again as JPEG or PNG.") from error
    return opened


def check_sums(data: bytes) -> None:
    """Raise CorruptImage where a PNG's check sums say that it is damaged; Pillow looks at some of them only.

    A GIF that says that it has no width or height is damaged, too, although its frames may have.
    """
    if data[:4] == b"GIF8" and 0 in struct.unpack("<HH", data[6:10]):
        raise CorruptImage("a GIF of no width or height. Save it again as JPEG or PNG.")
    position = len(PNG_SIGNATURE) if data.startswith(PNG_SIGNATURE) else len(data)
    kind = b""
    while position + 12 <= len(data) and kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if end + 4 <= len(data) and zlib.crc32(data[position + 4 : end]) != int.from_bytes(data[end : end + 4]):
            raise CorruptImage(f"the PNG's check sum of {kind!r} is wrong: it is damaged. Save it again.")
        position = end + 4


def check_size(width: int, height: int) -> None:
    """Raise ImageTooLarge or CorruptImage where the sides are out of bounds."""
    if width < 1 or height < 1:
        raise CorruptImage(f"an image of {width} × {height} pixels; both sides must be at least 1.")
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise ImageTooLarge(
            f"an image of {width} × {height} pixels; at most {MAX_PIXELS / 1e6:.0f} megapixels "
            f"and {MAX_SIDE:,} pixels a side are allowed. Make it smaller."
        )


def from_array(array: npt.NDArray[Any]) -> Image.Image:
    """A uint8 array → PIL image. Raises InvalidImage for another type or shape."""
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3)):
        raise InvalidImage(
            f"received an array of {array.dtype} with shape {array.shape}; "
            "allowed is uint8 of shape (H, W), (H, W, 1) or (H, W, 3)."
        )
    check_size(array.shape[1], array.shape[0])
    return Image.fromarray(array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array)


def flatten(image: Image.Image) -> Image.Image:
    """Any mode → L or RGB; transparency is laid over white, 16-bit grey keeps its upper byte."""
    if image.mode in SIXTEEN_BIT_MODES:
        values = np.asarray(image, dtype=np.int64)
        return Image.fromarray((values.clip(0, 65_535) >> 8).astype(np.uint8))
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
