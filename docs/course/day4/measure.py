"""Measure what day 4 says, apart from the comparison of networks, and write results.json. Takes some minutes.

.venv/bin/python docs/course/day4/measure.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import batch_norm
import costs
import grid
import ours
import stacks
import torch
from gradients import VARIANTS, agreement, first_steps, follow, resnet, some_images

RESULTS = Path(__file__).parent / "results.json"
DEPTHS = (20, 56)
SEED = 0
LOSSES = {
    "lenet": "lenet-max-relu",
    "whole": "resnet20",
    "without_augmentation": "resnet20-without-augmentation",
}
"""Name → run of the comparison whose last training loss the page states."""


def main() -> None:
    """Run every experiment of the day with one seed."""
    torch.set_num_threads(1)  # sums come out in one order
    images = some_images()
    results: dict[str, Any] = {
        "seed": SEED,
        "to_pytorch": batch_norm.check(SEED),
        "stacks": {"-".join(map(str, kernels)): stacks.count(kernels, 64) for kernels in stacks.STACKS},
        "linear_share": {name: costs.shares(name) for name in ("lenet", "alexnet", "vgg11", "resnet20", "thumbnet")},
        "depth": {
            str(depth): {name: signals(depth, options, images) for name, options in VARIANTS.items()}
            for depth in DEPTHS
        },
        "agreement": {
            str(depth): {
                "residual": agreement(resnet(depth), images),
                "plain": agreement(resnet(depth, residual=False), images),
            }
            for depth in DEPTHS
        },
        "race": {
            f"{name}{depth}": race(depth, residual=residual)
            for depth in DEPTHS
            for name, residual in (("residual", True), ("plain", False))
        },
        "stages": {str(side): {"parameters": p, "macs": m} for side, (p, m) in ours.stages().items()},
        "chance": chance(),
        "losses": {name: grid.read_runs()[f"cifar10/{run}"]["loss"][-1] for name, run in LOSSES.items()},
    }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def signals(depth: int, options: dict[str, object], images: Any) -> dict[str, Any]:
    """Signal and slope by block, rounded, and how they change from one end to the other."""
    found = {
        key: [float(f"{v:.3g}") for v in values] for key, values in follow(resnet(depth, **options), images).items()
    }
    slope, spread = found["slope"], found["spread"]
    layers = 2 * (len(slope) - 1)
    return {
        **found,
        "slope_first": slope[0],
        "slope_last": slope[-1],
        "slope_ratio": slope[0] / slope[-1],
        "slope_per_layer": (slope[0] / slope[-1]) ** (1 / layers),
        "spread_ratio": spread[-1] / spread[0],
    }


def race(depth: int, *, residual: bool) -> dict[str, Any]:
    """The training loss of the first steps, and its mean over the last ten."""
    losses = first_steps(depth, residual=residual, steps=80, seed=SEED)
    print(depth, residual, losses[-1], flush=True)
    return {"loss": [round(loss, 3) for loss in losses], "end": sum(losses[-10:]) / 10}


def chance() -> dict[str, Any]:
    """Standard errors of the comparison of networks, and its differences in terms of them."""
    accuracy = {name: run["test_accuracy"] for name, run in grid.read_runs().items()}
    whole = accuracy["cifar10/resnet20"]
    return {
        "resnet20_error": grid.standard_error(whole),
        "mnist_error": grid.standard_error(accuracy["mnist/lenet-max-relu"]),
        "without": {
            name.removeprefix("cifar10/resnet20-without-").replace("-", "_"): {
                "points": 100 * (whole - value),
                "errors": grid.in_errors(whole, value),
            }
            for name, value in accuracy.items()
            if "without" in name
        },
        "thumbnet_over_vgg_on_mnist": grid.in_errors(accuracy["mnist/thumbnet"], accuracy["mnist/vgg11"]),
        "relu_over_tanh_on_mnist": grid.in_errors(accuracy["mnist/lenet-max-relu"], accuracy["mnist/lenet-max-tanh"]),
    }


if __name__ == "__main__":
    main()
