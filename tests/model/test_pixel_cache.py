"""Decoded pixels on disk: right, reused, renewed when anything changes, and never half-written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from thumbnet.model import encoded, pixel_cache
from thumbnet.model.errors import DatasetError, ImageTooLarge
from thumbnet.model.folders import list_folder
from thumbnet.model.images import Preprocessing, read_own_file, read_pixels
from thumbnet.model.pixel_cache import CachedPixels, cache_root, open_pixels

SMALL = Preprocessing(image_size=16, channels=3)


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Twelve images of each of two classes."""
    for label in ("apple", "pear"):
        (tmp_path / "fruit" / label).mkdir(parents=True)
        for number in range(12):
            pixels = rng.integers(0, 256, (24, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "fruit" / label / f"{number}.png")
    return tmp_path / "fruit"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are decoded from now on."""
    files: list[Path] = []

    def read(path: Path, preprocessing: Preprocessing) -> np.ndarray:
        files.append(path)
        return read_own_file(path, preprocessing)

    monkeypatch.setattr(pixel_cache, "read_own_file", read)
    return files


def open_folder(folder: Path, preprocessing: Preprocessing = SMALL, share: float = 0.1) -> CachedPixels:
    return open_pixels(list_folder(folder), preprocessing, share)


def leftovers() -> list[str]:
    """What lies in the cache beside finished entries and locks."""
    return [path.name for path in cache_root().rglob("*") if path.suffix == ".building" or path.name == "decoded"]


def test_the_pixels_are_those_of_the_one_preprocessing_split_after_split(folder: Path) -> None:
    cached = open_folder(folder)
    assert cached.counts == (20, 2, 2)
    assert cached.pixels.shape == (24, 3, 16, 16)
    assert isinstance(cached.pixels, np.memmap)
    expected = {
        (label, read_pixels(path, SMALL).tobytes())
        for label, name in enumerate(("apple", "pear"))
        for path in (folder / name).iterdir()
    }
    found = {
        (label, image.transpose(1, 2, 0).tobytes()) for label, image in zip(cached.labels, cached.pixels, strict=True)
    }
    assert found == expected
    assert leftovers() == []


def test_any_part_of_a_split_is_a_mixture_of_classes(folder: Path) -> None:
    assert set(open_folder(folder).labels[:8]) == {0, 1}


def test_an_unchanged_folder_is_not_decoded_again(folder: Path, decoded: list[Path]) -> None:
    first = open_folder(folder)
    assert len(decoded) == 24
    again = open_folder(folder)
    assert len(decoded) == 24
    assert np.array_equal(first.pixels, again.pixels)


def add_image(folder: Path) -> None:
    Image.new("RGB", (9, 9)).save(folder / "pear" / "new.png")


def replace_image(folder: Path) -> None:
    Image.new("RGB", (9, 9)).save(folder / "pear" / "1.png")


def touch_image(folder: Path) -> None:
    os.utime(folder / "pear" / "1.png", ns=(1, 1))


@pytest.mark.parametrize("change", [add_image, replace_image, touch_image])
def test_a_changed_folder_is_decoded_afresh_and_the_old_pixels_go(
    change: Callable[[Path], None], folder: Path, decoded: list[Path]
) -> None:
    open_folder(folder)
    decoded.clear()
    change(folder)
    open_folder(folder)
    assert len(decoded) >= 24
    assert len(list(cache_root().glob("*/*/pixels.npy"))) == 1


@pytest.mark.parametrize(
    ("preprocessing", "share"), [(Preprocessing(16, 1), 0.1), (Preprocessing(20, 3), 0.1), (SMALL, 0.3)]
)
def test_another_size_or_share_is_not_mistaken_for_the_first(
    preprocessing: Preprocessing, share: float, folder: Path
) -> None:
    first, other = open_folder(folder), open_folder(folder, preprocessing, share)
    assert (first.pixels.shape, first.counts) != (other.pixels.shape, other.counts)


def test_damaged_files_are_left_out_with_the_reason(folder: Path) -> None:
    (folder / "apple" / "0.png").write_bytes(b"\x89PNG not a picture")
    (folder / "pear" / "odd\nname.jpg").write_bytes(b"")
    cached = open_folder(folder)
    assert len(cached.pixels) == 23
    broken, odd = cached.findings.unreadable
    assert broken.startswith("apple/0.png: ")
    assert odd.startswith("pear/odd?name.jpg: received 0 bytes")


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "16-bit.png"])
def test_photographs_over_the_limits_of_the_doors_are_shrunk(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blue above yellow, stored on its side; far more pixels than a server would take."""
    picture = Image.new("RGB", (300, 300), "yellow")
    picture.paste("blue", (0, 0, 300, 150))
    exif = Image.Exif()
    if suffix == "jpg":
        exif[0x0112] = 6  # turn by 90° to see it upright
        picture = picture.transpose(Image.Transpose.ROTATE_90)
    if suffix == "16-bit.png":
        picture = Image.fromarray(256 * np.asarray(picture.convert("L"), np.uint16))
    picture.save(tmp_path / f"a.{suffix}", **({"exif": exif} if suffix == "jpg" else {}))
    expected = read_pixels(tmp_path / f"a.{suffix}", SMALL)
    monkeypatch.setattr(encoded, "MAX_PIXELS", 4000)
    with pytest.raises(ImageTooLarge):
        read_pixels(tmp_path / f"a.{suffix}", SMALL)
    shrunk = read_own_file(tmp_path / f"a.{suffix}", SMALL)
    assert abs(shrunk.astype(int) - expected).max() < 60  # at the border between the colours
    assert abs(shrunk.astype(int) - expected).mean() < 4


def test_only_unreadable_files_is_an_error(tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.png").write_text("no picture")
    with pytest.raises(DatasetError, match=r"none of the 2 images can be read; the first: a/1\.png: "):
        open_folder(tmp_path)
    assert leftovers() == []


def test_a_disk_without_room_is_an_error_before_anything_is_read(
    folder: Path, decoded: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixel_cache, "_free_bytes", lambda _: 1000)
    with pytest.raises(DatasetError, match=r"need up to 0.0 MB in .*set THUMBNET_CACHE to another folder"):
        open_folder(folder)
    assert decoded == []


def test_a_disk_that_fills_up_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill_disk(path: Path, *_: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pixel_cache, "_write_in_order", fill_disk)
    with pytest.raises(DatasetError, match=r"cannot keep decoded images in .*No space left on device\. Mend that"):
        open_folder(folder)
    assert leftovers() == []
    monkeypatch.undo()
    assert len(open_folder(folder).pixels) == 24


def test_a_cache_that_cannot_be_written_says_how_to_choose_another(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("THUMBNET_CACHE", str(tmp_path / "file"))
    with pytest.raises(DatasetError, match="set THUMBNET_CACHE to another folder"):
        open_folder(folder)


@pytest.mark.parametrize(("name", "left"), [("pixels.npy", 500), ("labels.npy", 0), ("summary.json", 10)])
def test_a_damaged_cache_is_made_anew(name: str, left: int, folder: Path) -> None:
    expected = open_folder(folder)
    (damaged,) = cache_root().glob(f"*/*/{name}")
    whole = damaged.read_bytes()
    damaged.unlink()  # what was opened before keeps its file
    damaged.write_bytes(whole[:left])
    again = open_folder(folder)
    assert np.array_equal(again.pixels, expected.pixels)
    assert np.array_equal(again.labels, expected.labels)
    assert again.findings == expected.findings


def test_many_images_pass_through_in_bounded_pieces(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = open_folder(folder)
    monkeypatch.setattr(pixel_cache, "CHUNK", 5)
    touch_image(folder)
    assert np.array_equal(open_folder(folder).pixels, expected.pixels)


def test_reading_never_runs_far_ahead_of_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_cache, "CHUNK", 10)
    begun: list[str] = []

    def read(name: str) -> str:
        begun.append(name)
        return name

    names = [str(number) for number in range(100)]
    results = pixel_cache._in_threads(read, names)
    for position, result in enumerate(results):
        assert result == names[position]
        assert len(begun) <= position + 10
