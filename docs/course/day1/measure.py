"""Measure what day 1 says about real digits, and write it to results.json. Takes under a minute.

.venv/bin/python docs/course/day1/measure.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from activations import follow_the_signal
from digits import accuracy, flatten, read_digits, templates
from network import random_network
from neuron import layer
from xor import best_single_neuron, curve_of_hinges

RESULTS = Path(__file__).parent / "results.json"
DEPTH = {
    "relu": {"activation": "relu", "scale": 2.0},
    "tanh": {"activation": "tanh", "scale": 1.0},
    "sigmoid": {"activation": "sigmoid", "scale": 1.0},
    "relu_small": {"activation": "relu", "scale": 0.5},
    "relu_large": {"activation": "relu", "scale": 8.0},
}
HINGES = (2, 4, 8, 16, 32)
SEED = 0


def main() -> None:
    """Run every experiment of the day with one seed."""
    train, validation = read_digits()
    inputs, labels = flatten(train)
    new_inputs, new_labels = flatten(validation)
    weights, biases = templates(inputs, labels)
    network = random_network(784, 128, 10, SEED)
    centred = (new_inputs[:300] - inputs.mean()) / inputs.std()
    results: dict[str, Any] = {
        "seed": SEED,
        "train_images": len(train),
        "validation_images": len(validation),
        "single_neuron_xor": best_single_neuron(seed=SEED),
        "hinges": {str(count): worst_error(count) for count in HINGES},
        "templates": {
            "parameters": weights.size + biases.size,
            "accuracy": accuracy(layer(new_inputs, weights, biases), new_labels),
        },
        "random": {
            "parameters": network.count_parameters(),
            "accuracy": accuracy(network.forward(new_inputs), new_labels),
        },
        "depth": {name: follow(centred, **setting) for name, setting in DEPTH.items()},
    }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    for name in ("templates", "random"):
        print(name, results[name])


def worst_error(hinges: int) -> float:
    """How far a curve of so many hinges strays from the sine, at most."""
    knots = np.linspace(0, 2 * np.pi, hinges + 1)
    x = np.linspace(0, 2 * np.pi, 2000)
    return float(np.abs(curve_of_hinges(x, knots, np.sin(knots)) - np.sin(x)).max())


def follow(inputs: np.ndarray, activation: str, scale: float) -> dict[str, Any]:
    """What 20 layers make of the signal, and what is left of it after the last."""
    found = follow_the_signal(inputs, activation, scale, seed=SEED)
    rounded = {key: [float(f"{value:.3g}") for value in values] for key, values in found.items()}
    return {**rounded, "last_spread": rounded["spread"][-1], "last_nudge": rounded["nudge"][-1]}


if __name__ == "__main__":
    main()
