"""Exercise 4: without an activation, two layers are one.

    .venv/bin/python docs/course/day1/solutions/collapse.py

W₂(W₁x + b₁) + b₂ = (W₂W₁)x + (W₂b₁ + b₂): a layer with the weights W₂W₁ and the biases W₂b₁ + b₂.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
from activations import relu
from neuron import layer


def largest_difference(activation: bool, seed: int = 0) -> float:
    """Between two random layers and the single one they should collapse to."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(0, 1, (50, 6))
    first, first_biases = rng.normal(0, 1, (8, 6)), rng.normal(0, 1, 8)
    second, second_biases = rng.normal(0, 1, (3, 8)), rng.normal(0, 1, 3)
    hidden = layer(inputs, first, first_biases)
    two = layer(relu(hidden) if activation else hidden, second, second_biases)
    one = layer(inputs, second @ first, second @ first_biases + second_biases)
    return float(np.abs(two - one).max())


if __name__ == "__main__":
    print(f"without an activation: {largest_difference(activation=False):.1e}")
    print(f"with ReLU between them: {largest_difference(activation=True):.1f}")
