"""The API under abuse: damaged images, requests that a program makes up, and what bad input costs.

The numbers are small where the tests have to be quick; those marked long are the same with large ones.
"""

from __future__ import annotations

import http.client
import io
import json
import random
import struct
import subprocess
import sys
import time
import zlib
from base64 import b64encode
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest
from flask.testing import FlaskClient
from PIL import Image
from PIL.PngImagePlugin import PngInfo

MIB = 2**20
REFUSALS = {400, 413, 415, 422}
HANG_SECONDS = 1.0
GROWTH_BYTES = MIB


@pytest.fixture(scope="module")
def samples() -> list[bytes]:
    """A small file of every kind that a decoder treats in a way of its own."""
    x, y = np.meshgrid(np.arange(40), np.arange(36))
    picture = Image.fromarray(np.stack([6 * x, 7 * y, (x * y) % 256], axis=-1).astype(np.uint8))
    translucent = picture.convert("RGBA")
    translucent.putalpha(Image.linear_gradient("L").resize(picture.size))
    palette = picture.quantize(32)
    sixteen = Image.fromarray((x * 1600).astype(np.uint16))
    frames = [palette.rotate(90 * turn) for turn in range(3)]
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    notes = PngInfo()
    notes.add_text("note", "some text")
    notes.add_itxt("note", "some text", zip=True)
    profile = bytes(range(256)) * 2
    return [
        encode(picture, "JPEG"),
        encode(picture, "JPEG", progressive=True, subsampling=0),
        encode(picture, "JPEG", exif=exif, icc_profile=profile, comment=b"a comment", restart_marker_blocks=2),
        encode(picture.convert("L"), "JPEG"),
        encode(picture.convert("CMYK"), "JPEG"),
        encode(picture, "PNG"),
        encode(translucent, "PNG", exif=exif, icc_profile=profile, pnginfo=notes),
        encode(palette, "PNG", transparency=bytes(range(32))),
        encode(palette, "PNG", save_all=True, append_images=frames),
        encode(sixteen, "PNG"),
        encode(picture.convert("1"), "PNG"),
        encode(picture, "WEBP", exif=exif, icc_profile=profile),
        encode(translucent, "WEBP", lossless=True),
        encode(picture, "WEBP", save_all=True, append_images=[frame.convert("RGB") for frame in frames]),
        encode(palette, "GIF", transparency=3, comment=b"a comment"),
        encode(palette, "GIF", save_all=True, append_images=frames, interlace=1),
        encode(picture, "BMP"),
        encode(palette, "BMP"),
        encode(picture.convert("1"), "BMP"),
        run_length_bmp(40, 36),
    ]


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def run_length_bmp(width: int, height: int) -> bytes:
    """Pillow reads such files and writes none."""
    rows = b"".join(bytes([width, row, 0, 0]) for row in range(height)) + b"\0\1"
    colours = bytes(range(256)) * 4
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(rows), 0, 0, 256, 0)
    start = 14 + len(head) + len(colours)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + head + colours + rows


def png_chunk(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_chunks(data: bytes) -> list[tuple[str, bytes]]:
    """The chunks of a PNG as (kind, content)."""
    chunks, position = [], 8
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        chunks.append((data[position + 4 : position + 8].decode(), data[position + 8 : position + 8 + length]))
        position += 12 + length
    return chunks


# How files get damaged, or are made to do damage: (random, file, another file) → what becomes of it.


def flip_bits(rng: random.Random, data: bytes, _: bytes) -> bytes:
    flipped = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
    return bytes(flipped)


def damage_header(rng: random.Random, data: bytes, _: bytes) -> bytes:
    damaged = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        damaged[rng.randrange(min(64, len(damaged)))] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
    return bytes(damaged)


def set_number(rng: random.Random, data: bytes, _: bytes) -> bytes:
    """Lengths, sizes and offsets are numbers somewhere in the file."""
    number = rng.choice((0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, rng.getrandbits(16)))
    written = struct.pack(rng.choice("<>") + ("H" if number < 2**16 and rng.random() < 0.5 else "I"), number)
    place = rng.randrange(len(data))
    return data[:place] + written + data[place + len(written) :]


def cut_end(rng: random.Random, data: bytes, _: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def cut_middle(rng: random.Random, data: bytes, _: bytes) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.randint(1, 64) :]


def repeat_part(rng: random.Random, data: bytes, _: bytes) -> bytes:
    start = rng.randrange(len(data))
    end = start + rng.randint(1, 64)
    return data[:end] + data[start:end] * rng.choice((1, 2, 50, 1000)) + data[end:]


def splice(rng: random.Random, data: bytes, other: bytes) -> bytes:
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


def damage_chunk(rng: random.Random, data: bytes) -> bytes:
    """Of a PNG, whose check sum is right again: without that no decoder would look any further."""
    chunks = png_chunks(data)
    place = rng.randrange(len(chunks))
    kind, content = chunks[place]
    if kind == "IDAT" and rng.random() < 0.5:
        content = zlib.compress(flip_bits(rng, zlib.decompress(content), b""))
    elif content:
        content = rng.choice((flip_bits, set_number, cut_end, repeat_part))(rng, content, b"")
    chunks[place : place + rng.randint(0, 1)] = [(kind, content)] * rng.choice((1, 1, 2, 100))
    if rng.random() < 0.2:
        rng.shuffle(chunks)
    return data[:8] + b"".join(png_chunk(kind.encode(), content) for kind, content in chunks)


MUTATIONS = (flip_bits, damage_header, set_number, cut_end, cut_middle, repeat_part, splice)


def mutated(samples: list[bytes], seed: int) -> bytes:
    """A damaged file; the same for the same seed."""
    rng = random.Random(seed)
    data = rng.choice(samples)
    if data.startswith(b"\x89PNG") and rng.random() < 0.6:
        return damage_chunk(rng, data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        data = rng.choice(MUTATIONS)(rng, data, rng.choice(samples)) or b"\0"
    return data


def check_answer(status: int, kind: str, body: bytes) -> int:
    """Fails where an answer is neither predictions nor a problem."""
    answer = json.loads(body)
    if status == 200:
        assert kind == "application/json"
        (prediction,) = answer["predictions"]
        assert sum(score["probability"] for score in prediction["scores"]) == pytest.approx(1)
    else:
        assert status in REFUSALS
        assert kind == "application/problem+json"
        assert answer["status"] == status
        assert answer["detail"]
    return status


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # it warns of damaged metadata, and reads on
@pytest.mark.parametrize("count", [1000, pytest.param(100_000, marks=pytest.mark.long)])
def test_every_damaged_image_gets_a_prediction_or_a_problem_in_time(
    client: FlaskClient, samples: list[bytes], count: int
) -> None:
    statuses: Counter[int] = Counter()
    for data in samples:
        assert client.post("/v1/predict", data=data, content_type="image/*").status_code == 200
    for seed in range(count):
        data = mutated(samples, seed)
        started = time.process_time()  # so that a busy machine is no hang
        answer = client.post("/v1/predict", data=data, content_type="image/*")
        seconds = time.process_time() - started
        try:
            statuses[check_answer(answer.status_code, answer.mimetype, answer.data)] += 1
            assert seconds < HANG_SECONDS
        except AssertionError as error:
            error.add_note(f"seed {seed}: {b64encode(data[:4000]).decode()}")
            raise
    assert min(statuses[200], statuses[415], statuses[422]) > count / 100, "the damage is of one kind only"


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.long)])
def test_damaged_images_do_not_disturb_the_real_server(server: str, samples: list[bytes], count: int) -> None:
    statuses: Counter[int] = Counter()
    with closing(http.client.HTTPConnection(urlsplit(server).netloc, timeout=10 * HANG_SECONDS)) as connection:
        for seed in range(count):
            connection.request("POST", "/v1/predict", mutated(samples, seed), {"Content-Type": "image/png"})
            with connection.getresponse() as answer:
                kind = answer.headers.get_content_type()
                statuses[check_answer(answer.status, kind, answer.read())] += 1
    assert len(statuses) > 2


# What bad input leaves behind.


def bad_requests(samples: list[bytes], png: bytes) -> list[tuple[str, bytes, str]]:
    """One of every kind as (path, body, content type)."""
    form = "multipart/form-data; boundary=b"
    part = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    listed = json.dumps({"inputs": [b64encode(png).decode(), "!"]}).encode()
    damaged = [("/v1/predict", mutated(samples, seed), "image/png") for seed in range(40)]
    texts = (b"", b"text", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", b"II*\0" + bytes(99))
    broken = (
        b"{",
        b"NaN",
        b'"\xff"',
        b'"\\ud800"',
        b"[" * 100_000,
        b"{}",
        b'{"inputs": null}',
        b'{"inputs": 3}',
        listed,
    )
    return [
        *damaged,
        *(("/v1/predict", text, "image/png") for text in texts),
        *(("/v1/predict", text, "application/json") for text in broken),
        ("/v1/predict", png, "text/plain"),
        ("/v1/predict", (part + png + b"\r\n") * 33 + b"--b--\r\n", form),
        ("/v1/predict", (part + b"\r\n") * 1500 + b"--b--\r\n", form),
        ("/v1/predict", part + png, form),
        ("/v1/predict", png, "multipart/form-data"),
        ("/v1/predict", png_bomb(65_535, 65_535), "image/png"),
        ("/v1/predict", png_bomb(1, 100_000_000), "image/png"),
        ("/v1/predict", bytes(11 * MIB), "image/png"),
        ("/v1/predict", bytes(9 * MIB), "application/octet-stream"),
        ("/v1/predict", png[:33] + png_chunk(b"abCd") * 800_000 + png[33:], "image/png"),
        ("/v1/predict?top_k=0", png, "image/png"),
        ("/v1/predict?model=none", png, "image/png"),
        ("/v1/explain", b"text", "image/png"),
        ("/models/none", png, "image/png"),
        ("/models/cifar10", b"text", "image/png"),
        ("/v2/models/cifar10/infer", b"{}", "application/json"),
        ("/nowhere", png, "image/png"),
    ]


def png_bomb(width: int, height: int) -> bytes:
    """The start of a PNG that promises this size."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(bytes(64)))


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.long)])
def test_bad_requests_leave_nothing_behind(serve: Any, samples: list[bytes], png: bytes, count: int) -> None:
    kinds = bad_requests(samples, png)
    with (
        serve(workers=1) as (url, process),
        closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)) as connection,
    ):

        def send(number: int) -> None:
            path, body, kind = kinds[number % len(kinds)]
            try:
                connection.request("POST", path, body, {"Content-Type": kind})
                with connection.getresponse() as answer:
                    answer.read()
            except ConnectionError:  # closed while a body that is too large was on its way
                connection.close()
            else:
                assert answer.status < 500

        worker = worker_of(process)
        for number in range(4 * len(kinds)):
            send(number)
        before = own_memory(worker)
        for number in range(count):
            send(number)
        assert own_memory(worker) - before < GROWTH_BYTES


def worker_of(process: subprocess.Popen[bytes]) -> psutil.Process:
    """The only worker of a server."""
    children = psutil.Process(process.pid).children()
    (worker,) = [child for child in children if any("spawn_main" in word for word in child.cmdline())]
    return worker


def own_memory(process: psutil.Process) -> int:
    """Bytes that a process has for itself, without files that are mapped."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
    return 1024 * int(fields["RssAnon"].split()[0])


# Requests that schemathesis makes up from the OpenAPI document.

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@pytest.mark.parametrize("examples", [3, pytest.param(300, marks=pytest.mark.long)])
def test_the_server_does_what_its_document_says_whatever_is_asked(server: str, tmp_path: Path, examples: int) -> None:
    schemathesis = Path(sys.executable).parent / "schemathesis"
    options = [
        "--checks",
        ",".join(CHECKS),
        "--max-examples",
        str(examples),
        "--generation-deterministic",
        "--no-color",
    ]
    done = subprocess.run(
        [schemathesis, "run", f"{server}/openapi.json", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert "Tested: 17" in done.stdout
