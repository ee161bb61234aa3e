"""Exercise 7: how much is data worth? The network of the page on fewer images, with and without moving them.

.venv/bin/python docs/course/day2/solutions/few_images.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
from mlp import MLP, accuracy, read_digits, train


def learn(images: int, shift: int, steps: int = 2000) -> tuple[float, float]:
    """(accuracy on the images it learned from, on validation images) after so many steps of 100 images."""
    digits = read_digits()
    inputs, labels = (part[:images] for part in digits["train"])
    network = MLP((784, 128, 10), dtype=np.float32)
    train(network, inputs, labels, epochs=max(1, steps * 100 // images), shift=shift)
    return accuracy(network, inputs, labels), accuracy(network, *digits["validation"])


if __name__ == "__main__":
    for images in (300, 1000, 3000, 10_000):
        for shift in (0, 1):
            seen, new = learn(images, shift)
            print(f"{images:6} images, moved by {shift}: {seen:.1%} of those, {new:.1%} of new ones")
