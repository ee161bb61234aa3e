"""Real digits: what a layer can read when its weights are average images, and what random weights read.

.venv/bin/python docs/course/day1/digits.py
"""

from __future__ import annotations

import numpy as np
from network import random_network
from neuron import layer

from thumbnet.model.datasets import Split, load_dataset


# --8<-- [start:read]
def read_digits() -> tuple[Split, Split]:
    """MNIST's training and validation images; downloaded once where they are missing."""
    data = load_dataset("mnist", image_size=28, download=True)
    return data.train, data.validation


def flatten(split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Images as rows of (N, 784) numbers from 0 (paper) to 1 (ink), and (N,) labels."""
    pixels = split.pixels.numpy().reshape(len(split), -1) / 255
    return pixels, split.labels.numpy()


# --8<-- [end:read]


# --8<-- [start:templates]
def templates(inputs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ten neurons without any learning: (10, 784) weights and (10,) biases.

    A neuron's weights are the average image of its digit. Its bias is minus half the squared length of that image,
    so that the highest sum belongs to the nearest average.
    """
    weights = np.stack([inputs[labels == digit].mean(axis=0) for digit in range(10)])
    biases = -0.5 * (weights**2).sum(axis=1)
    return weights, biases


# --8<-- [end:templates]


# --8<-- [start:accuracy]
def accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """The share of rows whose highest score is that of the right class: (N, C) scores, (N,) labels."""
    return float((scores.argmax(axis=1) == labels).mean())


# --8<-- [end:accuracy]


def main() -> None:
    """Print how many validation digits each of the two reads."""
    train, validation = read_digits()
    inputs, labels = flatten(train)
    new_inputs, new_labels = flatten(validation)
    weights, biases = templates(inputs, labels)
    print(f"average images as weights: {accuracy(layer(new_inputs, weights, biases), new_labels):.2%} right")
    network = random_network(784, 128, 10)
    print(f"a random two-layer network: {accuracy(network.forward(new_inputs), new_labels):.2%} right")
    print(f"its parameters: {network.count_parameters():,}")


if __name__ == "__main__":
    main()
