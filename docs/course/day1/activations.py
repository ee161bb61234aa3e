"""ReLU, sigmoid and tanh: what they do to a number, how steep they are, and what depth makes of it.

.venv/bin/python docs/course/day1/activations.py
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Function = Callable[[np.ndarray], np.ndarray]


# --8<-- [start:functions]
def relu(z: np.ndarray) -> np.ndarray:
    """What is positive passes; what is negative becomes 0."""
    return np.maximum(z, 0)


def sigmoid(z: np.ndarray) -> np.ndarray:
    """Any number to between 0 and 1; 0 becomes 1/2."""
    small = np.exp(-np.abs(z))  # between 0 and 1, so it cannot overflow
    return np.where(z >= 0, 1 / (1 + small), small / (1 + small))


def tanh(z: np.ndarray) -> np.ndarray:
    """Any number to between -1 and 1; 0 stays 0."""
    return np.tanh(z)


# --8<-- [end:functions]


# --8<-- [start:slopes]
def relu_slope(z: np.ndarray) -> np.ndarray:
    """1 where the input is positive, 0 elsewhere (at 0 itself we choose 0, as PyTorch does)."""
    return (z > 0).astype(float)


def sigmoid_slope(z: np.ndarray) -> np.ndarray:
    """s·(1 - s): at most 1/4, at z = 0."""
    s = sigmoid(z)
    return s * (1 - s)


def tanh_slope(z: np.ndarray) -> np.ndarray:
    """1 - t²: at most 1, at z = 0."""
    return 1 - np.tanh(z) ** 2


# --8<-- [end:slopes]

ACTIVATIONS: dict[str, tuple[Function, Function]] = {
    "relu": (relu, relu_slope),
    "sigmoid": (sigmoid, sigmoid_slope),
    "tanh": (tanh, tanh_slope),
}


# --8<-- [start:depth]
def follow_the_signal(inputs: np.ndarray, name: str, scale: float, depth: int = 20, seed: int = 0) -> dict:
    """Send (N, I) inputs through `depth` random layers of I neurons, and note what arrives after each.

    scale   weights are drawn with a standard deviation of √(scale / I)

    `spread`: how much a neuron's output differs between images (standard deviation, averaged over the neurons).
    `nudge`: change the inputs a very little, at random; by how many times that change has grown or shrunk.
    """
    rng = np.random.default_rng(seed)
    activation, slope = ACTIVATIONS[name]
    width = inputs.shape[1]
    signal, change = inputs, rng.normal(0, 1, inputs.shape)
    before = np.linalg.norm(change)
    spreads, nudges = [], []
    for _ in range(depth):
        weights = rng.normal(0, np.sqrt(scale / width), (width, width))
        sums = signal @ weights.T
        change = slope(sums) * (change @ weights.T)  # a small change goes through the weights, then times the slope
        signal = activation(sums)
        spreads.append(float(signal.std(axis=0).mean()))
        nudges.append(float(np.linalg.norm(change) / before))
    return {"spread": spreads, "nudge": nudges}


# --8<-- [end:depth]


def main() -> None:
    """Print a table of values and slopes."""
    points = np.array([-6.0, -2.0, 0.0, 0.5, 2.0, 6.0])
    print("z                ", "".join(f"{z:9.1f}" for z in points))
    for name, (function, slope) in ACTIVATIONS.items():
        print(f"{name:8} value   ", "".join(f"{v:9.4f}" for v in function(points)))
        print(f"{name:8} slope   ", "".join(f"{v:9.4f}" for v in slope(points)))


if __name__ == "__main__":
    main()
