"""Measure what day 2 says, and write results.json and hidden.safetensors. Takes some minutes on two cores.

.venv/bin/python docs/course/day2/measure.py
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from backprop import check
from descent import WALKS, best_line, descend, loss, measurements
from keras_twin import compare, keras
from losses import SLOPES, race
from mlp import MLP, SETTINGS, SIZES, accuracy, read_digits, train
from safetensors.numpy import save_file

FOLDER = Path(__file__).parent
HIDDEN = FOLDER / "hidden.safetensors"
SEED = 0
STEPS = (10, 30, 60)
BAD_STARTS = (2.0, 4.0, 6.0)
RUNS: dict[str, dict[str, Any]] = {
    "chosen": {},
    "no_shift": {"shift": 0},
    "mse": {"slope": SLOPES["mse"]},
}
"""What each run changes in SETTINGS. The first one was chosen for its validation accuracy; it alone meets the test."""


def main() -> None:
    """Run every experiment of the day with one seed."""
    digits = read_digits()
    results: dict[str, Any] = {
        "seed": SEED,
        "race": {str(int(start)): first_half(start) for start in BAD_STARTS},
        "descent": walk(),
        "backprop": check(SEED),
        "keras": {"version": keras.__version__, **compare()},
        "settings": {"sizes": "-".join(map(str, SIZES)), **SETTINGS},
        "runs": {},
    }
    for name, change in RUNS.items():
        network, results["runs"][name] = learn(digits, change)
        print(name, {key: value for key, value in results["runs"][name].items() if key != "epochs"})
        if name == "chosen":
            results["test_accuracy"] = accuracy(network, *digits["test"])
            results["parameters"] = sum(part.size for part in network.weights + network.biases)
            save_file({"weights": network.weights[0][:24].astype(np.float16)}, HIDDEN)
            HIDDEN.chmod(0o644)
    (FOLDER / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print("test", results["test_accuracy"])


def first_half(start: float) -> dict[str, int]:
    """The step at which each loss has brought the right class to 1/2, from a start so wrong."""
    return {name: next(i for i, p in enumerate(race(name, start, steps=2000)) if p > 0.5) for name in SLOPES}


def walk() -> dict[str, Any]:
    """The loss on all data after some steps of each walk."""
    x, y = measurements()
    best = best_line()
    found: dict[str, Any] = {"least": loss(best, x, y), "slope": float(best[0]), "intercept": float(best[1])}
    for name, (rule, batch) in WALKS.items():
        path = descend(rule(), batch, seed=SEED)
        found[name.split(",")[0].replace(" ", "_")] = {str(step): loss(path[step], x, y) for step in STEPS}
    return found


def learn(digits: dict[str, tuple[np.ndarray, np.ndarray]], change: dict[str, Any]) -> tuple[MLP, dict[str, Any]]:
    """Train once; the network, and its accuracy after each epoch on validation and some training images."""
    network = MLP(SIZES, SEED, dtype=np.float32)
    inputs, labels = digits["train"]
    epochs: list[dict[str, float]] = []

    def note(_: int) -> None:
        seen = accuracy(network, inputs[:10_000], labels[:10_000])
        epochs.append({"train": round(seen, 4), "validation": round(accuracy(network, *digits["validation"]), 4)})

    started = time.perf_counter()
    train(network, inputs, labels, seed=SEED, after_epoch=note, **{**SETTINGS, **change})
    last = epochs[-1]
    return network, {**last, "seconds": round(time.perf_counter() - started, 1), "epochs": epochs}


if __name__ == "__main__":
    main()
