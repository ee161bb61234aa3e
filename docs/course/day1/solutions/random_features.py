"""Exercise 8: a hidden layer that nobody trained, and an output layer solved for in one go.

.venv/bin/python docs/course/day1/solutions/random_features.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
from activations import relu
from digits import accuracy, flatten, read_digits
from network import TwoLayerNetwork, random_network
from neuron import layer


def fit_output(features: np.ndarray, labels: np.ndarray, ridge: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """The (10, F) weights and (10,) biases whose sums come nearest to 1 for the right digit and 0 for the others.

    Least squares, with a small penalty on large weights (`ridge`), in closed form: (FᵀF + ridge·I) w = Fᵀt.
    """
    extended = np.hstack([features, np.ones((len(features), 1))])  # the bias is the weight of a constant 1
    targets = np.eye(10)[labels]
    square = extended.T @ extended + ridge * np.eye(extended.shape[1])
    solution = np.linalg.solve(square, extended.T @ targets).T
    return solution[:, :-1], solution[:, -1]


def build(inputs: np.ndarray, labels: np.ndarray, hidden: int, seed: int = 0) -> TwoLayerNetwork:
    """A random hidden layer and the best output layer on top of it."""
    network = random_network(784, hidden, 10, seed)
    features = relu(layer(inputs, network.hidden_weights, network.hidden_biases))
    network.output_weights, network.output_biases = fit_output(features, labels)
    return network


def read(hidden: int, images: int = 10_000) -> float:
    """The share of validation digits read correctly; 0 hidden neurons mean no hidden layer."""
    train, validation = read_digits()
    inputs, labels = (part[:images] for part in flatten(train))
    new_inputs, new_labels = flatten(validation)
    if not hidden:
        return accuracy(layer(new_inputs, *fit_output(inputs, labels)), new_labels)
    return accuracy(build(inputs, labels, hidden).forward(new_inputs), new_labels)


if __name__ == "__main__":
    for hidden in (0, 100, 300, 1000):
        print(f"{hidden:4} random neurons: {read(hidden):.2%}")
