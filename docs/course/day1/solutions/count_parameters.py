"""Exercise 3: how many numbers is a network?

.venv/bin/python docs/course/day1/solutions/count_parameters.py
"""

from __future__ import annotations

from itertools import pairwise

from thumbnet.model.architectures import build
from thumbnet.model.architectures import count_parameters as count_in_project


def count(sizes: tuple[int, ...]) -> int:
    """A weight for each input of each neuron, and a bias for each neuron."""
    return sum(before * after + after for before, after in pairwise(sizes))


def project_count() -> int:
    """The project's own MLP for 28×28 grey images."""
    return count_in_project(build("mlp", num_classes=10, in_channels=1, image_size=28))


if __name__ == "__main__":
    print(f"784 → 128 → 10: {count((784, 128, 10)):,}")
    print(f"784 → 256 → 128 → 10: {count((784, 256, 128, 10)):,}; the project counts {project_count():,}")
