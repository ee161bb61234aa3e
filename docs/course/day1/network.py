"""A two-layer network in plain NumPy: parameters, the forward pass, probabilities.

.venv/bin/python docs/course/day1/network.py
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from activations import relu
from neuron import layer


# --8<-- [start:softmax]
def softmax(logits: np.ndarray) -> np.ndarray:
    """(N, C) logits → (N, C) probabilities: positive, and each row sums to 1."""
    shifted = logits - logits.max(axis=1, keepdims=True)  # changes nothing but the danger of overflow
    powers = np.exp(shifted)
    return powers / powers.sum(axis=1, keepdims=True)


# --8<-- [end:softmax]


# --8<-- [start:network]
@dataclass
class TwoLayerNetwork:
    """Inputs → hidden neurons with ReLU → one logit for each class.

    hidden_weights   (H, I)      hidden_biases   (H,)
    output_weights   (C, H)      output_biases   (C,)
    """

    hidden_weights: np.ndarray
    hidden_biases: np.ndarray
    output_weights: np.ndarray
    output_biases: np.ndarray

    def forward(self, inputs: np.ndarray) -> np.ndarray:
        """(N, I) inputs → (N, C) logits."""
        hidden = relu(layer(inputs, self.hidden_weights, self.hidden_biases))
        return layer(hidden, self.output_weights, self.output_biases)

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """(N, I) inputs → (N,) the class with the highest logit."""
        return self.forward(inputs).argmax(axis=1)

    def count_parameters(self) -> int:
        """How many numbers the network consists of."""
        return sum(part.size for part in vars(self).values())


# --8<-- [end:network]


# --8<-- [start:random]
def random_network(inputs: int, hidden: int, classes: int, seed: int = 0) -> TwoLayerNetwork:
    """A network that knows nothing yet. The scale of its weights keeps signals at their size (He et al. 2015)."""
    rng = np.random.default_rng(seed)
    return TwoLayerNetwork(
        hidden_weights=rng.normal(0, np.sqrt(2 / inputs), (hidden, inputs)),
        hidden_biases=np.zeros(hidden),
        output_weights=rng.normal(0, np.sqrt(2 / hidden), (classes, hidden)),
        output_biases=np.zeros(classes),
    )


# --8<-- [end:random]

# --8<-- [start:tiny]
TINY = TwoLayerNetwork(
    hidden_weights=np.array([[1.0, -1.0], [0.5, 1.0], [-1.0, 0.0]]),
    hidden_biases=np.array([0.0, -1.0, 0.5]),
    output_weights=np.array([[1.0, 2.0, 0.0], [-1.0, 1.0, 3.0]]),
    output_biases=np.array([0.0, 0.5]),
)
EXAMPLE = np.array([[2.0, 1.0]])
# --8<-- [end:tiny]


def main() -> None:
    """Follow one example through the tiny network of the page."""
    print("sums of the hidden layer", layer(EXAMPLE, TINY.hidden_weights, TINY.hidden_biases))
    print("after ReLU              ", relu(layer(EXAMPLE, TINY.hidden_weights, TINY.hidden_biases)))
    print("logits                  ", TINY.forward(EXAMPLE))
    print("probabilities           ", softmax(TINY.forward(EXAMPLE)).round(4))
    print("prediction              ", TINY.predict(EXAMPLE))
    print("parameters              ", TINY.count_parameters())


if __name__ == "__main__":
    main()
