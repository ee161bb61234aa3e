"""Exercise 6: the network with tanh instead of ReLU, and its way back.

.venv/bin/python docs/course/day2/solutions/tanh_mlp.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
from backprop import finite_differences, largest_difference, ours
from mlp import MLP


class TanhMLP(MLP):
    """As MLP, with another bend. What a layer received is tanh(z) already, so its slope is 1 - received²."""

    def forward(self, inputs: np.ndarray) -> np.ndarray:
        """(N, I) inputs → (N, C) logits."""
        self.received = []
        signal = inputs
        for number, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
            self.received.append(signal)
            signal = signal @ weights.T + biases
            if number < len(self.weights) - 1:
                signal = np.tanh(signal)
        return signal

    def backward(self, slope: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """From the slope by each logit to the slopes by every weight and bias."""
        by_weights, by_biases = [], []
        for weights, received in zip(reversed(self.weights), reversed(self.received), strict=True):
            by_weights.insert(0, slope.T @ received)
            by_biases.insert(0, slope.sum(axis=0))
            slope = (slope @ weights) * (1 - received**2)
        return by_weights, by_biases


def difference(seed: int = 0) -> float:
    """The largest difference to finite differences."""
    rng = np.random.default_rng(seed)
    network = TanhMLP((6, 5, 4, 3), seed)
    inputs, labels = rng.normal(0, 1, (10, 6)), rng.integers(0, 3, 10)
    return largest_difference(ours(network, inputs, labels), finite_differences(network, inputs, np.eye(3)[labels]))


if __name__ == "__main__":
    print(f"largest difference to finite differences: {difference():.1e}")
