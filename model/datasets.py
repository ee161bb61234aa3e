"""Data sets as whole splits of uint8 pixels: CIFAR-10, CIFAR-100, MNIST, Fashion-MNIST, any folder of images."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from .errors import DatasetError, MissingDependency, UnknownName
from .folders import SPLITS, Findings, list_folder
from .images import Preprocessing
from .pixel_cache import open_pixels

DATASETS: dict[str, str] = {
    "cifar10": "CIFAR10",
    "cifar100": "CIFAR100",
    "mnist": "MNIST",
    "fashion-mnist": "FashionMNIST",
}
"""Our names of the built-in data sets → their classes in torchvision.datasets."""
MISSING = ("Dataset not found", "Dataset metadata file not found")
"""How torchvision begins to say that there is no data."""
NOT_DOWNLOADED = ("Error downloading", "File not found")
"""How it begins to say that it could not be fetched."""


@dataclass(frozen=True, slots=True)
class Split:
    """Images and their labels.

    pixels   (N, C, H, W) uint8, 0…255
    labels   (N,) int64, positions in the data set's list of labels
    """

    pixels: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Three splits and the names of the classes. The test split is read once, after everything is decided."""

    name: str
    labels: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    findings: Findings = field(default_factory=Findings)

    def all(self) -> Split:
        """The images of all three splits, for models that have learned from none of them."""
        splits = (self.train, self.validation, self.test)
        return Split(torch.cat([split.pixels for split in splits]), torch.cat([split.labels for split in splits]))

    def fingerprint(self) -> str:
        """Changes with the classes, the training and validation labels, and any of up to 1,000 training images."""
        digest = hashlib.sha256("\0".join(self.labels).encode())
        chosen = torch.linspace(0, len(self.train) - 1, min(1000, len(self.train))).round().long()
        for part in (self.train.labels, self.validation.labels, self.train.pixels[chosen]):
            digest.update(part.cpu().numpy().tobytes())
        return digest.hexdigest()


def data_root() -> Path:
    """Where built-in data sets are kept: THUMBNET_DATA, else ~/.cache/thumbnet/data."""
    return Path(os.environ.get("THUMBNET_DATA") or Path.home() / ".cache" / "thumbnet" / "data")


def load_dataset(
    name_or_folder: str,
    *,
    image_size: int,
    validation_share: float = 0.05,
    channels: int = 3,
    download: bool = False,
) -> Dataset:
    """Load a built-in data set by name, or a folder of images.

    image_size         sides of the images in pixels; others are resized
    validation_share   where there is no validation split, this share of the training images becomes one, the same in
                       every class and every time; where a folder has no test split, as many again become that
    channels           1 (grey) or 3 (RGB); of folders, built-in data sets have their own
    download           fetch a built-in data set that is missing

    A folder is `root/class/*.jpg`, or `root/{train,val,test}/class/*.jpg` (see folders.py).
    Raises UnknownName for a name that is neither, DatasetError for data that is missing or makes no sense,
    InvalidArgument for sizes and channels that no network takes (of folders), MissingDependency without torchvision.
    """
    folder = Path(name_or_folder)
    if name_or_folder in DATASETS:
        train, test, labels = _read_torchvision(name_or_folder, image_size, download)
        train, validation = hold_out(train, validation_share)
        return Dataset(name_or_folder, labels, train, validation, test)
    if not folder.exists() and len(folder.parts) == 1 and os.sep not in name_or_folder:
        raise UnknownName("data set", name_or_folder, DATASETS)
    return _read_folder(folder, image_size, channels, validation_share)


def hold_out(split: Split, share: float) -> tuple[Split, Split]:
    """Cut a fixed stratified part from a split: (what remains, the part).

    Every class gives the same share of its images, at least one; which ones depends on the data alone, never on a
    recipe's seed. Raises DatasetError for a class with fewer than two images.
    """
    generator = torch.Generator().manual_seed(0)
    held = torch.zeros(len(split), dtype=torch.bool)
    for label in split.labels.unique():
        members = (split.labels == label).nonzero().squeeze(1)
        if len(members) < 2:
            raise DatasetError(f"class {int(label)} has {len(members)} image; at least 2 are needed to hold one out.")
        count = min(max(1, round(share * len(members))), len(members) - 1)
        held[members[torch.randperm(len(members), generator=generator)[:count]]] = True
    return Split(split.pixels[~held], split.labels[~held]), Split(split.pixels[held], split.labels[held])


def _read_torchvision(name: str, image_size: int, download: bool) -> tuple[Split, Split, tuple[str, ...]]:
    try:
        import torchvision.datasets
    except ImportError as error:
        raise MissingDependency("torchvision", "train") from error
    builder = getattr(torchvision.datasets, DATASETS[name])
    root = data_root()
    try:
        with _alone(root, name) if download else contextlib.nullcontext():
            halves = [builder(root=str(root), train=train, download=download) for train in (True, False)]
    except (RuntimeError, OSError, HTTPException, ValueError, AssertionError, KeyError, EOFError) as error:
        reason = str(error).strip().partition("\n")[0]
        if not download and reason.startswith(MISSING):
            raise DatasetError(
                f"{name} is not in {root}. Run the command again with --download, "
                "or set THUMBNET_DATA to the folder that holds it."
            ) from error
        if not isinstance(error, OSError | HTTPException) and not reason.startswith(MISSING + NOT_DOWNLOADED):
            raise DatasetError(
                f"the files of {name} in {root} are damaged ({reason or type(error).__name__}). Delete them and run "
                "the command again with --download."
            ) from error
        raise DatasetError(
            f"{name} could not be {'downloaded to' if download else 'read from'} {root}: {reason}. "
            "Try again later, or set THUMBNET_DATA to a folder that holds it."
        ) from error
    train, test = (_to_split(half.data, half.targets, image_size) for half in halves)
    return train, test, class_names(halves[0])


@contextlib.contextmanager
def _alone(root: Path, name: str) -> Iterator[None]:
    """Of several processes, such as those of torchrun, one downloads; the others wait and find what it brought."""
    lock = FileLock(root / f".{name}.lock")
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError:  # nothing can be written, but what is there can be read
        yield
        return
    try:
        yield
    finally:
        lock.release()


def class_names(data: Any) -> tuple[str, ...]:
    """The classes of a data set of torchvision; MNIST's are "0 - zero" there."""
    return tuple(str(label).split(" - ")[0] for label in data.classes)


def channels_first(images: Tensor) -> Tensor:
    """(N, H, W) grey or (N, H, W, C) images → (N, C, H, W)."""
    return images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2)


def _to_split(data: np.ndarray | Tensor, targets: Iterable[int], image_size: int) -> Split:
    pixels = channels_first(torch.as_tensor(data))
    if pixels.shape[-1] != image_size:
        from torchvision.transforms.v2.functional import resize

        pixels = resize(pixels, [image_size, image_size], antialias=True)
    return Split(pixels.contiguous(), torch.as_tensor(targets, dtype=torch.int64))


def _read_folder(root: Path, image_size: int, channels: int, validation_share: float) -> Dataset:
    """Cut, decode and cache the images of a folder. The splits are parts of one file on disk (see pixel_cache.py)."""
    folder = list_folder(root)
    cached = open_pixels(folder, Preprocessing(image_size=image_size, channels=channels), validation_share)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # nobody writes to pixels
        pixels, labels = torch.from_numpy(cached.pixels), torch.from_numpy(cached.labels)
    train, validation, test = map(Split, pixels.split(cached.counts), labels.split(cached.counts))
    if not len(validation):
        raise DatasetError(f"{root} has no image for validation; give at least one of its classes three images.")
    findings = dataclasses.replace(
        cached.findings,
        other_files=folder.other_files,
        ignored=folder.ignored,
        cut=tuple(split for split in SPLITS if split not in folder.counts),
    )
    return Dataset(folder.name, folder.labels, train, validation, test, findings)
