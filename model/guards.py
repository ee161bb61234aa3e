"""What decoding an image file may cost: bounds that Pillow does not have, for files made to be expensive.

Without them a file of 10 MiB keeps a processor busy for more than a minute (a JPEG of a million EXIF segments), and one
of 16 megapixels takes 500 MB (WebP).
"""

from __future__ import annotations

import io
import re
import struct
import zlib

from PIL import Image

from .errors import CorruptImage, ImageTooLarge

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_STEPS = 30_000
MOST_JPEG_STEPS = 1_500
"""Four for each segment before the picture: Pillow joins those of a kind one by one, which costs the square of their
number. An ICC profile that fills a file has 160."""
MAX_JPEG_SCANS = 50
"""Each goes over the whole picture; cameras and programs write about ten."""
JPEG_SCAN = re.compile(rb"\xff\xda\x00[\x08\x0a\x0c\x0e][\x01-\x04]")
MAX_HUNGRY_PIXELS = 8_000_000
"""Of files whose decoder holds the picture several times: WebP, and progressive JPEG that cannot be decoded smaller."""
MAX_RUN_PIXELS = 1_000_000
"""Of run-length encoded BMP files, which Pillow decodes in Python, pixel by pixel."""


class BoundedFile(io.BytesIO):
    """The bytes of an image file, which can be read in so many steps: every part of a file costs some."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._steps = MOST_JPEG_STEPS if data[:2] == b"\xff\xd8" else MOST_STEPS

    def read(self, size: int | None = -1) -> bytes:
        """Take a step. Raises CorruptImage where there were too many."""
        self._steps -= 1
        if self._steps < 0:
            raise CorruptImage("the image file is made of more parts than are allowed. Save it again as JPEG or PNG.")
        return super().read(size)


def check_scans(data: bytes) -> None:
    """Raise CorruptImage where a JPEG has too many scans."""
    if data[:2] != b"\xff\xd8" or data.count(b"\xff\xda") <= MAX_JPEG_SCANS:
        return
    if (scans := len(JPEG_SCAN.findall(data))) > MAX_JPEG_SCANS:  # the two bytes alone may be part of anything
        raise CorruptImage(f"a JPEG with {scans} scans; at most {MAX_JPEG_SCANS} are allowed. Save it again.")


def check_intact(data: bytes) -> None:
    """Raise CorruptImage where a file is damaged in a way that Pillow overlooks: by a PNG's check sums, of which it
    looks at some only, and where a GIF says that it has no width or height, although its frames may have."""
    if data[:4] == b"GIF8" and 0 in struct.unpack("<HH", data[6:10]):
        raise CorruptImage("a GIF of no width or height. Save it again as JPEG or PNG.")
    position = len(PNG_SIGNATURE) if data.startswith(PNG_SIGNATURE) else len(data)
    view = memoryview(data)
    for _ in range(MOST_STEPS):
        if position + 12 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if end + 4 <= len(data) and zlib.crc32(view[position + 4 : end]) != int.from_bytes(view[end : end + 4]):
            raise CorruptImage(
                f"the PNG's check sum of {kind.decode('latin-1')!r} is wrong: it is damaged. Save it again."
            )
        if kind == b"IEND":
            return
        position = end + 4


def check_cost(opened: Image.Image) -> None:
    """Raise ImageTooLarge where an image would cost far more than others of its size."""
    pixels = opened.width * opened.height
    for kind, costly, most in (
        ("a run-length encoded BMP", any(tile[0] == "bmp_rle" for tile in getattr(opened, "tile", ())), MAX_RUN_PIXELS),
        ("a WebP", opened.format == "WEBP", MAX_HUNGRY_PIXELS),
        ("a narrow progressive JPEG", "progressive" in opened.info, MAX_HUNGRY_PIXELS),
    ):
        if costly and pixels > most:
            raise ImageTooLarge(
                f"{kind} of {opened.width} × {opened.height} pixels; at most {most / 1e6:.0f} megapixels are allowed. "
                "Make it smaller, or save it as PNG."
            )
