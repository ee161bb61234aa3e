"""The pixels of an image folder in one file on disk: every image is decoded once, however often it is trained on.

The file is mapped into memory rather than read, so that training takes what it needs through the operating system's
cache: a folder larger than the memory works, and processes that train on the same folder share one copy. It lies
in THUMBNET_CACHE (by default ~/.cache/thumbnet) rather than in a run folder, because a stopped run, `thumbnet
evaluate` and the trials of `thumbnet tune` all come back to the same pixels. Deleting it costs only time.

    pixels.npy     (N, C, H, W) uint8: train, then validation, then test, each in the order of the images' hashes
    labels.npy     (N,) int64
    summary.json   how many belong to each split, and what was noticed
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt
import PIL
from filelock import FileLock
from PIL import Image
from rich.console import Console
from rich.progress import track

from . import cutting, encoded, folders, guards, images
from .cutting import LEFT_OUT, Hashes, Integers, cut
from .errors import DatasetError, InvalidImage
from .files import write_json
from .folders import SPLITS, Findings, ImageFolder, shown
from .images import Preprocessing, read_own_file

CHUNK = 256
"""Images decoded, or copied, at once: what bounds the memory."""
SHOW_PROGRESS_FROM = 1000
"""Images; fewer are read before a progress bar would be of use."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class CachedPixels:
    """A folder's readable images, in memory as far as they are being used.

    pixels     (N, C, H, W) uint8, read-only, split after split
    labels     (N,) int64
    counts     images in each of SPLITS
    findings   those of a Cut, and files that cannot be read
    """

    pixels: npt.NDArray[np.uint8]
    labels: Integers
    counts: tuple[int, ...]
    findings: Findings


def cache_root() -> Path:
    """Where decoded pixels are kept: THUMBNET_CACHE, else ~/.cache/thumbnet."""
    return Path(os.environ.get("THUMBNET_CACHE") or Path.home() / ".cache" / "thumbnet") / "pixels"


def open_pixels(folder: ImageFolder, preprocessing: Preprocessing, validation_share: float) -> CachedPixels:
    """The pixels of a folder: from the cache where nothing has changed since, else decoded now.

    Raises DatasetError where classes lack images, or the cache cannot be written.
    """
    source = hashlib.sha256(os.fsencode(folder.root.resolve())).hexdigest()[:8]
    slug = re.sub(r"[^\w-]+", "-", folder.name)
    kind = f"{slug}-{source}-{preprocessing.image_size}x{preprocessing.channels}"
    place = cache_root() / kind / _key(folder, preprocessing, validation_share)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(place.parent / "lock"):  # a second process waits for the first one's work
            if not place.exists():
                _build(place, folder, preprocessing, validation_share)
            try:
                return _open(place)  # while no other process replaces it
            except (ValueError, KeyError, TypeError, EOFError):  # damaged, as by a loss of power
                _build(place, folder, preprocessing, validation_share)
                return _open(place)
    except OSError as error:
        raise DatasetError(
            f"cannot keep decoded images in {cache_root()}: {error.strerror or error}. Mend that, or set "
            "THUMBNET_CACHE to another folder."
        ) from error


def _key(folder: ImageFolder, preprocessing: Preprocessing, validation_share: float) -> str:
    """Changes with everything that the cached files depend on, this code included."""
    digest = hashlib.sha256(f"{folder.fingerprint} {preprocessing} {validation_share} {PIL.__version__}".encode())
    for module in (images.__file__, encoded.__file__, guards.__file__, folders.__file__, cutting.__file__, __file__):
        digest.update(Path(module).read_bytes())
    return digest.hexdigest()[:16]


def _build(place: Path, folder: ImageFolder, preprocessing: Preprocessing, validation_share: float) -> None:
    """Decode into a folder of another name and rename it; what was cached of an earlier state is removed."""
    for old in place.parent.iterdir():
        if old.is_dir():
            shutil.rmtree(old, ignore_errors=True)
    size, channels = preprocessing.image_size, preprocessing.channels
    _require_room(place.parent, 2 * len(folder.files) * channels * size**2)
    building = place.with_suffix(".building")
    building.mkdir()
    try:
        with (building / "decoded").open("wb") as file:
            readable, hashes, unreadable = _decode(folder, preprocessing, file)
        if not len(readable):
            raise DatasetError(f"none of the {len(unreadable):,} images can be read; the first: {unreadable[0]}")
        result = cut(folder, readable, hashes, validation_share)
        order = np.lexsort((hashes, result.sides))
        order = order[result.sides[order] != LEFT_OUT]
        decoded = np.memmap(building / "decoded", np.uint8, "r", shape=(len(readable), channels, size, size))
        _write_in_order(building / "pixels.npy", decoded, order)
        del decoded
        (building / "decoded").unlink()
        np.save(building / "labels.npy", np.array(folder.positions, dtype=np.int64)[readable[order]])
        counts = np.bincount(result.sides[order], minlength=len(SPLITS)).tolist()
        noticed = asdict(replace(result.findings, unreadable=tuple(unreadable)))
        write_json(building / "summary.json", {"counts": counts, "findings": noticed})
        building.rename(place)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _require_room(place: Path, needed: int) -> None:
    if (free := _free_bytes(place)) < needed:
        raise DatasetError(
            f"the decoded images need up to {needed / 1e6:,.1f} MB in {cache_root()}, where {free / 1e6:,.1f} MB are "
            "free. Make room there, or set THUMBNET_CACHE to another folder."
        )


def _free_bytes(place: Path) -> int:
    return shutil.disk_usage(place).free


def _decode(folder: ImageFolder, preprocessing: Preprocessing, file: BinaryIO) -> tuple[Integers, Hashes, list[str]]:
    """Write the pixels of every readable image: (which they are, their hashes, the others with reasons)."""
    readable: list[int] = []
    hashes: list[int] = []
    unreadable: list[str] = []

    def read(name: str) -> tuple[bytes, int] | str:
        try:
            pixels = read_own_file(folder.root / name, preprocessing).transpose(2, 0, 1).tobytes()
        except InvalidImage as error:
            return shown(f"{name}: {error}")
        return pixels, int.from_bytes(hashlib.blake2b(pixels, digest_size=8).digest())

    for position, result in enumerate(_in_threads(read, folder.files)):
        if isinstance(result, str):
            unreadable.append(result)
            continue
        file.write(result[0])
        readable.append(position)
        hashes.append(result[1])
    return np.array(readable, dtype=np.int64), np.array(hashes, dtype=np.uint64), unreadable


def _in_threads(read: Callable[[str], Result], names: Sequence[str]) -> Iterator[Result]:
    """What `read` makes of each name, in order; a bounded number is in memory at any time."""
    console = Console(stderr=True)
    hidden = len(names) < SHOW_PROGRESS_FROM or not console.is_terminal
    # Filters of warnings belong to the whole process: set once for all threads.
    with ThreadPoolExecutor(os.cpu_count()) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        starts = range(0, len(names), CHUNK)
        for start in track(starts, "reading images", console=console, transient=True, disable=hidden):
            yield from pool.map(read, names[start : start + CHUNK])


def _write_in_order(path: Path, decoded: npt.NDArray[np.uint8], order: Integers) -> None:
    """Write an .npy file with ordinary writes, whose failure is an exception; that of a memory map ends the process."""
    with path.open("wb") as file:
        shape = (len(order), *decoded.shape[1:])
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for start in range(0, len(order), CHUNK):
            file.write(decoded[order[start : start + CHUNK]].tobytes())


def _open(place: Path) -> CachedPixels:
    summary = json.loads((place / "summary.json").read_text(encoding="utf-8"))
    noticed: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in summary["findings"].items()
    }
    return CachedPixels(
        pixels=np.load(place / "pixels.npy", mmap_mode="r"),
        labels=np.load(place / "labels.npy"),
        counts=tuple(summary["counts"]),
        findings=Findings(**noticed),
    )
