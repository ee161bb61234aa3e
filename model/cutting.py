"""Which image of a folder belongs to which split: the cut, and exact copies.

The cut depends on what the images show and on nothing else: in each class they are ordered by a hash of their pixels,
and the first go to the test split, the next to validation, the rest to training. So it is stratified, renaming or
adding files hardly moves it, and copies of an image, which have its hash, stay on its side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .errors import DatasetError
from .folders import SPLITS, TEST, TRAIN, VALIDATION, Findings, ImageFolder, shown, some

Integers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

LEFT_OUT = -1
"""In place of a split's position: a copy of an image that a later split of SPLITS holds."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Where each readable image goes.

    sides      (N,) position in SPLITS, or LEFT_OUT
    findings   copies, images in two classes, and classes that miss a split
    """

    sides: Integers
    findings: Findings


def cut(folder: ImageFolder, readable: Integers, hashes: Hashes, share: float) -> Cut:
    """Give each readable image its split.

    readable   (N,) positions in `folder.files`, ascending
    hashes     (N,) hash of each one's pixels; equal for equal pixels
    share      share of each class that goes to each split that the folder does not bring

    Raises DatasetError where a class has too few images, or none that can be read.
    """
    labels = np.array(folder.positions, dtype=np.int64)[readable]
    given = np.repeat([SPLITS.index(split) for split in folder.counts], list(folder.counts.values()))[readable]
    _, first, group, sizes = np.unique(hashes, return_index=True, return_inverse=True, return_counts=True)
    group_side = np.zeros(len(first), dtype=np.int64)
    np.maximum.at(group_side, group, given)
    left_out = np.flatnonzero(given < group_side[group])
    missing = [SPLITS.index(split) for split in (TEST, VALIDATION) if split not in folder.counts]
    if missing:
        _hold_out(group_side, labels[first], missing, share, folder.labels)
    sides = group_side[group]
    sides[left_out] = LEFT_OUT

    holder = np.full(len(first), -1)  # of each group the first image that stays
    kept = np.flatnonzero(sides != LEFT_OUT)[::-1]
    holder[group[kept]] = kept
    others = np.flatnonzero(labels != labels[holder[group]])
    names = [shown(folder.files[position]) for position in readable]
    findings = Findings(
        left_out=tuple(f"{names[i]} is {names[holder[group[i]]]}" for i in left_out),
        ambiguous=tuple(f"{names[i]} is {names[holder[group[i]]]}" for i in others),
        copies=int((sizes - 1).sum()) - len(left_out),
        incomplete=_incomplete(folder, labels, sides),
    )
    return Cut(sides, findings)


def _hold_out(
    group_side: Integers, owners: Integers, missing: Sequence[int], share: float, labels: Sequence[str]
) -> None:
    """Move groups of equal images from the training split to the missing ones, class by class, in place.

    Groups are in the order of their hashes, and count for the class of their first image.
    """
    movable = np.flatnonzero(group_side == SPLITS.index(TRAIN))
    movable = movable[np.argsort(owners[movable], kind="stable")]
    sizes = np.bincount(owners[movable], minlength=len(labels))
    if too_small := [label for label, size in zip(labels, sizes, strict=True) if size < 2]:
        raise DatasetError(
            f"fewer than two different images that can be read, and are in no other split, of: {some(too_small)}. Each "
            "class needs one to learn from and another to test on, and copies of an image, in whatever class, count as "
            "one; give it more images or remove its folder."
        )
    for members in np.split(movable, np.cumsum(sizes)[:-1]):
        rest = members
        for still_to_come, side in zip(reversed(range(len(missing))), missing, strict=True):
            spared = 1 + still_to_come if len(members) > len(missing) else 1
            count = min(max(1, round(share * len(members))), len(rest) - spared)
            group_side[rest[:count]] = side
            rest = rest[count:]


def _incomplete(folder: ImageFolder, labels: Integers, sides: Integers) -> tuple[str, ...]:
    """Classes that miss a split that thumbnet cut. Raises DatasetError for one that misses any other."""
    notes: list[str] = []
    for position, split in enumerate(SPLITS):
        present = np.bincount(labels[sides == position], minlength=len(folder.labels))
        for label in (label for label, count in zip(folder.labels, present, strict=True) if not count):
            if split in folder.counts:
                raise DatasetError(
                    f"class {label!r} has no image left in {split}: none can be read, or all are also in another "
                    "split. Give it other images, or remove it from every split."
                )
            notes.append(f"{label} has no image for {split}")
    return tuple(notes)
