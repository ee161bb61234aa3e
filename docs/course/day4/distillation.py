"""What a teacher says beyond the label: soft answers, and the loss that learns from them.

.venv/bin/python docs/course/day4/distillation.py
"""

from __future__ import annotations

import numpy as np
from ours import some_validation

from thumbnet import Classifier


# --8<-- [start:soften]
def soften(logits: np.ndarray, temperature: float) -> np.ndarray:
    """(N, K) logits → probabilities at a temperature: 1 is the usual softmax, higher shows more of the others."""
    scaled = logits / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


# --8<-- [end:soften]


# --8<-- [start:loss]
def distillation(student: np.ndarray, teacher: np.ndarray, temperature: float) -> float:
    """T² times the divergence of the student's soft answers from the teacher's; both are (N, K) logits."""
    p, q = soften(teacher, temperature), soften(student, temperature)
    return float(temperature**2 * (p * np.log(p / q)).sum(axis=1).mean())


# --8<-- [end:loss]


def answers(count: int = 500) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], np.ndarray]:
    """(N, 32, 32, 3) validation images, (N, 10) logits of the shipped model for them, class names, (N,) labels."""
    split = some_validation(count)
    pixels = split.pixels.permute(0, 2, 3, 1).contiguous().numpy()
    classifier = Classifier.load("cifar10")
    return pixels, classifier.logits(pixels).astype(np.float64), classifier.labels, split.labels.numpy()


def ambiguous(logits: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> list[int]:
    """One rightly answered image each of cat, automobile and ship: that whose second class is most probable."""
    probabilities = soften(logits, 1.0)
    second = np.sort(probabilities, axis=1)[:, -2]
    second[logits.argmax(axis=1) != labels] = -1
    wanted = [names.index(name) for name in ("cat", "automobile", "ship")]
    return [int(np.where(labels == label, second, -1).argmax()) for label in wanted]


def main() -> None:
    """Print the soft answers for three images."""
    _, logits, names, labels = answers()
    for number in ambiguous(logits, labels, names):
        print(f"image {number}, {names[labels[number]]}:")
        for temperature in (1.0, 2.0, 4.0):
            row = soften(logits[[number]], temperature)[0]
            best = [f"{names[k]} {row[k]:.3f}" for k in np.argsort(-row)[:4]]
            print(f"  T = {temperature:.0f}: {', '.join(best)}")


if __name__ == "__main__":
    main()
