"""Look at data before training: nearly the same photograph twice, and what a rule without learning reaches.

.venv/bin/python docs/course/day7/data_checks.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from photos import DIRECTIONS
from project import read_photos

from thumbnet.model.datasets import Dataset, Split


# --8<-- [start:twins]
def fingerprints(images: np.ndarray) -> np.ndarray:
    """(N, S, S, C) images → (N, 192): 8 × 8 means of each colour, without brightness and contrast, of length 1."""
    number, side, _, colours = images.shape
    step = side // 8
    means = images.astype(np.float64).reshape(number, 8, step, 8, step, colours).mean(axis=(2, 4)).reshape(number, -1)
    means -= means.mean(axis=1, keepdims=True)
    return means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)


def near_copies(images: np.ndarray, alike: float = 0.98) -> list[tuple[int, int]]:
    """Pairs of images that are nearly the same in any turn; two fingerprints of one image have the dot product 1."""
    prints = fingerprints(images)
    turned = [fingerprints(np.rot90(images, quarters, axes=(1, 2))) for quarters in range(4)]
    most_alike = np.max([prints @ others.T for others in turned], axis=0)
    first, second = np.nonzero(np.triu(most_alike, k=1) > alike)
    return list(zip(first.tolist(), second.tolist(), strict=True))


# --8<-- [end:twins]


# --8<-- [start:rule]
def brightest_edge(images: np.ndarray) -> np.ndarray:
    """Guess that the brightest edge is the top: (N, S, S, C) → (N,) quarter turns."""
    strip = images.shape[1] // 4
    up, left = images[:, :strip], images[:, :, :strip]
    down, right = images[:, -strip:], images[:, :, -strip:]
    return np.stack([edge.mean(axis=(1, 2, 3)) for edge in (up, left, down, right)]).argmax(axis=0)


# --8<-- [end:rule]


def as_pictures(split: Split) -> np.ndarray:
    """(N, S, S, C), as the functions above take them."""
    return split.pixels.numpy().transpose(0, 2, 3, 1)


def check(data: Dataset) -> dict[str, float]:
    """Near copies among all images, and the accuracy of the rule on validation images."""
    images = np.concatenate([as_pictures(split) for split in (data.train, data.validation, data.test)])
    truth = np.array([DIRECTIONS.index(label) for label in data.labels])[data.validation.labels.numpy()]
    right = brightest_edge(as_pictures(data.validation)) == truth
    return {
        "images": len(images),
        "near_copies": len(near_copies(images)),
        "brightest_edge": round(float(right.mean()), 4),
    }


def main(folder: Path) -> None:
    """Check a folder that photos.py has made."""
    found = check(read_photos(folder))
    print(
        f"{found['near_copies']} pairs of near copies; the brightest edge is the top in {found['brightest_edge']:.2%}"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
