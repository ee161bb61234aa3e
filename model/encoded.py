"""The bytes of an image file: which ones are accepted, and the picture in them as it is."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngImageFile

from .errors import CorruptImage, EmptyImage, ImageTooLarge, InvalidImage, UnsupportedFormat
from .guards import PNG_SIGNATURE, BoundedFile, check_cost, check_intact, check_scans

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"})
ACCEPTED = "JPEG, PNG, WebP, GIF and BMP"

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 16_000_000
MAX_SIDE = 65_000
SIGNATURE = re.compile(re.escape(PNG_SIGNATURE) + rb"|\xff\xd8\xff|GIF8|BM|RIFF....WEBP", re.DOTALL)

GREY_STEPS = {"L;2": 85, "L;4": 17}
"""What Pillow calls the pixels of such files → by how much it multiplies them."""

DAMAGED = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, OSError, SyntaxError),
    *(TypeError, ValueError, struct.error, zlib.error),
)
"""What Pillow raises for files that are damaged in one way or another."""


class EncodedImage:
    """The bytes of an image file, of which the header has been read and the pixels have not.

    size   width and height in pixels, as the header says
    """

    def __init__(self, data: bytes) -> None:
        """Raises EmptyImage, UnsupportedFormat, ImageTooLarge or CorruptImage, by what the header says."""
        if not data:
            raise EmptyImage("received 0 bytes; send the bytes of an image file.")
        if len(data) > MAX_BYTES:
            raise ImageTooLarge(f"received {len(data):,} bytes; at most {MAX_BYTES:,} are allowed. Make it smaller.")
        check_scans(data)
        self._data = data
        try:
            self._opened = Image.open(BoundedFile(data), formats=FORMATS)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
            raise ImageTooLarge(f"more than {most:,} pixels, which nothing here decodes. Make it smaller.") from error
        except UnidentifiedImageError as error:
            if SIGNATURE.match(data):
                raise CorruptImage("the image's header is damaged. Save it again as JPEG or PNG.") from error
            raise UnsupportedFormat(f"the bytes are not an image that can be read; accepted are {ACCEPTED}.") from error
        except DAMAGED as error:
            raise undecodable(error) from error
        self.size = self._opened.size
        check_size(*self.size)

    def decode(self, enough: int | None = None) -> Image.Image:
        """The first frame, once: see read_image for `enough`. Raises ImageTooLarge or CorruptImage."""
        try:
            check_intact(self._data)
            if enough is not None:
                self._opened.draft(None, (enough, enough))  # does something to JPEG files only
            check_cost(self._opened)
            scale_transparency(self._opened)
            self._opened.load()
        except DAMAGED as error:
            raise undecodable(error) from error
        return self._opened


def scale_transparency(image: Image.Image) -> None:
    """The transparent grey of a PNG file with fewer than 8 bits, as its pixels will be: Pillow scales only those."""
    if isinstance(image, PngImageFile) and image.tile and "transparency" in image.info:
        image.info["transparency"] *= GREY_STEPS.get(str(image.tile[0].args), 1)


def undecodable(error: Exception) -> CorruptImage:
    """What Pillow says of a damaged file, as an error of ours."""
    return CorruptImage(f"the image cannot be decoded: {error}. Save it again as JPEG or PNG.")


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


def check_size(width: int, height: int) -> None:
    """Raise ImageTooLarge or CorruptImage where the sides are out of bounds."""
    if width < 1 or height < 1:
        raise CorruptImage(f"an image of {width} × {height} pixels; both sides must be at least 1.")
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise ImageTooLarge(
            f"an image of {width} × {height} pixels; at most {MAX_PIXELS / 1e6:.0f} megapixels "
            f"and {MAX_SIDE:,} pixels a side are allowed. Make it smaller."
        )
