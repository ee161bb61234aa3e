"""Read the comparison of networks (benchmarks/results/ablations.json), and say what is more than chance.

.venv/bin/python docs/course/day4/grid.py
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[3] / "benchmarks" / "results" / "ablations.json"
TEST_IMAGES = 10_000
"""MNIST and CIFAR-10 both have as many."""


def read_runs() -> dict[str, dict[str, Any]]:
    """Name of a run, such as cifar10/vgg11 → what was measured."""
    return dict(json.loads(RESULTS.read_text(encoding="utf-8"))["runs"])


# --8<-- [start:error]
def standard_error(accuracy: float, images: int = TEST_IMAGES) -> float:
    """By how much the accuracy on so many images varies with the draw of the images, as a standard deviation."""
    return math.sqrt(accuracy * (1 - accuracy) / images)


def in_errors(one: float, other: float) -> float:
    """The difference of two accuracies in standard errors, as if each had been measured on images of its own."""
    return (one - other) / math.hypot(standard_error(one), standard_error(other))


# --8<-- [end:error]


def main() -> None:
    """Print every ablation of ResNet-20 beside the whole."""
    runs = read_runs()
    whole = runs["cifar10/resnet20"]["test_accuracy"]
    print(f"resnet20: {whole:.2%} ± {standard_error(whole):.2%}")
    for name, run in runs.items():
        if "without" in name:
            accuracy = run["test_accuracy"]
            print(f"{name}: {accuracy:.2%}, {in_errors(accuracy, whole):+.1f} standard errors")


if __name__ == "__main__":
    main()
