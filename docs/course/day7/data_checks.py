"""Look at data before training: nearly the same photograph twice, and what a rule without learning reaches.

.venv/bin/python docs/course/day7/data_checks.py
"""

from __future__ import annotations

import numpy as np
from photos import photographs, turn


# --8<-- [start:twins]
def fingerprints(images: np.ndarray) -> np.ndarray:
    """(N, S, S, C) images → (N, 192): 8 × 8 means of each colour, without brightness and contrast, of length 1."""
    number, side, _, colours = images.shape
    step = side // 8
    means = images.astype(np.float64).reshape(number, 8, step, 8, step, colours).mean(axis=(2, 4)).reshape(number, -1)
    means -= means.mean(axis=1, keepdims=True)
    return means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)


def near_copies(images: np.ndarray, alike: float = 0.98) -> list[tuple[int, int]]:
    """Pairs of images that are nearly the same; the dot product of two fingerprints is 1 for the same image."""
    prints = fingerprints(images)
    first, second = np.nonzero(np.triu(prints @ prints.T, k=1) > alike)
    return list(zip(first.tolist(), second.tolist(), strict=True))


# --8<-- [end:twins]


# --8<-- [start:rule]
def brightest_edge(images: np.ndarray) -> np.ndarray:
    """Guess that the brightest edge is the top: (N, S, S, C) → (N,) quarter turns."""
    strip = images.shape[1] // 4
    edges = (
        images[:, :strip],
        images[:, :, :strip],
        images[:, -strip:],
        images[:, :, -strip:],
    )  # up, left, down, right
    return np.stack([edge.mean(axis=(1, 2, 3)) for edge in edges]).argmax(axis=0)


# --8<-- [end:rule]


def check(images: np.ndarray) -> dict[str, float]:
    """What both checks find in photographs as they were taken."""
    right = brightest_edge(turn(images)) == np.arange(len(images)) % 4
    return {
        "images": len(images),
        "near_copies": len(near_copies(images)),
        "brightest_edge": round(float(right.mean()), 4),
    }


def main() -> None:
    """Check the photographs of the worked example."""
    found = check(photographs()[0])
    print(
        f"{found['near_copies']} pairs of near copies; the brightest edge is the top in {found['brightest_edge']:.2%}"
    )


if __name__ == "__main__":
    main()
