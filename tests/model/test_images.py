"""Bytes → pixels: what is accepted, what is refused, and that nothing depends on how a picture happens to be stored."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from thumbnet.model.encoded import MAX_BYTES, EncodedImage
from thumbnet.model.errors import (
    CorruptImage,
    EmptyImage,
    ImageTooLarge,
    InvalidArgument,
    InvalidImage,
    UnsupportedFormat,
)
from thumbnet.model.images import Preprocessing, read_image, read_pixels

COLOUR = Preprocessing(image_size=32, channels=3)
GREY = Preprocessing(image_size=28, channels=1)


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """The start of a PNG that promises this size."""
    content = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    header = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + content + struct.pack(">I", zlib.crc32(content))
    data = b"IDAT" + zlib.compress(b"\0" * 64)
    return header + struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))


@pytest.fixture
def scene(rng: np.random.Generator) -> Image.Image:
    """A smooth picture without symmetry, 48 × 32."""
    small = Image.fromarray(rng.integers(0, 256, (4, 6, 3), dtype=np.uint8))
    return small.resize((48, 32), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "WEBP", "JPEG"])
def test_every_accepted_format_is_read(scene: Image.Image, kind: str) -> None:
    pixels = read_pixels(encode(scene, kind), COLOUR)
    assert pixels.shape == (32, 32, 3)
    assert pixels.dtype == np.uint8


def test_path_bytes_picture_and_array_give_the_same_pixels(scene: Image.Image, tmp_path: Path) -> None:
    data = encode(scene)
    path = tmp_path / "scene.png"
    path.write_bytes(data)
    expected = read_pixels(data, COLOUR)
    for image in (path, str(path), bytearray(data), scene, np.asarray(scene)):
        np.testing.assert_array_equal(read_pixels(image, COLOUR), expected)


def test_an_image_of_the_right_size_is_not_resampled(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    np.testing.assert_array_equal(read_pixels(encode(Image.fromarray(pixels)), COLOUR), pixels)
    grey = rng.integers(0, 256, (28, 28, 1), dtype=np.uint8)
    np.testing.assert_array_equal(read_pixels(grey, GREY), grey)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_rotated_photograph_gives_the_same_pixels_as_the_upright_one(scene: Image.Image, orientation: int) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = scene.transpose(undo[orientation]) if orientation in undo else scene
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(read_pixels(encode(stored, exif=exif), COLOUR), read_pixels(scene, COLOUR))


def test_an_invalid_orientation_is_ignored(scene: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 99
    np.testing.assert_array_equal(read_pixels(encode(scene, exif=exif), COLOUR), read_pixels(scene, COLOUR))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("exif", [b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff", b"\0" * 100])
def test_exif_that_cannot_be_read_is_ignored(scene: Image.Image, kind: str, exif: bytes) -> None:
    expected = read_pixels(encode(scene, kind), COLOUR)
    np.testing.assert_array_equal(read_pixels(encode(scene, kind, exif=exif), COLOUR), expected)


def test_an_animation_is_seen_as_its_first_frame(scene: Image.Image) -> None:
    first = scene.quantize(64)
    others = [Image.new("P", scene.size, colour) for colour in (10, 200)]
    moving = encode(first, "GIF", save_all=True, append_images=others)
    np.testing.assert_array_equal(read_pixels(moving, COLOUR), read_pixels(encode(first, "GIF"), COLOUR))


def test_cmyk_is_converted(scene: Image.Image) -> None:
    pixels = read_pixels(encode(scene.convert("CMYK"), "JPEG", quality=95), COLOUR)
    difference = np.abs(pixels.astype(int) - read_pixels(scene, COLOUR).astype(int))
    assert difference.mean() < 8


def test_sixteen_bits_of_grey_keep_their_upper_byte() -> None:
    ramp = np.linspace(0, 65_535, 32, dtype=np.uint16)
    picture = Image.fromarray(np.tile(ramp, (32, 1)))
    np.testing.assert_array_equal(read_pixels(encode(picture), COLOUR)[0, :, 0], (ramp >> 8).astype(np.uint8))


@pytest.mark.parametrize(("bits", "transparent", "opaque"), [(1, 0, 1), (2, 1, 2), (4, 5, 6), (8, 5, 6), (16, 5, 6)])
def test_a_transparent_grey_is_laid_over_white_whatever_its_bits(bits: int, transparent: int, opaque: int) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    def row(grey: int) -> bytes:
        return bytes([0]) + int("".join(f"{grey:0{bits}b}" for _ in range(32)), 2).to_bytes(4 * bits)

    lines = 16 * row(transparent) + 16 * row(opaque)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, bits, 0, 0, 0, 0))
    data += chunk(b"tRNS", struct.pack(">H", transparent)) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    pixels = read_pixels(data, COLOUR)
    assert (pixels[:16] == 255).all()
    assert (pixels[16:] == (opaque * 255 // (2**bits - 1))).all()


def test_transparency_is_laid_over_white() -> None:
    transparent = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    assert (read_pixels(encode(transparent), COLOUR) == 255).all()
    palette = Image.new("P", (32, 32), 1)
    palette.putpalette([0, 0, 0, 200, 0, 0])
    assert (read_pixels(encode(palette, transparency=1), COLOUR) == 255).all()
    assert (read_pixels(encode(palette), COLOUR)[0, 0] == (200, 0, 0)).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_png_is_read_in_colour_and_in_grey(mode: str) -> None:
    data = encode(Image.new(mode, (40, 30)))
    assert read_pixels(data, COLOUR).shape == (32, 32, 3)
    assert read_pixels(data, GREY).shape == (28, 28, 1)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (4000, 4000)])
def test_any_size_within_the_limits_is_read(size: tuple[int, int]) -> None:
    pixels = read_pixels(encode(Image.new("RGB", size, (10, 200, 30))), COLOUR)
    assert (pixels == (10, 200, 30)).all()


def test_a_large_jpeg_is_decoded_small_and_looks_the_same(rng: np.random.Generator) -> None:
    rough = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
    photograph = rough.resize((2400, 1800), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    photograph.save(buffer, "JPEG", quality=95)
    data = buffer.getvalue()
    assert EncodedImage(data).decode().size == (2400, 1800)
    assert EncodedImage(data).decode(enough=8 * 32).size == (600, 450)
    whole = read_pixels(Image.open(io.BytesIO(data)), COLOUR).astype(int)
    assert np.abs(read_pixels(data, COLOUR) - whole).max() <= 6


def test_a_wide_picture_is_cropped_to_its_middle() -> None:
    wide = np.zeros((32, 96, 3), dtype=np.uint8)
    wide[:, 32:64] = 255
    assert (read_pixels(wide, COLOUR) == 255).all()


def test_no_bytes_are_refused() -> None:
    with pytest.raises(EmptyImage, match="received 0 bytes"):
        read_image(b"")


def test_text_under_an_image_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.png"
    path.write_text("this is not a picture")
    with pytest.raises(UnsupportedFormat, match="accepted are JPEG, PNG"):
        read_image(path)


@pytest.mark.parametrize("data", [b"%PDF-1.7", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"II*\0" + b"\0" * 99])
def test_other_formats_are_refused(data: bytes) -> None:
    with pytest.raises(UnsupportedFormat):
        read_image(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_truncated_file_is_refused(rng: np.random.Generator, kind: str, share: float) -> None:
    data = encode(Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)), kind)
    with pytest.raises(InvalidImage):
        read_image(data[: int(share * len(data))])


def test_a_damaged_png_is_refused(scene: Image.Image) -> None:
    data = bytearray(encode(scene))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(CorruptImage, match="Save it again"):
        read_image(bytes(data))


def test_a_palette_png_without_its_palette_is_refused(scene: Image.Image) -> None:
    data = encode(scene.quantize(8))
    start = data.index(b"PLTE") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4])
    with pytest.raises(CorruptImage):
        read_image(data[:start] + data[end:])


@pytest.mark.parametrize(("width", "height"), [(65_535, 65_535), (1, 100_000_000), (4001, 4000)])
def test_a_decompression_bomb_is_refused_from_its_header(width: int, height: int) -> None:
    with pytest.raises(ImageTooLarge, match="pixels"):
        read_image(png_header(width, height))


def test_a_zero_side_is_refused(scene: Image.Image) -> None:
    gif = encode(scene, "GIF")
    jpeg = encode(scene, "JPEG")
    bmp = encode(scene, "BMP")
    frame = jpeg.index(b"\xff\xc0") + 5
    for data in (
        png_header(0, 10),
        gif[:6] + bytes(2) + gif[8:],
        jpeg[:frame] + bytes(2) + jpeg[frame + 2 :],
        bmp[:18] + bytes(8) + bmp[26:],
    ):
        with pytest.raises(CorruptImage):
            read_image(data)


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT"])
def test_a_png_with_a_wrong_check_sum_is_refused_and_what_follows_its_end_is_not_read(
    scene: Image.Image, kind: bytes
) -> None:
    data = bytearray(encode(scene))
    start = data.index(kind)
    length = int.from_bytes(data[start - 4 : start])
    data[start + 4 + length] ^= 1
    with pytest.raises(CorruptImage, match="damaged"):
        read_image(bytes(data))
    assert read_image(encode(scene) + b"PK\x03\x04 an archive").size == scene.size


def test_too_many_bytes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageTooLarge, match="at most 10,485,760"):
        read_image(b"\xff\xd8" + b"\0" * MAX_BYTES)
    path = tmp_path / "large.jpg"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ImageTooLarge, match=r"large\.jpg"):
        read_image(path)


def test_a_jpeg_of_hundreds_of_scans_is_refused(scene: Image.Image) -> None:
    scan = b"\xff\xda\0\x08\x01\x01\0\0\x3f\0"
    with pytest.raises(CorruptImage, match="200 scans"):
        read_image(encode(scene, "JPEG")[:-2] + scan * 199 + b"\xff\xd9")


def test_what_only_looks_like_a_scan_is_not_counted(scene: Image.Image) -> None:
    plain = encode(scene, "JPEG")
    profile = b"\xff\xe2\x10\x02" + b"\xff\xda" * 2048
    np.testing.assert_array_equal(read_pixels(plain[:2] + profile + plain[2:], COLOUR), read_pixels(plain, COLOUR))


def test_a_missing_file_a_folder_and_a_strange_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidImage, match="there is no file"):
        read_image(tmp_path / "absent.png")
    with pytest.raises(InvalidImage, match="is a folder"):
        read_image(tmp_path)
    with pytest.raises(InvalidImage, match="not a file name"):
        read_image("a\0b.png")
    with pytest.raises(InvalidImage, match="is a device"):
        read_image("/dev/zero")  # would never end


def test_an_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(b"x")

    def deny(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", deny)  # tests may run as root, who may read everything
    with pytest.raises(InvalidImage, match="Permission denied"):
        read_image(path)


@pytest.mark.parametrize(
    "value",
    [None, 5, [1, 2], np.zeros((4, 4, 2), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros(4, np.uint8)],
    ids=["None", "int", "list", "two channels", "float", "one dimension"],
)
def test_a_value_that_is_no_image_is_refused(value: object) -> None:
    with pytest.raises(InvalidImage, match="received"):
        read_image(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(("size", "channels"), [(0, 3), (4096, 3), (32, 2)])
def test_preprocessing_that_makes_no_sense_is_refused(size: int, channels: int) -> None:
    with pytest.raises(InvalidArgument, match="received"):
        Preprocessing(image_size=size, channels=channels)
