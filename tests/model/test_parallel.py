"""Several processes that train together, started as a user starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from thumbnet.model.datasets import load_dataset
from thumbnet.model.files import write_json
from thumbnet.model.recipe import Recipe
from thumbnet.model.recipes import load_recipe
from thumbnet.model.train import CHECKPOINT, train


@pytest.fixture
def stripes(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A folder of images with stripes that lie or stand."""
    for label in ("lying", "standing"):
        (tmp_path / "stripes" / label).mkdir(parents=True)
        for number in range(60):
            pixels = rng.normal(128, 30, (32, 32, 3)) + 60 * (np.arange(32) // 4 % 2)[:, None, None]
            pixels = pixels if label == "lying" else pixels.swapaxes(0, 1)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / "stripes" / label / f"{number}.png")
    return tmp_path / "stripes"


@pytest.fixture
def recipe(stripes: Path) -> Recipe:
    changes = {"name": "stripes", "dataset": str(stripes), "start_from": "", "options": {}, "precision": "fp32"}
    return load_recipe("images").replace(**changes)


LOOP = """
import sys
from pathlib import Path
from thumbnet.model.datasets import load_dataset
from thumbnet.model.parallel import join_processes
from thumbnet.model.recipes import load_recipe
from thumbnet.model.train import train

recipe = load_recipe(sys.argv[1])
data = load_dataset(recipe.dataset, image_size=recipe.image_size, validation_share=recipe.validation_share)
with join_processes() as device:
    train(recipe, data, Path(sys.argv[2]), device=device, show_progress=False)
"""
"""The training of the command without what it measures afterwards."""


def start_two(*arguments: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done


def train_two(recipe: Recipe, folder: Path) -> Path:
    script, file = folder.with_suffix(".py"), folder.with_suffix(".json")
    script.write_text(LOOP, encoding="utf-8")
    write_json(file, recipe.to_dict())
    start_two(script, file, folder)
    return folder


def epochs(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_two_processes_train_well_measure_once_and_train_twice_the_same(recipe: Recipe, tmp_path: Path) -> None:
    recipe = recipe.replace(
        architecture="thumbnet",
        options={"widths": [8, 8, 8, 8]},
        epochs=10,
        batch_size=20,
        optimizer="muon",
        learning_rate=0.1,
    )
    write_json(tmp_path / "recipe.json", recipe.to_dict())
    run = tmp_path / "run"
    done = start_two("-m", "thumbnet", "train", "--recipe", tmp_path / "recipe.json", "--out", run)
    assert done.stdout.count("Test accuracy") == 1
    assert json.loads((run / "weights" / "results.json").read_text())["test"]["accuracy"] >= 0.9
    assert len(epochs(run)) == 10
    again = train_two(recipe, tmp_path / "again")
    first, second = (load_file(folder / CHECKPOINT) for folder in (run, again))
    assert first.keys() == second.keys()
    assert [name for name, tensor in first.items() if not torch.equal(tensor, second[name])] == []


def test_two_processes_take_the_steps_of_one_with_the_same_batch(recipe: Recipe, tmp_path: Path) -> None:
    """Of 21 images one process sees eleven and the other ten; each counts the same."""
    recipe = recipe.replace(architecture="mlp", epochs=4, batch_size=21, selection=0.7, flip="none", translate=0)
    data = load_dataset(recipe.dataset, image_size=32, validation_share=recipe.validation_share)
    one = tmp_path / "one"
    one.mkdir()
    train(recipe, data, one, device=torch.device("cpu"), show_progress=False)
    two = train_two(recipe, tmp_path / "two")
    assert [row["loss"] for row in epochs(one)] == pytest.approx([row["loss"] for row in epochs(two)], rel=1e-4)
