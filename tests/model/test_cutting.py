"""The cut of a folder's images into splits, and what becomes of exact copies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from thumbnet.model.cutting import LEFT_OUT, Cut, cut
from thumbnet.model.errors import DatasetError
from thumbnet.model.folders import ImageFolder

TRAIN, VALIDATION, TEST = range(3)


def make_cut(classes: str, hashes: list[int], share: float = 0.2, counts: Mapping[str, int] | None = None) -> Cut:
    """Cut images of the classes a, b, …; each image is called after its class and number."""
    labels = tuple(sorted(set(classes)))
    folder = ImageFolder(
        root=Path("root"),
        labels=labels,
        files=tuple(f"{label}{number}" for number, label in enumerate(classes)),
        positions=tuple(map(labels.index, classes)),
        counts=counts or {"train": len(classes)},
        other_files={},
        ignored=(),
        fingerprint="",
    )
    return cut(folder, np.arange(len(classes)), np.array(hashes, dtype=np.uint64), share)


def sides_of(result: Cut, classes: str, label: str) -> list[int]:
    """How many images of a class go to each split."""
    chosen = np.array([name == label for name in classes])
    return np.bincount(result.sides[chosen], minlength=3).tolist()


def test_every_class_gives_the_same_share_to_validation_and_test(rng: np.random.Generator) -> None:
    classes = "a" * 100 + "b" * 20
    result = make_cut(classes, rng.permutation(10_000)[:120].tolist(), share=0.1)
    assert sides_of(result, classes, "a") == [80, 10, 10]
    assert sides_of(result, classes, "b") == [16, 2, 2]


def test_the_cut_depends_on_what_the_images_show_not_on_their_order(rng: np.random.Generator) -> None:
    classes, hashes = "ab" * 50, rng.permutation(10_000)[:100]
    order = rng.permutation(100)
    first = make_cut(classes, hashes.tolist())
    second = make_cut("".join(np.array(list(classes))[order]), hashes[order].tolist())
    assert dict(zip(hashes, first.sides, strict=True)) == dict(zip(hashes[order], second.sides, strict=True))


def test_copies_fall_on_one_side(rng: np.random.Generator) -> None:
    hashes = np.repeat(rng.permutation(10_000)[:60], 2)
    result = make_cut("a" * 60 + "b" * 60, hashes.tolist())
    assert (result.sides[::2] == result.sides[1::2]).all()
    assert result.findings.copies == 60
    assert result.findings.left_out == ()


def test_the_same_image_in_two_classes_is_named_and_falls_on_one_side() -> None:
    result = make_cut("aaaaabbbbb", [1, 2, 3, 4, 5, 6, 7, 3, 9, 10])
    assert result.findings.ambiguous == ("b7 is a2",)
    assert result.sides[7] == result.sides[2]


def test_copies_of_test_images_are_left_out_of_training_and_validation() -> None:
    counts = {"train": 6, "validation": 4, "test": 4}
    result = make_cut("aaabbbaabbaabb", [1, 2, 3, 4, 5, 6, 1, 8, 9, 10, 2, 8, 11, 12], counts=counts)
    assert result.findings.left_out == ("a0 is a6", "a1 is a10", "a7 is a11")
    assert result.sides.tolist() == [LEFT_OUT, LEFT_OUT, 0, 0, 0, 0, 1, LEFT_OUT, 1, 1, 2, 2, 2, 2]
    assert result.findings.copies == 0


def test_only_missing_splits_are_cut() -> None:
    counts = {"train": 10, "test": 2}
    result = make_cut("aaaaabbbbbab", list(range(12)), counts=counts)
    assert np.bincount(result.sides).tolist() == [8, 2, 2]


@pytest.mark.parametrize(
    ("size", "expected"), [(2, [1, 0, 1]), (3, [1, 1, 1]), (4, [2, 1, 1]), (10, [8, 1, 1]), (20, [18, 1, 1])]
)
def test_small_classes_still_learn_and_are_tested(size: int, expected: list[int]) -> None:
    classes = "a" * size + "b" * 20
    result = make_cut(classes, list(range(len(classes))), share=0.05)
    assert sides_of(result, classes, "a") == expected
    assert result.findings.incomplete == (("a has no image for validation",) if size == 2 else ())


def test_an_absurd_share_leaves_an_image_to_each_split() -> None:
    classes = "a" * 10 + "b" * 10
    assert sides_of(make_cut(classes, list(range(20)), share=0.99), classes, "b") == [1, 1, 8]


@pytest.mark.parametrize("hashes", [[1, 2, 3, 4], [1, 2, 3, 4, 4]])
def test_a_class_with_one_image_or_copies_of_one_is_named(hashes: list[int]) -> None:
    with pytest.raises(
        DatasetError, match=r"fewer than two different images .*are in no other split, of: b\. Each class needs"
    ):
        make_cut("aaabb"[: len(hashes)], hashes)


def test_a_class_whose_images_are_all_test_images_too_is_named() -> None:
    with pytest.raises(DatasetError, match=r"class 'b' has no image left in train"):
        make_cut("aababab", [1, 2, 3, 4, 5, 6, 3], counts={"train": 3, "validation": 2, "test": 2})
