"""Exercise 5: a ReLU that never dies.

.venv/bin/python docs/course/day1/solutions/leaky_relu.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import activations
import numpy as np
import torch
import torch.nn.functional as F

LEAK = 0.1


def leaky_relu(z: np.ndarray) -> np.ndarray:
    """What is positive passes; of what is negative, a tenth does."""
    return np.where(z > 0, z, LEAK * z)


def leaky_relu_slope(z: np.ndarray) -> np.ndarray:
    """1 or 1/10, never 0."""
    return np.where(z > 0, 1.0, LEAK)


def difference_to_pytorch() -> float:
    """The largest difference, of values and of slopes."""
    z = torch.linspace(-3, 3, 100, dtype=torch.float64, requires_grad=True)
    theirs = F.leaky_relu(z, LEAK)
    theirs.sum().backward()
    points = z.detach().numpy()
    values = np.abs(leaky_relu(points) - theirs.detach().numpy()).max()
    return float(max(values, np.abs(leaky_relu_slope(points) - z.grad.numpy()).max()))


def nudge_after_20_layers(scale: float) -> float:
    """How much of a small change survives 20 layers."""
    activations.ACTIVATIONS["leaky"] = leaky_relu, leaky_relu_slope
    inputs = np.random.default_rng(1).normal(0, 1, (200, 256))
    return activations.follow_the_signal(inputs, "leaky", scale)["nudge"][-1]


if __name__ == "__main__":
    print(f"difference to PyTorch: {difference_to_pytorch():.1e}")
    # Half of the sums are positive, so the mean of slope² is (1 + 0.01) / 2, and scale · 0.505 = 1 keeps the size.
    print(f"after 20 layers with scale 2 / 1.01: {nudge_after_20_layers(2 / (1 + LEAK**2)):.2f} of a nudge is left")
