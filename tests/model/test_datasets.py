"""Data sets: the real ones, folders of images, and the validation split."""

from __future__ import annotations

import os
import shutil
from http.client import IncompleteRead
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from filelock import FileLock, Timeout
from PIL import Image

from thumbnet.model.datasets import Split, hold_out, load_dataset
from thumbnet.model.errors import DatasetError, UnknownName
from thumbnet.model.outliers import other_data


def make_images(folder: Path, counts: dict[str, int], size: tuple[int, int] = (40, 30), seed: int = 1) -> Path:
    rng = np.random.default_rng(seed)
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


@pytest.mark.parametrize(("left", "download"), [(0, False), (4_000_000, False), (4_000_000, True)])
def test_a_damaged_data_set_says_what_to_delete(
    left: int, download: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a full disk or a kill leaves MNIST's files, whose check sums torchvision does not compare."""
    shutil.copytree(Path(os.environ["THUMBNET_DATA"]) / "MNIST", tmp_path / "MNIST")
    damaged = tmp_path / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    damaged.write_bytes(damaged.read_bytes()[:left])
    monkeypatch.setenv("THUMBNET_DATA", str(tmp_path))
    with pytest.raises(DatasetError, match=r"the files of mnist in .* are damaged .*Delete them and run .*--download"):
        load_dataset("mnist", image_size=28, download=download)
    assert "mnist" not in dict(other_data(["cat"], channels=1, size=28, most=10))


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
    assert data.validation.labels.bincount().tolist() == [4, 2]
    assert data.train.labels.bincount().tolist() == [12, 6]
    assert data.train.pixels.shape == (18, 3, 32, 32)
    assert data.train.pixels.dtype == torch.uint8
    assert data.findings.cut == ("validation", "test")


def test_a_folder_with_its_own_splits_keeps_them(tmp_path: Path) -> None:
    for seed, (split, count) in enumerate({"train": 6, "val": 2, "test": 3}.items()):
        make_images(tmp_path / split, {"apple": count, "pear": count}, seed=seed)
    data = load_dataset(str(tmp_path), image_size=32)
    assert (len(data.train), len(data.validation), len(data.test)) == (12, 4, 6)
    assert data.findings.cut == ()


def test_what_is_wrong_in_a_folder_is_found(tmp_path: Path) -> None:
    for seed, (split, count) in enumerate({"train": 6, "test": 3}.items()):
        make_images(tmp_path / split, {"apple": count, "pear": count}, seed=seed)
    (tmp_path / "train" / "apple" / "broken.jpg").write_bytes(b"\xff\xd8 not a picture")
    (tmp_path / "train" / "apple" / "notes.txt").write_text("not an image at all")
    (tmp_path / "later").mkdir()
    shutil.copy(tmp_path / "test" / "pear" / "000.png", tmp_path / "train" / "apple" / "copy.png")
    found = load_dataset(str(tmp_path), image_size=32).findings
    assert [reason.partition(":")[0] for reason in found.unreadable] == ["train/apple/broken.jpg"]
    assert found.other_files == {".txt": 1}
    assert found.ignored == ("later",)
    assert found.left_out == found.ambiguous == ("train/apple/copy.png is test/pear/000.png",)


def test_a_folder_is_read_in_the_channels_that_are_wanted(tmp_path: Path) -> None:
    make_images(tmp_path, {"apple": 4, "pear": 4})
    assert load_dataset(str(tmp_path), image_size=20, channels=1).train.pixels.shape[1:] == (1, 20, 20)


def test_pixels_of_a_folder_stay_on_disk_and_train_as_they_are(tmp_path: Path) -> None:
    data = load_dataset(str(make_images(tmp_path, {"apple": 4, "pear": 4})), image_size=16)
    assert data.train.pixels.to("cpu").data_ptr() == data.train.pixels.data_ptr()
    first_page = data.train.pixels.data_ptr()
    assert data.validation.pixels.data_ptr() == first_page + data.train.pixels.numel()


def test_a_thousand_classes_are_told_apart(tmp_path: Path) -> None:
    for number in range(1000):
        (tmp_path / f"{number:04}").mkdir()
        for grey in range(3):
            colour = (number % 256, number // 256, 80 * grey)
            Image.new("RGB", (4, 4), colour).save(tmp_path / f"{number:04}" / f"{grey}.bmp")
    data = load_dataset(str(tmp_path), image_size=4)
    assert len(data.labels) == 1000
    for split in (data.train, data.validation, data.test):
        assert split.labels.bincount().tolist() == [1] * 1000
        assert torch.equal(split.pixels[:, 0, 0, 0] + 256 * split.pixels[:, 1, 0, 0].long(), split.labels)


@pytest.mark.parametrize(
    "error",
    [
        URLError("no route to host"),
        IncompleteRead(b"", 7),
        RuntimeError("Error downloading a.gz, no route to any mirror:\ntried one, two"),
    ],
)
def test_a_download_that_fails_is_an_error_of_the_data(
    error: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setenv("THUMBNET_DATA", str(tmp_path))
    monkeypatch.setattr("torchvision.datasets.CIFAR10", fail)
    with pytest.raises(DatasetError, match=r"could not be downloaded to .*(no route|0 bytes read).*Try again later"):
        load_dataset("cifar10", image_size=32, download=True)


def test_one_process_downloads_at_a_time_and_a_folder_that_cannot_be_written_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THUMBNET_DATA", str(tmp_path / "data"))
    held: list[bool] = []

    class Data:
        classes = ("a", "b")

        def __init__(self, root: str, train: bool, download: bool) -> None:
            lock = FileLock(Path(root) / ".cifar10.lock")
            try:
                lock.acquire(blocking=False)
                lock.release()
                held.append(False)
            except Timeout:
                held.append(True)
            except OSError:
                held.append(False)
            self.data = np.zeros((40, 32, 32, 3), np.uint8)
            self.targets = [0, 1] * 20

    monkeypatch.setattr("torchvision.datasets.CIFAR10", Data)
    for download in (True, False):
        assert len(load_dataset("cifar10", image_size=32, download=download).test) == 40
    assert held == [True, True, False, False]
    monkeypatch.setenv("THUMBNET_DATA", str(tmp_path / "file" / "data"))
    (tmp_path / "file").write_text("")
    assert len(load_dataset("cifar10", image_size=32, download=True).test) == 40
