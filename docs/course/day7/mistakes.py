"""Error analysis: which classes are mixed up, which images are mistaken most confidently, which kinds go wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from thumbnet.model.datasets import Split


# --8<-- [start:confusion]
def probabilities(network: torch.nn.Module, pixels: torch.Tensor) -> np.ndarray:
    """(N, C, S, S) uint8 → (N, classes), each row with sum 1."""
    with torch.no_grad():
        return network.eval()(pixels).float().softmax(dim=1).numpy()


def confusion(labels: np.ndarray, answers: np.ndarray, classes: int) -> np.ndarray:
    """(classes, classes): how often images of a class (row) were answered with each class (column)."""
    counts = np.zeros((classes, classes), dtype=int)
    np.add.at(counts, (labels, answers), 1)
    return counts


# --8<-- [end:confusion]


# --8<-- [start:worst]
def most_confident_mistakes(shares: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """Positions of the mistakes, the surest first."""
    wrong = np.flatnonzero(shares.argmax(axis=1) != labels)
    return wrong[np.argsort(-shares[wrong].max(axis=1), kind="stable")][:count]


def accuracy_by_kind(right: np.ndarray, kinds: Sequence[str]) -> dict[str, dict[str, float]]:
    """Kind → number of images and share of right answers, the worst first."""
    each = np.array(kinds)
    found = {
        str(kind): {"images": int((each == kind).sum()), "accuracy": round(float(right[each == kind].mean()), 4)}
        for kind in np.unique(each)
    }
    return dict(sorted(found.items(), key=lambda item: item[1]["accuracy"]))


# --8<-- [end:worst]


def kinds_of(split: Split, folder: Path) -> list[str]:
    """What is in each image of a split: of files named NUMBER-THING.png, found by their pixels."""
    things = {}
    for path in folder.rglob("*.png"):
        with Image.open(path) as image:
            things[digest(np.asarray(image))] = path.stem.partition("-")[2]
    return [things[digest(pixels)] for pixels in split.pixels.numpy().transpose(0, 2, 3, 1)]


def digest(pixels: np.ndarray) -> str:
    """The same for the same pixels."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
