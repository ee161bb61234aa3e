"""Data sets as whole splits of uint8 pixels in memory: CIFAR-10, CIFAR-100, MNIST, Fashion-MNIST, any image folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .errors import DatasetError, InvalidImage, MissingDependency, UnknownName
from .images import SUFFIXES, Preprocessing, read_pixels

DATASETS: dict[str, str] = {
    "cifar10": "CIFAR10",
    "cifar100": "CIFAR100",
    "mnist": "MNIST",
    "fashion-mnist": "FashionMNIST",
}
"""Our names of the built-in data sets → their classes in torchvision.datasets."""

TRAIN, VALIDATION, TEST = ("train",), ("val", "valid", "validation"), ("test",)


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
    unreadable: tuple[str, ...] = ()
    """Files of an image folder that were left out, each with the reason."""


def data_root() -> Path:
    """Where built-in data sets are kept: THUMBNET_DATA, else ~/.cache/thumbnet/data."""
    return Path(os.environ.get("THUMBNET_DATA") or Path.home() / ".cache" / "thumbnet" / "data")


def load_dataset(
    name_or_folder: str, *, image_size: int, validation_share: float = 0.05, download: bool = False
) -> Dataset:
    """Load a built-in data set by name, or a folder of images.

    A folder is `root/class/*.jpg`, or `root/{train,val,test}/class/*`. Where there is no validation split, a fixed
    stratified share of the training split becomes one; where a folder has no test split, so does the same share again.

    Raises UnknownName for a name that is neither, DatasetError for data that is missing or makes no sense.
    """
    folder = Path(name_or_folder)
    if name_or_folder in DATASETS:
        train, test, labels = _read_torchvision(name_or_folder, image_size, download)
        train, validation = hold_out(train, validation_share)
        return Dataset(name_or_folder, labels, train, validation, test)
    if folder.is_dir():
        return _read_folder(folder, image_size, validation_share)
    if len(folder.parts) > 1 or folder.exists():
        raise DatasetError(f"no folder {folder}. Give a folder with one sub-folder of images for each class.")
    raise UnknownName("data set", name_or_folder, DATASETS)


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
        halves = [builder(root=str(root), train=train, download=download) for train in (True, False)]
    except RuntimeError as error:
        raise DatasetError(
            f"{name} is not in {root}. Run the command again with --download, "
            "or set THUMBNET_DATA to the folder that holds it."
        ) from error
    train, test = (_to_split(half.data, half.targets, image_size) for half in halves)
    labels = tuple(str(label).split(" - ")[0] for label in halves[0].classes)  # MNIST's are "0 - zero"
    return train, test, labels


def _to_split(data: np.ndarray | Tensor, targets: Iterable[int], image_size: int) -> Split:
    pixels = torch.as_tensor(data)
    pixels = pixels[:, None] if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)
    if pixels.shape[-1] != image_size:
        from torchvision.transforms.v2.functional import resize

        pixels = resize(pixels, [image_size, image_size], antialias=True)
    return Split(pixels.contiguous(), torch.as_tensor(targets, dtype=torch.int64))


def _read_folder(root: Path, image_size: int, validation_share: float) -> Dataset:
    preprocessing = Preprocessing(image_size=image_size, channels=3)
    unreadable: list[str] = []
    train_folder = _split_folder(root, TRAIN) or root
    labels = _class_names(train_folder)
    if len(labels) < 2:
        raise DatasetError(
            f"{train_folder} has {len(labels)} sub-folders with images; at least 2 classes are needed, "
            "each a sub-folder named after the class."
        )
    train = _read_classes(train_folder, labels, preprocessing, unreadable)
    parts: dict[str, Split] = {}
    for part, names in (("test", TEST), ("validation", VALIDATION)):
        folder = _split_folder(root, names) if train_folder != root else None
        if folder is None:
            train, parts[part] = hold_out(train, validation_share)
            continue
        if unknown := set(_class_names(folder)) - set(labels):
            raise DatasetError(f"{folder} has classes that {train_folder} does not have: {', '.join(sorted(unknown))}.")
        parts[part] = _read_classes(folder, labels, preprocessing, unreadable)
    return Dataset(root.name, labels, train, parts["validation"], parts["test"], tuple(unreadable))


def _split_folder(root: Path, names: Iterable[str]) -> Path | None:
    return next((root / name for name in names if (root / name).is_dir()), None)


def _class_names(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(child.name for child in folder.iterdir() if child.is_dir() and any(_image_files(child))))


def _image_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def _read_classes(folder: Path, labels: tuple[str, ...], preprocessing: Preprocessing, unreadable: list[str]) -> Split:
    images: list[np.ndarray] = []
    positions: list[int] = []
    for position, label in enumerate(labels):
        for path in _image_files(folder / label):
            try:
                images.append(read_pixels(path, preprocessing))
            except InvalidImage as error:
                unreadable.append(f"{path.relative_to(folder)}: {error}")
                continue
            positions.append(position)
    missing = [label for position, label in enumerate(labels) if position not in set(positions)]
    if missing:
        raise DatasetError(f"{folder} has no readable image of: {', '.join(missing)}.")
    pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
    return Split(pixels, torch.tensor(positions))
