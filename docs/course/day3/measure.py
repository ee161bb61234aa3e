"""Measure what day 3 says, and write results.json and lenet.safetensors. Takes some minutes on two cores.

.venv/bin/python docs/course/day3/measure.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import convolution
import pooling
import torch
from lenet import RECIPE, learn, save, test_accuracy, trained
from looking import without_each_kernel

from thumbnet.model.datasets import load_dataset

FOLDER = Path(__file__).parent
RUNS: dict[str, dict[str, Any]] = {
    "chosen": {},
    "no_shift": {"translate": 0},
    "average_pooling": {"options": {"pooling": "average"}},
    "mlp": {"architecture": "mlp"},
}
"""What each run changes in RECIPE. The first one was chosen for its validation accuracy; it alone meets the test."""


def main() -> None:
    """Train every network, compare with PyTorch, and look inside the chosen one."""
    torch.set_num_threads(1)  # sums come out in one order, so that a second run gives the same weights
    data = load_dataset("mnist", image_size=28, download=True)
    runs: dict[str, Any] = {}
    for name, change in RUNS.items():
        network, runs[name] = learn(RECIPE.replace(**change), data)
        print(name, runs[name], flush=True)
        if name == "chosen":
            save(network)
    kept = trained()
    first, whole = convolution.convolution_cost(1, 6, 5, 28, 28), convolution.linear_cost(784, 6 * 28 * 28)
    results = {
        "seed": RECIPE.seed,
        "train_images": len(data.train),
        "validation_images": len(data.validation),
        "test_accuracy": test_accuracy(kept, data),
        "runs": runs,
        "to_pytorch": convolution.check() | pooling.check(),
        "first_convolution": {"parameters": first[0], "macs": first[1]},
        "as_linear": {"parameters": whole[0], "macs": whole[1]},
        "without_kernel": without_each_kernel(kept, data.validation.pixels, data.validation.labels),
        "without_kernel_worst": 0.0,
        "without_kernel_best": 0.0,
    }
    results["without_kernel_worst"] = min(results["without_kernel"])
    results["without_kernel_best"] = max(results["without_kernel"])
    (FOLDER / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print("test", results["test_accuracy"])


if __name__ == "__main__":
    main()
