"""A neuron, then a layer of neurons, then a layer that answers many questions at once.

.venv/bin/python docs/course/day1/neuron.py
"""

from __future__ import annotations

import numpy as np


# --8<-- [start:neuron]
def neuron(inputs: list[float], weights: list[float], bias: float) -> float:
    """How strongly the inputs speak for the neuron's answer: above zero is for it, below zero against it."""
    total = bias
    for value, weight in zip(inputs, weights, strict=True):
        total += weight * value
    return total


# --8<-- [end:neuron]


# --8<-- [start:dot]
def neuron_as_dot_product(inputs: np.ndarray, weights: np.ndarray, bias: float) -> float:
    """The same neuron: (I,) inputs and (I,) weights."""
    return float(weights @ inputs + bias)


# --8<-- [end:dot]


# --8<-- [start:layer]
def layer(inputs: np.ndarray, weights: np.ndarray, biases: np.ndarray) -> np.ndarray:
    """Many neurons look at many examples: (N, I) inputs, (O, I) weights, (O,) biases → (N, O) sums."""
    return inputs @ weights.T + biases


# --8<-- [end:layer]


# --8<-- [start:bike]
DAY = [1.8, 0.5, 1.0]  # tens of degrees, millimetres of rain in an hour, 1 on working days
BIKE = {"weights": [1.0, -2.0, 0.3], "bias": -0.6}


def ride_a_bike() -> float:
    """One decision, by hand: 1.0·1.8 − 2.0·0.5 + 0.3·1.0 − 0.6."""
    return neuron(DAY, BIKE["weights"], BIKE["bias"])


# --8<-- [end:bike]


# --8<-- [start:week]
WEEK = np.array([[1.8, 0.5, 1.0], [1.2, 0.0, 1.0], [0.4, 0.0, 1.0], [2.2, 1.5, 0.0]])  # four days, three inputs
WEIGHTS = np.array([[1.0, -2.0, 0.3], [-0.5, 1.0, 0.8]])  # two neurons: ride a bike; take the bus
BIASES = np.array([-0.6, -0.2])


def plan_the_week() -> np.ndarray:
    """Two answers for each of four days, (4, 2)."""
    return layer(WEEK, WEIGHTS, BIASES)


# --8<-- [end:week]


def main() -> None:
    """Print every number that the page computes by hand."""
    print(f"one neuron, one day: {ride_a_bike():.2f}")
    print(f"as a dot product:    {neuron_as_dot_product(np.array(DAY), np.array(BIKE['weights']), BIKE['bias']):.2f}")
    print("two neurons, four days (rows are days; columns: bike, bus):")
    print(plan_the_week().round(2))


if __name__ == "__main__":
    main()
