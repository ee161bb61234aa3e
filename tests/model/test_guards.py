"""Image files that are made to be expensive, and the largest that are allowed."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from thumbnet.model.encoded import MAX_BYTES
from thumbnet.model.errors import CorruptImage, ImageTooLarge
from thumbnet.model.images import Preprocessing, read_pixels

SEEN = Preprocessing(image_size=32, channels=3)
HANG_SECONDS = 1.0
PEAK_BYTES = 150e6
SIZE = MAX_BYTES - 2000


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


PLAIN = Image.new("RGB", (32, 32), "teal")
PNG, JPEG, GIF = (encode(PLAIN, kind) for kind in ("PNG", "JPEG", "GIF"))


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    """Of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def in_png(chunks: bytes) -> bytes:
    return PNG[:33] + chunks + PNG[33:]


def in_jpeg(segments: bytes) -> bytes:
    return JPEG[:2] + segments + JPEG[2:]


def in_gif(extensions: bytes) -> bytes:
    start = 13 + 3 * 2 ** ((GIF[10] & 7) + 1)
    return GIF[:start] + extensions + GIF[start:]


def run_length_bmp(width: int, height: int, rows: bytes) -> bytes:
    colours = bytes(1024)
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(rows), 0, 0, 256, 0)
    start = 14 + len(head) + len(colours)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + head + colours + rows


def jpeg_of_many_scans() -> bytes:
    progressive = encode(Image.new("RGB", (4000, 4000)), "JPEG", progressive=True)
    scan = progressive[progressive.rindex(b"\xff\xda") : -2]
    return progressive[:-2] + scan * 300 + b"\xff\xd9"


COSTLY: dict[str, Callable[[], bytes]] = {
    "a PNG of many chunks": lambda: in_png(chunk(b"abCd") * (SIZE // 12)),
    "a PNG of many chunks at its end": lambda: PNG[:-12] + chunk(b"abCd") * (SIZE // 12) + PNG[-12:],
    "a PNG of many texts": lambda: in_png(chunk(b"tEXt", b"a\0b") * (SIZE // 15)),
    "a PNG of large texts": lambda: in_png(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**20 - 1))) * 500),
    "a JPEG of many segments": lambda: in_jpeg(b"\xff\xe5\0\2" * (SIZE // 4)),
    "a JPEG of many comments": lambda: in_jpeg(b"\xff\xfe\0\2" * (SIZE // 4)),
    "a JPEG of many parts of EXIF": lambda: in_jpeg(b"\xff\xe1\0\x0cExif\0\0aaaa" * (SIZE // 14)),
    "a JPEG that begins with fill bytes": lambda: in_jpeg(b"\xff" * SIZE),
    "a JPEG of hundreds of scans": jpeg_of_many_scans,
    "a GIF of many extensions": lambda: in_gif(b"!\xf5\1a\0" * (SIZE // 5)),
    "a GIF of a long comment": lambda: in_gif(b"!\xfe" + b"\1a" * (SIZE // 2) + b"\0"),
    "a BMP of empty lines": lambda: run_length_bmp(4000, 4000, b"\1\7\0\0" * 4000 + b"\0\1"),
    "a BMP of runs that lead nowhere": lambda: run_length_bmp(1000, 1000, b"\1\2" * (SIZE // 2)),
}


@pytest.mark.parametrize("name", COSTLY)
def test_a_file_that_is_made_to_cost_much_is_refused_before_it_does(name: str) -> None:
    data = COSTLY[name]()
    started = time.process_time()
    with pytest.raises((CorruptImage, ImageTooLarge)):
        read_pixels(data, SEEN)
    assert time.process_time() - started < HANG_SECONDS


def test_an_honest_file_of_many_parts_is_read() -> None:
    profile = b"".join(b"\xff\xe2\xff\xffICC_PROFILE\0%c\xa0" % part + bytes(65_519) for part in range(1, 160))
    for plain, rich in (
        (JPEG, in_jpeg(profile)),
        (PNG, in_png(chunk(b"tEXt", b"note\0some text") * 1000)),
        (GIF, in_gif(b"!\xfe" + (b"\xff" + b"a" * 255) * 4000 + b"\0")),
    ):
        np.testing.assert_array_equal(read_pixels(rich, SEEN), read_pixels(plain, SEEN))


def test_a_run_length_encoded_bmp_is_read() -> None:
    data = run_length_bmp(100, 100, b"\x64\7\0\0" * 100 + b"\0\1")
    assert read_pixels(data, SEEN).shape == (32, 32, 3)


def test_the_kinds_whose_decoders_keep_copies_may_have_half_the_pixels() -> None:
    for kind, options, size in (
        ("WEBP", {"method": 0}, (2900, 2900)),
        ("JPEG", {"progressive": True}, (62_000, 255)),
    ):
        with pytest.raises(ImageTooLarge, match="at most 8 megapixels"):
            read_pixels(encode(Image.new("RGB", size), kind, **options), SEEN)


def largest_files() -> Iterator[tuple[str, bytes]]:
    """One for every way through decoding and conversion, with as many pixels as it may have; the worst first."""
    colours = Image.fromarray(np.broadcast_to(np.arange(4000).astype(np.uint8)[None, :, None], (4000, 4000, 3)).copy())
    exif = Image.Exif()
    exif[0x0112] = 6
    turned: dict[str, Any] = {"compress_level": 1, "exif": exif}
    yield "CMYK JPEG", encode(colours.convert("CMYK"), "JPEG", progressive=True)
    yield "translucent PNG", encode(colours.convert("RGBA"), "PNG", **turned)
    yield "WebP", encode(Image.new("RGBA", (2800, 2800), (1, 2, 3, 128)), "WEBP", method=0)
    yield "lossless WebP", encode(Image.new("RGBA", (2800, 2800), (1, 2, 3, 128)), "WEBP", lossless=True, method=0)
    yield "JPEG", encode(colours, "JPEG", progressive=True, subsampling=0, exif=exif)
    yield "narrow JPEG", encode(colours.resize((62_000, 255)), "JPEG")
    yield "narrow progressive JPEG", encode(colours.resize((31_000, 255)), "JPEG", progressive=True, subsampling=0)
    yield "PNG", encode(colours, "PNG", **turned)
    yield "keyed PNG", encode(colours, "PNG", transparency=(1, 2, 3), **turned)
    yield "grey translucent PNG", encode(colours.convert("LA"), "PNG", **turned)
    yield "narrow translucent PNG", encode(colours.convert("RGBA").resize((255, 62_000)), "PNG", **turned)
    yield "16-bit PNG", encode(Image.fromarray(np.zeros((4000, 4000), np.uint16)), "PNG", **turned)
    palette = colours.quantize(64)
    yield "palette PNG", encode(palette, "PNG", transparency=bytes(range(64)), **turned)
    yield "GIF", encode(palette, "GIF", transparency=1)


MEASURE_PEAKS = """
import json, re, sys
from pathlib import Path
from thumbnet.model.images import Preprocessing, read_pixels

def memory(name):
    return 1024 * int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

seen = Preprocessing(image_size=32, channels=3)
peaks = {}
for path in [sys.argv[1], *sys.argv[1:]]:  # the first one twice: it also imports
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak
    before = memory("VmRSS")
    read_pixels(Path(path).read_bytes(), seen)
    peaks[path] = memory("VmHWM") - before
print(json.dumps(peaks))
"""


@pytest.mark.parametrize("kinds", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_no_allowed_image_takes_more_than_150_megabytes(tmp_path: Path, kinds: int) -> None:
    paths = []
    for name, data in islice(largest_files(), kinds):
        paths.append(tmp_path / name)
        paths[-1].write_bytes(data)
    environment = os.environ | {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "1048576"}  # as the server has them
    command = [sys.executable, "-c", MEASURE_PEAKS, *paths]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    peaks = {Path(path).name: peak for path, peak in json.loads(done.stdout).items()}
    assert len(peaks) == len(paths)
    assert max(peaks.values()) <= PEAK_BYTES, peaks
