"""A multi-layer perceptron in NumPy that learns: forward, backward, step. Then it reads MNIST.

.venv/bin/python docs/course/day2/mlp.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from losses import cross_entropy_slope

from thumbnet.model.datasets import Split, load_dataset


# --8<-- [start:init]
class MLP:
    """Linear layers with ReLU between them.

    sizes     numbers per layer, inputs first, such as (784, 256, 128, 10)
    weights   one (out, in) matrix for each layer;   biases   one (out,) vector for each
    """

    def __init__(self, sizes: tuple[int, ...], seed: int = 0, dtype: type = np.float64) -> None:
        rng = np.random.default_rng(seed)
        self.weights = [
            rng.normal(0, np.sqrt(2 / before), (after, before)).astype(dtype) for before, after in pairwise(sizes)
        ]
        self.biases = [np.zeros(after, dtype) for after in sizes[1:]]
        self.received: list[np.ndarray] = []

    # --8<-- [end:init]

    # --8<-- [start:forward]
    def forward(self, inputs: np.ndarray) -> np.ndarray:
        """(N, I) inputs → (N, C) logits. Keeps what each layer received: the way back needs it."""
        self.received = []
        signal = inputs
        for number, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
            self.received.append(signal)
            signal = signal @ weights.T + biases
            if number < len(self.weights) - 1:
                signal = np.maximum(signal, 0)
        return signal

    # --8<-- [end:forward]

    # --8<-- [start:backward]
    def backward(self, slope: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """From (N, C), the loss's slope by each logit, to its slopes by every weight and bias."""
        by_weights, by_biases = [], []
        for weights, received in zip(reversed(self.weights), reversed(self.received), strict=True):
            by_weights.insert(0, slope.T @ received)
            by_biases.insert(0, slope.sum(axis=0))
            slope = slope @ weights  # to what this layer received …
            slope = slope * (received > 0)  # … and through the ReLU that made it
        return by_weights, by_biases

    # --8<-- [end:backward]


# --8<-- [start:momentum]
class Momentum:
    """Gradient descent with momentum, for all weights and biases of a network."""

    def __init__(self, network: MLP, keep: float = 0.9) -> None:
        self.parameters = network.weights + network.biases
        self.velocities = [np.zeros_like(parameter) for parameter in self.parameters]
        self.keep = keep

    def step(self, gradients: list[np.ndarray], rate: float) -> None:
        """Move every parameter, in place."""
        for parameter, velocity, gradient in zip(self.parameters, self.velocities, gradients, strict=True):
            velocity *= self.keep
            velocity += gradient
            parameter -= rate * velocity


# --8<-- [end:momentum]

Slope = Callable[[np.ndarray, np.ndarray], np.ndarray]


# --8<-- [start:train]
def train(
    network: MLP,
    inputs: np.ndarray,
    labels: np.ndarray,
    *,
    epochs: int,
    batch: int = 100,
    rate: float = 0.1,
    seed: int = 0,
    shift: int = 0,
    slope: Slope = cross_entropy_slope,
    after_epoch: Callable[[int], None] = lambda epoch: None,
) -> None:
    """Learn from (N, 784) digits and (N,) labels. The rate falls to zero in a straight line.

    shift   move each batch by up to so many pixels, another way each time
    """
    rng = np.random.default_rng(seed)
    targets = np.eye(10, dtype=inputs.dtype)[labels]  # one-hot
    optimizer = Momentum(network)
    steps = epochs * (len(inputs) // batch)
    done = 0
    for epoch in range(epochs):
        order = rng.permutation(len(inputs))
        for start in range(0, len(inputs) - batch + 1, batch):
            chosen = order[start : start + batch]
            logits = network.forward(move(inputs[chosen], *rng.integers(-shift, shift + 1, 2)))
            by_weights, by_biases = network.backward(slope(logits, targets[chosen]))
            optimizer.step(by_weights + by_biases, rate * (1 - done / steps))
            done += 1
        after_epoch(epoch + 1)


def move(inputs: np.ndarray, down: int, right: int) -> np.ndarray:
    """Digits (N, 784) moved by some pixels; what leaves on one side, which is empty paper, comes back on the other."""
    return np.roll(inputs.reshape(-1, 28, 28), (down, right), axis=(1, 2)).reshape(inputs.shape)


# --8<-- [end:train]


# --8<-- [start:digits]
def read_digits() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """MNIST as rows of 784 numbers, centred: "train", "validation" and "test", each (inputs, labels)."""
    data = load_dataset("mnist", image_size=28, download=True)
    splits: dict[str, Split] = {"train": data.train, "validation": data.validation, "test": data.test}
    pixels = data.train.pixels.numpy()
    mean, spread = pixels.mean(), pixels.std()
    return {
        name: (
            ((split.pixels.numpy().reshape(len(split), -1) - mean) / spread).astype(np.float32),
            split.labels.numpy(),
        )
        for name, split in splits.items()
    }


def accuracy(network: MLP, inputs: np.ndarray, labels: np.ndarray) -> float:
    """The share of images whose highest logit is the right one."""
    return float((network.forward(inputs).argmax(axis=1) == labels).mean())


# --8<-- [end:digits]


# --8<-- [start:main]
SIZES = (784, 256, 128, 10)
SETTINGS = {"epochs": 20, "batch": 100, "rate": 0.1, "shift": 1}


def main() -> None:
    """Train with choices made on validation images; read the test images once, at the end."""
    digits = read_digits()
    network = MLP(SIZES, dtype=np.float32)
    started = time.perf_counter()

    def report(epoch: int) -> None:
        seconds = time.perf_counter() - started
        print(f"epoch {epoch:2}: {accuracy(network, *digits['validation']):.2%} of validation, {seconds:.0f} s")

    train(network, *digits["train"], **SETTINGS, after_epoch=report)
    print(f"test: {accuracy(network, *digits['test']):.2%}")


# --8<-- [end:main]

if __name__ == "__main__":
    main()
