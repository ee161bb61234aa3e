"""Backpropagation, by hand: one neuron step by step, then the whole network against two judges.

.venv/bin/python docs/course/day2/backprop.py
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from losses import cross_entropy, cross_entropy_slope, softmax
from mlp import MLP


# --8<-- [start:by_hand]
def by_hand() -> dict[str, float]:
    """The chain of the page: x → z = w·x + b → h = relu(z) → y = v·h → loss = (y - t)²; forward, then back."""
    x, t = 2.0, 1.0
    w, b, v = 0.5, 1.0, 1.5

    z = w * x + b  # 2.0
    h = max(z, 0.0)  # 2.0
    y = v * h  # 3.0
    loss = (y - t) ** 2  # 4.0

    by_y = 2 * (y - t)  # 4.0: the loss's slope by y
    by_v = by_y * h  # 8.0: v reaches y times h
    by_h = by_y * v  # 6.0: h reaches y times v
    by_z = by_h * (1.0 if z > 0 else 0.0)  # 6.0: the ReLU lets it through
    by_w = by_z * x  # 12.0
    by_b = by_z  # 6.0
    return {"loss": loss, "by_v": by_v, "by_w": by_w, "by_b": by_b}


# --8<-- [end:by_hand]


# --8<-- [start:finite]
def finite_differences(network: MLP, inputs: np.ndarray, targets: np.ndarray, step: float = 1e-6) -> list[np.ndarray]:
    """The slope of the loss by every parameter, measured: move it a little both ways and look."""
    slopes = []
    for parameter in network.weights + network.biases:
        slope = np.zeros_like(parameter)
        for place in np.ndindex(parameter.shape):
            kept = parameter[place]
            parameter[place] = kept + step
            above = cross_entropy(softmax(network.forward(inputs)), targets)
            parameter[place] = kept - step
            below = cross_entropy(softmax(network.forward(inputs)), targets)
            parameter[place] = kept
            slope[place] = (above - below) / (2 * step)
        slopes.append(slope)
    return slopes


# --8<-- [end:finite]


# --8<-- [start:autograd]
def autograd(network: MLP, inputs: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """The same slopes from PyTorch, which works them out by itself."""
    weights = [torch.tensor(weight, requires_grad=True) for weight in network.weights]
    biases = [torch.tensor(bias, requires_grad=True) for bias in network.biases]
    signal = torch.tensor(inputs)
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        signal = F.linear(signal, weight, bias)
        if number < len(weights) - 1:
            signal = F.relu(signal)
    F.cross_entropy(signal, torch.tensor(labels)).backward()
    return [parameter.grad.numpy() for parameter in weights + biases]


# --8<-- [end:autograd]


# --8<-- [start:compare]
def ours(network: MLP, inputs: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """The slopes by our own way back."""
    targets = np.eye(network.biases[-1].size)[labels]
    by_weights, by_biases = network.backward(cross_entropy_slope(network.forward(inputs), targets))
    return by_weights + by_biases


def largest_difference(one: list[np.ndarray], other: list[np.ndarray]) -> float:
    """The largest difference between two lists of slopes, anywhere."""
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


# --8<-- [end:compare]


def check(seed: int = 0) -> dict[str, float]:
    """A small network in double precision on random data: how far our slopes are from those of both judges."""
    rng = np.random.default_rng(seed)
    network = MLP((12, 9, 7, 5), seed=seed)
    inputs, labels = rng.normal(0, 1, (20, 12)), rng.integers(0, 5, 20)
    own = ours(network, inputs, labels)
    return {
        "parameters": sum(slope.size for slope in own),
        "to_autograd": largest_difference(own, autograd(network, inputs, labels)),
        "to_finite_differences": largest_difference(own, finite_differences(network, inputs, np.eye(5)[labels])),
        "largest_slope": max(float(np.abs(slope).max()) for slope in own),
    }


def main() -> None:
    """Print the worked example and both comparisons."""
    print("by hand:", by_hand())
    for name, value in check().items():
        print(f"{name:24}{value:.3g}")


if __name__ == "__main__":
    main()
