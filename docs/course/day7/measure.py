"""Measure what day 7 says, and write results.json and worst.npz. Takes some minutes.

.venv/bin/python docs/course/day7/measure.py [FOLDER]
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import project
import torch
from chance import mean_and_deviation, sign_test, standard_error
from data_checks import check
from mistakes import accuracy_by_kind, confusion, kinds_of, most_confident_mistakes, probabilities
from photos import photographs, write_folder
from solutions.four_views import four_views

from thumbnet.model import runs
from thumbnet.model.datasets import Dataset, Split
from thumbnet.model.recipe import Recipe
from thumbnet.model.search import parse_space
from thumbnet.model.tune import open_study, run_trials

FOLDER = Path(__file__).parent
CPU = torch.device("cpu")
SHOWN = 12


def main() -> None:
    """Data, baseline, error analysis, one change at a time, a study, and at the end the test."""
    torch.set_num_threads(1)  # sums come out in one order
    work = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    images, names = photographs()
    write_folder(work / "sky", images, names)
    data, recipe = project.read_photos(work / "sky"), project.base_recipe(work / "sky")
    results: dict[str, Any] = {
        "labels": list(data.labels),
        "splits": {name: len(getattr(data, name)) for name in ("train", "validation", "test")},
        "data": check(data),
        "variants": {},
    }
    for name, changes in project.VARIANTS.items():
        add_variant(results, name, changes, data, recipe, work)
    results["less_data"] = less_data(data, recipe, work)
    results["study"] = study(data, recipe.replace(flip="none"), work / "tune")
    add_variant(results, "tuned", {"flip": "none", **results["study"]["best"]}, data, recipe, work)
    chosen = max(results["variants"], key=lambda name: results["variants"][name]["mean"])
    results["chosen"] = chosen
    kinds = kinds_of(data.validation, work / "sky")
    results["analysis"] = {}
    for name in ("baseline", "no_flip", chosen):
        results["analysis"][name] = analyse(results["variants"][name]["changes"], data, recipe, work / name, kinds)
    keep_worst(results["variants"][chosen]["changes"], data, recipe, work / chosen)
    results["difference"] = difference("baseline", chosen, results, data, recipe, work)
    results["four_views"] = by_four_views(results["variants"][chosen]["changes"], data, recipe, work / chosen)
    results["test"] = {name: test(name, results, data, recipe, work) for name in ("baseline", chosen)}
    results["processor_minutes"] = round(time.process_time() / 60, 1)
    (FOLDER / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def add_variant(
    results: dict[str, Any], name: str, changes: dict[str, Any], data: Dataset, recipe: Recipe, work: Path
) -> None:
    """Train a variant with every seed."""
    accuracies = project.learn_each(changes, data, recipe, work / name, project.SEEDS)
    mean, deviation = mean_and_deviation(accuracies)
    row = {"changes": changes, "accuracies": accuracies, "mean": round(mean, 4), "deviation": round(deviation, 4)}
    row["standard_error"] = round(standard_error(mean, len(data.validation)), 4)
    results["variants"][name] = row
    print(name, row, round(time.process_time()), flush=True)


def less_data(data: Dataset, recipe: Recipe, work: Path) -> dict[str, Any]:
    """Validation accuracy without mirroring, from half of the training images, in about as many steps."""
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(0))[: len(data.train) // 2]
    fewer = Split(data.train.pixels[order], data.train.labels[order])
    smaller = Dataset(data.name, data.labels, fewer, data.validation, data.test)
    changed = recipe.replace(flip="none", epochs=2 * recipe.epochs)
    found = {"images": len(fewer), "accuracy": round(project.learn(changed, smaller, work / "half")[1], 4)}
    print("less data", found, flush=True)
    return found


def study(data: Dataset, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """What `thumbnet tune` would find, with what is in project.py."""
    recipe = recipe.replace(epochs=project.TRIAL_EPOCHS)
    space = parse_space(project.SEARCH, recipe)
    opened = open_study(recipe, data, folder, space)
    list(run_trials(opened, recipe, data, folder, space, trials=project.TRIALS, device=CPU, show_progress=False))
    rows = {
        str(trial.number + 1): {
            "accuracy": round(trial.values[0], 4),
            "ended": "at its end" if trial.state.name == "COMPLETE" else "stopped early",
            **{field: round(value, 4) for field, value in trial.params.items()},
        }
        for trial in opened.get_trials()
        if trial.values
    }
    found = {"trials": rows, "best": opened.best_trial.params, "accuracy": round(opened.best_trial.values[0], 4)}
    print("study", found, flush=True)
    return found


def again(changes: dict[str, Any], data: Dataset, recipe: Recipe, folder: Path) -> np.ndarray:
    """Probabilities for the validation images, of the first seed's run, which is read from its folder."""
    return probabilities(project.learn(recipe.replace(**changes), data, folder / "0")[0], data.validation.pixels)


def analyse(changes: dict[str, Any], data: Dataset, recipe: Recipe, folder: Path, kinds: list[str]) -> dict[str, Any]:
    """Confusion, share of left taken for right or the other way, and accuracy by what is in the photograph."""
    labels, answers = data.validation.labels.numpy(), again(changes, data, recipe, folder).argmax(axis=1)
    counts = confusion(labels, answers, 4)
    left, right = data.labels.index("left"), data.labels.index("right")
    mistakes = int(counts.sum() - counts.trace())
    return {
        "confusion": counts.tolist(),
        "mistakes": mistakes,
        "accuracy": round(1 - mistakes / int(counts.sum()), 4),
        "sideways_mixed_up": int(counts[left, right] + counts[right, left]),
        "recall": {label: round(counts[i, i] / counts[i].sum(), 4) for i, label in enumerate(data.labels)},
        "kinds": accuracy_by_kind(labels == answers, kinds),
    }


def keep_worst(changes: dict[str, Any], data: Dataset, recipe: Recipe, folder: Path) -> None:
    """The most confident mistakes, for their figure."""
    shares, labels = again(changes, data, recipe, folder), data.validation.labels.numpy()
    worst = most_confident_mistakes(shares, labels, SHOWN)
    np.savez_compressed(
        FOLDER / "worst.npz",
        pixels=data.validation.pixels[torch.from_numpy(worst)].numpy(),
        labels=labels[worst],
        answers=shares[worst].argmax(axis=1),
        shares=shares[worst].max(axis=1).round(4),
    )


def difference(
    first: str, second: str, results: dict[str, Any], data: Dataset, recipe: Recipe, work: Path
) -> dict[str, Any]:
    """On the same validation images: what one gets right and the other wrong."""
    labels = data.validation.labels.numpy()
    one, other = (
        again(results["variants"][name]["changes"], data, recipe, work / name).argmax(axis=1) == labels
        for name in (first, second)
    )
    counts = int((one & ~other).sum()), int((~one & other).sum())
    return {"only_first": counts[0], "only_second": counts[1], "by_coins": sign_test(*counts)}


def by_four_views(changes: dict[str, Any], data: Dataset, recipe: Recipe, folder: Path) -> dict[str, float]:
    """Validation accuracy of one view, and of exercise 7."""
    network, alone = project.learn(recipe.replace(**changes), data, folder / "0")
    pixels, labels = data.validation.pixels.numpy().transpose(0, 2, 3, 1), data.validation.labels.numpy()

    def classify(image: np.ndarray) -> np.ndarray:
        return probabilities(network, torch.from_numpy(image.copy()).permute(2, 0, 1)[None])[0]

    answers = [int(four_views(classify, image, data.labels).argmax()) for image in pixels]
    return {"one": round(alone, 4), "four": round(float(np.mean(np.array(answers) == labels)), 4)}


def test(name: str, results: dict[str, Any], data: Dataset, recipe: Recipe, work: Path) -> dict[str, Any]:
    """What `thumbnet train` writes after the training: the test split is read here, and nowhere else."""
    changed = recipe.replace(**results["variants"][name]["changes"])
    weights = runs.run(changed, data, work / name / "0", device=CPU, show_progress=False)
    found = json.loads((weights / "results.json").read_text("utf-8"))
    keys = ("images", "accuracy", "ece", "coverage", "selective_accuracy")
    row = {key: found["test"][key] for key in keys} | {"parameters": found["parameters"]}
    row["standard_error"] = round(standard_error(row["accuracy"], row["images"]), 4)
    row["spoilt"] = round(found["corruptions"]["mean_accuracy"], 4)
    print("test", name, row, round(time.process_time()), flush=True)
    return row


if __name__ == "__main__":
    main()
