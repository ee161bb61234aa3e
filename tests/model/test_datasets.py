"""Data sets: the real ones, folders of images, and the validation split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from thumbnet.model.datasets import Split, hold_out, load_dataset
from thumbnet.model.errors import DatasetError, UnknownName


def make_images(folder: Path, counts: dict[str, int], size: tuple[int, int] = (40, 30)) -> Path:
    rng = np.random.default_rng(1)
    for label, count in counts.items():
        (folder / label).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number:03}.png")
    return folder


def test_cifar10_comes_whole_with_a_fixed_stratified_validation_split() -> None:
    data = load_dataset("cifar10", image_size=32)
    assert (len(data.train), len(data.validation), len(data.test)) == (47_500, 2_500, 10_000)
    assert data.labels[3] == "cat"
    assert data.train.pixels.shape[1:] == (3, 32, 32)
    assert data.train.pixels.dtype == torch.uint8
    assert data.validation.labels.bincount().tolist() == [250] * 10
    again = load_dataset("cifar10", image_size=32)
    assert torch.equal(again.validation.pixels, data.validation.pixels)


def test_mnist_is_grey_and_can_be_resized() -> None:
    data = load_dataset("mnist", image_size=32)
    assert data.train.pixels.shape[1:] == (1, 32, 32)
    assert data.labels == tuple("0123456789")


def test_nothing_is_in_two_splits() -> None:
    pixels = torch.arange(100, dtype=torch.uint8).reshape(100, 1, 1, 1)
    train, held = hold_out(Split(pixels, torch.arange(100) % 4), 0.1)
    assert sorted([*train.pixels.flatten().tolist(), *held.pixels.flatten().tolist()]) == list(range(100))
    assert held.labels.bincount().tolist() == [2, 2, 2, 2]


def test_every_class_keeps_an_image_on_each_side() -> None:
    split = Split(torch.zeros(4, 1, 1, 1, dtype=torch.uint8), torch.tensor([0, 0, 1, 1]))
    for share in (0.01, 0.99):
        train, held = hold_out(split, share)
        assert train.labels.tolist() == held.labels.tolist() == [0, 1]


def test_a_missing_data_set_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THUMBNET_DATA", str(tmp_path))
    with pytest.raises(DatasetError, match="--download, or set THUMBNET_DATA"):
        load_dataset("cifar10", image_size=32)


def test_an_unknown_data_set_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"Did you mean 'cifar10'\?"):
        load_dataset("cifar", image_size=32)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no folder .*absent"):
        load_dataset(str(tmp_path / "absent"), image_size=32)


def test_a_folder_of_classes_is_split_three_ways(tmp_path: Path) -> None:
    make_images(tmp_path, {"apple": 20, "pear": 10})
    data = load_dataset(str(tmp_path), image_size=32, validation_share=0.2)
    assert data.labels == ("apple", "pear")
    assert data.test.labels.bincount().tolist() == [4, 2]
    assert data.validation.labels.bincount().tolist() == [3, 2]
    assert len(data.train) + len(data.validation) + len(data.test) == 30
    assert data.train.pixels.shape[1:] == (3, 32, 32)


def test_a_folder_with_its_own_splits_keeps_them(tmp_path: Path) -> None:
    make_images(tmp_path / "train", {"apple": 6, "pear": 6})
    make_images(tmp_path / "val", {"apple": 2, "pear": 2})
    make_images(tmp_path / "test", {"apple": 3, "pear": 3})
    data = load_dataset(str(tmp_path), image_size=32)
    assert (len(data.train), len(data.validation), len(data.test)) == (12, 4, 6)


def test_damaged_files_are_left_out_by_name(tmp_path: Path) -> None:
    make_images(tmp_path, {"apple": 8, "pear": 8})
    (tmp_path / "apple" / "broken.jpg").write_bytes(b"\xff\xd8 not a picture")
    (tmp_path / "apple" / "notes.txt").write_text("not an image at all")
    data = load_dataset(str(tmp_path), image_size=32)
    assert len(data.unreadable) == 1
    assert "broken.jpg" in data.unreadable[0]


def test_a_folder_that_cannot_be_learned_from_says_why(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="0 sub-folders with images"):
        load_dataset(str(tmp_path), image_size=32)
    make_images(tmp_path / "one", {"apple": 5})
    with pytest.raises(DatasetError, match="at least 2 classes"):
        load_dataset(str(tmp_path / "one"), image_size=32)
    make_images(tmp_path / "single", {"apple": 5, "pear": 1})
    with pytest.raises(DatasetError, match="at least 2 are needed"):
        load_dataset(str(tmp_path / "single"), image_size=32)
    make_images(tmp_path / "odd" / "train", {"apple": 5, "pear": 5})
    make_images(tmp_path / "odd" / "test", {"apple": 5, "quince": 5})
    with pytest.raises(DatasetError, match="quince"):
        load_dataset(str(tmp_path / "odd"), image_size=32)
    make_images(tmp_path / "broken", {"apple": 5})
    (tmp_path / "broken" / "pear").mkdir()
    (tmp_path / "broken" / "pear" / "a.png").write_bytes(b"nothing")
    with pytest.raises(DatasetError, match="no readable image of: pear"):
        load_dataset(str(tmp_path / "broken"), image_size=32)
