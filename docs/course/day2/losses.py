"""How wrong is an answer? Squared error and cross-entropy, on the same neuron and the same problem.

.venv/bin/python docs/course/day2/losses.py
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


# --8<-- [start:mse]
def squared_error(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Mean over the batch of the squared distance: (N, C) probabilities and one-hot targets."""
    return float(((probabilities - targets) ** 2).sum(axis=1).mean())


# --8<-- [end:mse]


# --8<-- [start:cross_entropy]
def cross_entropy(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Mean over the batch of -log(probability of the right class): (N, C) probabilities and one-hot targets."""
    right = (probabilities * targets).sum(axis=1)
    return float(-np.log(np.maximum(right, 1e-300)).mean())


# --8<-- [end:cross_entropy]


# --8<-- [start:softmax]
def softmax(logits: np.ndarray) -> np.ndarray:
    """(N, C) logits → (N, C) probabilities."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


# --8<-- [end:softmax]


# --8<-- [start:slopes]
def cross_entropy_slope(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The derivative of the loss by each logit, (N, C): what was said minus what is right."""
    return (softmax(logits) - targets) / len(logits)


def squared_error_slope(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The derivative of the squared error of the probabilities by each logit, (N, C)."""
    p = softmax(logits)
    by_probability = 2 * (p - targets) / len(logits)
    return p * (by_probability - (p * by_probability).sum(axis=1, keepdims=True))  # through the softmax


# --8<-- [end:slopes]

SLOPES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "cross_entropy": cross_entropy_slope,
    "mse": squared_error_slope,
}


# --8<-- [start:race]
def race(loss: str, start: float, rate: float = 1.0, steps: int = 200) -> list[float]:
    """Two logits, the second class is right. Both start far apart, and wrong by `start`; only the loss differs.

    Returns the probability of the right class before every step.
    """
    logits = np.array([[start, 0.0]])
    target = np.array([[0.0, 1.0]])
    probabilities = []
    for _ in range(steps):
        probabilities.append(float(softmax(logits)[0, 1]))
        logits = logits - rate * SLOPES[loss](logits, target)
    return probabilities


# --8<-- [end:race]


def main() -> None:
    """Print the losses of good and bad answers, and who gets out of a bad start first."""
    print("probability of the right class     squared error   cross-entropy")
    for right in (0.99, 0.9, 0.5, 0.1, 0.01, 0.0001):
        said = np.array([[1 - right, right]])
        target = np.array([[0.0, 1.0]])
        print(f"{right:30}     {squared_error(said, target):13.4f}   {cross_entropy(said, target):13.4f}")
    for loss in SLOPES:
        path = race(loss, start=6.0)
        first = next((step for step, p in enumerate(path) if p > 0.5), None)
        print(f"{loss}: starts at {path[0]:.4f}, passes 1/2 at step {first}")


if __name__ == "__main__":
    main()
