"""Pictures of every kind, whole and broken, through the door."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image, ImageOps

from thumbnet.model import Classifier

Encode = Callable[..., bytes]


def block(kind: bytes, data: bytes) -> bytes:
    """A block of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises many pixels and holds none."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + block(b"IHDR", header) + block(b"IDAT", zlib.compress(b"")) + block(b"IEND", b"")


def after_header(png: bytes, added: bytes) -> bytes:
    """A PNG with a block more, behind its first."""
    return png[:33] + added + png[33:]


def encoded(kind: str) -> bytes:
    """A small image of a format."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, kind)
    return buffer.getvalue()


def post(client: FlaskClient, data: bytes) -> tuple[int, dict[str, object]]:
    answer = client.post("/v1/predict", data=data, content_type="application/octet-stream")
    return answer.status_code, answer.json


def scores(client: FlaskClient, data: bytes) -> object:
    status, answer = post(client, data)
    assert status == 200, answer
    return answer["predictions"][0]["scores"]  # type: ignore[index]


def test_every_kind_of_picture_is_answered_as_by_the_classifier(
    client: FlaskClient, classifier: Classifier, picture: Image.Image, encode: Encode
) -> None:
    sixteen_bits = Image.fromarray(np.arange(60 * 44, dtype=np.uint16).reshape(44, 60) * 24)
    see_through = picture.quantize(16)
    see_through.info["transparency"] = 3
    pictures = {
        "JPEG": encode(picture, "JPEG"),
        "CMYK JPEG": encode(picture.convert("CMYK"), "JPEG"),
        "PNG": encode(picture, "PNG"),
        "16-bit PNG": encode(sixteen_bits, "PNG"),
        "palette with transparency": encode(see_through, "PNG", transparency=3),
        "grey with alpha": encode(picture.convert("LA"), "PNG"),
        "one bit": encode(picture.convert("1"), "PNG"),
        "WebP": encode(picture, "WEBP"),
        "BMP": encode(picture, "BMP"),
        "GIF": encode(picture, "GIF"),
        "1×1": encode(Image.new("RGB", (1, 1), "red"), "PNG"),
        "1×5000": encode(Image.new("RGB", (1, 5000), "red"), "PNG"),
    }
    for name, data in pictures.items():
        assert scores(client, data) == classifier.predict(data).to_dict()["scores"], name


def test_a_picture_turned_by_exif_is_the_upright_one(client: FlaskClient, picture: Image.Image, encode: Encode) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    lying = picture.transpose(Image.Transpose.ROTATE_90)
    assert scores(client, encode(lying, "PNG", exif=exif)) == scores(client, encode(picture, "PNG"))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(
    client: FlaskClient, picture: Image.Image, encode: Encode, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(picture, "PNG", exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert scores(client, data) == scores(client, encode(upright, "PNG"))


def test_what_surrounds_the_pixels_changes_nothing(client: FlaskClient, png: bytes, jpeg: bytes) -> None:
    segment = b"\xff\xe1\xff\xff" + b"Exif\0\0" + b"\0" * (65_533 - 6)
    surrounded = {
        "huge ICC profile": (png, after_header(png, block(b"iCCP", b"a\0\0" + zlib.compress(b"\0" * 500_000)))),
        "huge text": (png, after_header(png, block(b"tEXt", b"a\0" + b"b" * 900_000))),
        "much and invalid EXIF": (jpeg, jpeg[:2] + segment * 20 + jpeg[2:]),
        "a ZIP file": (png, png + b"PK\x05\x06" + bytes(18)),
    }
    for name, (plain, data) in surrounded.items():
        assert scores(client, data) == scores(client, plain), name


def test_of_ten_thousand_frames_one_is_decoded(client: FlaskClient, encode: Encode) -> None:
    red, blue = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    animated = encode(red, "GIF", save_all=True, append_images=[blue], duration=50)
    second = animated[animated.rindex(b"\x21\xf9\x04") : -1]
    data = animated[:-1] + second * 9_998 + b";"
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.n_frames == 10_000  # type: ignore[attr-defined]
    assert scores(client, data) == scores(client, encode(red, "GIF"))


def test_the_first_frame_of_an_animation_counts(client: FlaskClient, picture: Image.Image, encode: Encode) -> None:
    first = picture.quantize(64)
    frames = [Image.new("RGB", picture.size, colour) for colour in ("red", "blue")]
    animated = encode(first, "GIF", save_all=True, append_images=frames)
    assert scores(client, animated) == scores(client, encode(first, "GIF"))


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 400, "empty_image"),
        (b"this is no picture, whatever its name says", 415, "unsupported_format"),
        (b"%PDF-1.7 neither is this", 415, "unsupported_format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "unsupported_format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 415, "unsupported_format"),
        (encoded("TIFF"), 415, "unsupported_format"),
        (encoded("JPEG2000"), 415, "unsupported_format"),
        (png_header(1, 100_000_000), 413, "image_too_large"),
        (
            after_header(encoded("PNG"), block(b"zTXt", b"a\0\0" + zlib.compress(b"a" * 100_000_000))),
            422,
            "corrupt_image",
        ),
        (encoded("JPEG")[:-2] + b"\xff\xda" * 500, 422, "corrupt_image"),
        (png_header(65_535, 65_535), 413, "image_too_large"),
        (png_header(4_001, 4_000), 413, "image_too_large"),
        (png_header(10, 10), 422, "corrupt_image"),
    ],
    ids=[
        "empty",
        "text",
        "PDF",
        "SVG",
        "EPS",
        "TIFF",
        "JPEG 2000",
        "one column",
        "text bomb",
        "scans",
        "bomb",
        "17 megapixels",
        "no pixels",
    ],
)
def test_what_is_no_usable_picture_is_the_callers_fault(
    client: FlaskClient, data: bytes, status: int, code: str
) -> None:
    received, answer = post(client, data)
    assert (received, answer["code"]) == (status, code)
    received = client.post("/v1/predict", data={"image": (io.BytesIO(data), "cat.png")}).status_code
    assert received == status


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_truncated_picture_is_the_callers_fault(
    client: FlaskClient, picture: Image.Image, encode: Encode, kind: str
) -> None:
    whole = encode(picture, kind)
    for part in (0.5, 0.9):
        status, answer = post(client, whole[: int(part * len(whole))])
        assert (status, answer["code"]) == (422, "corrupt_image")
