"""Two layers can do what one cannot: exclusive or, with weights set by hand.

.venv/bin/python docs/course/day1/xor.py
"""

from __future__ import annotations

import numpy as np
from activations import relu
from neuron import layer

# --8<-- [start:table]
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
EITHER = np.array([0, 1, 1, 0])  # one of the two, not both
# --8<-- [end:table]

# --8<-- [start:network]
HIDDEN_WEIGHTS = np.array([[1.0, 1.0], [1.0, 1.0]])
HIDDEN_BIASES = np.array([0.0, -1.0])
OUTPUT_WEIGHTS = np.array([[1.0, -2.0]])
OUTPUT_BIASES = np.array([0.0])


def hidden(inputs: np.ndarray) -> np.ndarray:
    """(N, 2) → (N, 2): how many inputs are on, and how many beyond the first."""
    return relu(layer(inputs, HIDDEN_WEIGHTS, HIDDEN_BIASES))


def either(inputs: np.ndarray) -> np.ndarray:
    """(N, 2) → (N,): 1 where exactly one input is 1."""
    return layer(hidden(inputs), OUTPUT_WEIGHTS, OUTPUT_BIASES)[:, 0]


# --8<-- [end:network]


# --8<-- [start:search]
def best_single_neuron(tries: int = 100_000, seed: int = 0) -> int:
    """How many of the four corners the best of many random neurons gets right."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(-1, 1, (tries, 2))
    biases = rng.uniform(-1, 1, tries)
    says_yes = layer(CORNERS, weights, biases) > 0  # (4, tries)
    return int((says_yes == EITHER[:, None]).sum(axis=0).max())


# --8<-- [end:search]


# --8<-- [start:hinges]
def curve_of_hinges(x: np.ndarray, knots: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """A two-layer ReLU network, set by hand, that passes through (knots, heights) in straight pieces.

    x   (N,) places between the first and the last knot; knots are (K,) in rising order, heights (K,)

    Each hidden neuron is a hinge at a knot, relu(x - knot); its output weight is by how much the slope changes there.
    """
    slopes = np.diff(heights) / np.diff(knots)
    changes = np.diff(slopes, prepend=0)
    hinges = relu(x[:, None] - knots[:-1])  # (N, K - 1)
    return hinges @ changes + heights[0]


# --8<-- [end:hinges]


def main() -> None:
    """Print the truth table, and what each layer makes of it."""
    print("inputs   hidden   output")
    for corner, inner, out in zip(CORNERS, hidden(CORNERS), either(CORNERS), strict=True):
        print(f"{corner}  {inner}  {out:.0f}")
    print(f"the best of 100 000 single neurons gets {best_single_neuron()} of 4 right")
    knots = np.linspace(0, 2 * np.pi, 9)
    x = np.linspace(0, 2 * np.pi, 500)
    worst = np.abs(curve_of_hinges(x, knots, np.sin(knots)) - np.sin(x)).max()
    print(f"eight hinges follow the sine to within {worst:.3f}")


if __name__ == "__main__":
    main()
