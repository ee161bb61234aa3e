"""Tables in the texts that have a row for each run of a result file; docs/figures.py puts them in.

Each takes what the file holds and gives Markdown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

TEST_IMAGES = 10_000
"""MNIST and CIFAR-10 both have as many; benchmarks/ablations.py reads all of them."""
NAMES = {"mlp": "MLP", "alexnet": "AlexNet", "vgg11": "VGG-11", "resnet20": "ResNet-20", "thumbnet": "thumbnet (ours)"}
HEADER = (
    "| network | parameters | multiply-accumulates | epochs | accuracy on test images | processor time |\n"
    "|---|---:|---:|---:|---:|---:|\n"
)


def networks(dataset: str) -> Callable[[Any], str]:
    """The whole networks on one data set, the cheapest first."""

    def write(results: Any) -> str:
        runs = {key: run for key, run in results["runs"].items() if run["dataset"] == dataset and "without" not in key}
        ordered = sorted(runs.items(), key=lambda item: (item[1]["macs"], -item[1]["test_accuracy"]))
        return HEADER + "".join(row(title(key), run) for key, run in ordered)

    return write


def without_parts(results: Any) -> str:
    """ResNet-20 on CIFAR-10, whole and without each of its parts."""
    runs = {key: run for key, run in results["runs"].items() if key.startswith("cifar10/resnet20")}
    return HEADER + "".join(row(title(key), run) for key, run in runs.items())


def row(name: str, run: Any) -> str:
    """One line of a table: accuracy with its binomial standard error, time of all threads together."""
    accuracy, seconds = run["test_accuracy"], run["processor_seconds"]
    error = 100 * (accuracy * (1 - accuracy) / TEST_IMAGES) ** 0.5
    parameters = f"{run['parameters']:,}".replace(",", " ")
    time = f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"
    return (
        f"| {name} | {parameters} | {run['macs'] / 1e6:.2f} M | {run['epochs']} "
        f"| {accuracy:.2%} ± {error:.2f} | {time} |\n"
    ).replace("%", " %")


def title(key: str) -> str:
    """What a run is called in a table: mnist/lenet-max-relu is LeNet, max pooling, ReLU."""
    name = key.partition("/")[2]
    if name.startswith("lenet"):
        _, pooling, activation = name.split("-")
        return f"LeNet, {pooling} pooling, {activation.replace('relu', 'ReLU')}"
    whole, _, part = name.partition("-without-")
    return f"without {part.replace('-', ' ')}" if part else NAMES[whole]


TABLES: dict[str, Callable[[Any], str]] = {
    "networks-on-mnist": networks("mnist"),
    "networks-on-cifar10": networks("cifar10"),
    "resnet20-without-parts": without_parts,
}
