"""Listing folders of images: what counts as a class, a split, an image; and what cannot be learned from."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from thumbnet.model.errors import DatasetError
from thumbnet.model.folders import list_folder


def put(root: Path, *names: str) -> Path:
    """Empty files; listing does not open them."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def test_every_sub_folder_with_images_is_a_class(tmp_path: Path) -> None:
    put(tmp_path, "pear/1.JPG", "pear/2.png", "apple/deep/er/3.webp", "apple/notes.txt", "apple/README", "empty/a.txt")
    folder = list_folder(tmp_path)
    assert folder.labels == ("apple", "pear")
    assert folder.files == ("apple/deep/er/3.webp", "pear/1.JPG", "pear/2.png")
    assert folder.positions == (0, 1, 1)
    assert folder.counts == {"train": 3}
    assert folder.other_files == {".txt": 1, "no suffix": 1}
    assert folder.ignored == ("empty",)


def test_hidden_files_and_what_archives_leave_behind_are_passed_over(tmp_path: Path) -> None:
    put(
        tmp_path, "a/1.png", "b/1.png", ".git/x.png", "__MACOSX/a/._1.png", "a/._1.png", "a/.DS_Store", "a/.cache/2.png"
    )
    folder = list_folder(tmp_path)
    assert folder.files == ("a/1.png", "b/1.png")
    assert folder.other_files == {}
    assert folder.ignored == ()


def test_splits_may_go_by_their_usual_names(tmp_path: Path) -> None:
    put(
        tmp_path,
        *(f"{split}/{label}/1.png" for split in ("Train", "valid", "testing") for label in "ab"),
        "spare/a/1.png",
    )
    folder = list_folder(tmp_path)
    assert folder.counts == {"train": 2, "validation": 2, "test": 2}
    assert folder.files[0] == "Train/a/1.png"
    assert folder.ignored == ("spare",)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    put(tmp_path, "bus/1.png", "train/1.png", "car/1.png")
    assert list_folder(tmp_path).labels == ("bus", "car", "train")


def test_odd_names_of_classes_are_taken_as_they_are(tmp_path: Path) -> None:
    names = sorted(("[red]", "a b", "c'est ça", "猫", "100%", "x;y", "{z}"))
    put(tmp_path, *(f"{name}/1.png" for name in names))
    assert list(list_folder(tmp_path).labels) == names


@pytest.mark.parametrize("name", [b"caf\xe9", b"new\nline"])
def test_a_class_whose_name_is_no_text_is_refused(tmp_path: Path, name: bytes) -> None:
    put(tmp_path, "a/1.png", os.fsdecode(name) + "/1.png")
    with pytest.raises(DatasetError, match=r"is not plain UTF-8 text; rename it"):
        list_folder(tmp_path)


def test_the_fingerprint_changes_with_any_file(tmp_path: Path) -> None:
    put(tmp_path, "a/1.png", "b/1.png")
    first = list_folder(tmp_path).fingerprint
    assert list_folder(tmp_path).fingerprint == first
    os.utime(tmp_path / "a" / "1.png", ns=(1, 1))
    second = list_folder(tmp_path).fingerprint
    (tmp_path / "b" / "1.png").rename(tmp_path / "b" / "2.png")
    assert len({first, second, list_folder(tmp_path).fingerprint}) == 3


def test_a_link_that_leads_in_a_circle_ends(tmp_path: Path) -> None:
    put(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    assert list_folder(tmp_path).files == ("a/1.png", "b/1.png")


def test_links_that_lead_nowhere_are_listed_and_left_for_the_reader(tmp_path: Path) -> None:
    put(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / "a" / "gone.png").symlink_to("nothing.png")
    (tmp_path / "b" / "itself.png").symlink_to("itself.png")
    (tmp_path / "itself").symlink_to("itself")
    assert list_folder(tmp_path).files == ("a/1.png", "a/gone.png", "b/1.png", "b/itself.png")


def test_a_link_to_the_folder_itself_is_no_class(tmp_path: Path) -> None:
    put(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / "again").symlink_to(".")
    found = list_folder(tmp_path)
    assert (found.labels, found.ignored) == (("a", "b"), ("again",))


def test_stray_names_that_are_no_text_can_be_printed(tmp_path: Path) -> None:
    put(tmp_path, "a/1.png", "b/1.png", os.fsdecode(b"a/x.\xff"))
    (tmp_path / os.fsdecode(b"\xff\x1b")).mkdir()
    found = list_folder(tmp_path)
    assert found.other_files == {".?": 1}
    assert found.ignored == ("??",)


def test_a_root_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    root = put(tmp_path / os.fsdecode(b"\xff"), "a/1.png", "b/1.png")
    with pytest.raises(DatasetError, match=r"/\? is not UTF-8 text; rename"):
        list_folder(root)


def test_the_fingerprint_changes_with_who_may_read(tmp_path: Path) -> None:
    put(tmp_path, "a/1.png", "b/1.png")
    before = list_folder(tmp_path).fingerprint
    time.sleep(0.02)  # the clock of a file system may tick 100 times a second
    (tmp_path / "a" / "1.png").chmod(0o600)
    assert list_folder(tmp_path).fingerprint != before


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "has no sub-folders with images; put the images of each class into a sub-folder"),
        (["a/x.txt"], "has no sub-folders with images"),
        (["1.png", "2.png"], "has images, but in no class"),
        (["a/1.png"], "has one class, 'a'; at least 2 are needed"),
        (["data/a/1.png", "data/b/1.png"], r"has one class, 'data'.*Did you mean .*data\?"),
        (["val/a/1.png", "val/b/1.png", "test/a/1.png"], r"has test, val but no train; put the images to learn from"),
        (["train/a/1.png", "train/b/1.png", "val/a/1.png", "valid/a/1.png"], "both val and valid for validation"),
        (
            ["train/a/1.png", "train/b/1.png", "test/a/1.png", "test/c/1.png", "test/b/1.png"],
            r"test has images of classes that .*train does not have: c\. Every split needs every class",
        ),
        (
            ["train/a/1.png", "train/b/1.png", "train/c/1.png", "val/a/1.png", "val/b/1.png"],
            r"train has images of classes that .*val does not have: c",
        ),
    ],
)
def test_a_folder_that_nothing_can_be_learned_from_says_why(tmp_path: Path, files: list[str], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        list_folder(put(tmp_path, *files))


def test_a_file_and_a_missing_folder_are_told_apart(tmp_path: Path) -> None:
    archive = tmp_path / "images.zip"
    archive.touch()
    with pytest.raises(DatasetError, match="that is a file; unpack an archive first"):
        list_folder(archive)
    with pytest.raises(DatasetError, match=r"no folder .*absent: there is none"):
        list_folder(tmp_path / "absent")
