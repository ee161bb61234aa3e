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


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """Of a folder of images with stripes that lie or stand."""
    folder, rng = tmp_path_factory.mktemp("data") / "stripes", np.random.default_rng(0)
    for label in ("lying", "standing"):
        (folder / label).mkdir(parents=True)
        for number in range(60):
            pixels = rng.normal(128, 30, (32, 32, 3)) + 60 * (np.arange(32) // 4 % 2)[:, None, None]
            pixels = pixels if label == "lying" else pixels.swapaxes(0, 1)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / label / f"{number}.png")
    changes = {"name": "stripes", "dataset": str(folder), "start_from": "", "options": {}, "precision": "fp32"}
    return load_recipe("images").replace(**changes)


@pytest.fixture(scope="module")
def learning_well(recipe: Recipe) -> Recipe:
    return recipe.replace(
        architecture="thumbnet",
        options={"widths": [8, 8, 8, 8]},
        epochs=10,
        batch_size=20,
        optimizer="muon",
        learning_rate=0.1,
    )


@pytest.fixture(scope="module")
def of_odd_batches(recipe: Recipe) -> Recipe:
    """Of 21 images one process sees eleven and the other ten."""
    return recipe.replace(architecture="mlp", epochs=4, batch_size=21, selection=0.7, flip="none", translate=0)


LOOP = """
import sys
from pathlib import Path
from thumbnet.model.datasets import load_dataset
from thumbnet.model.parallel import join_processes
from thumbnet.model.recipes import load_recipe
from thumbnet.model.train import train

with join_processes() as device:
    for file in map(Path, sys.argv[1:]):
        recipe = load_recipe(str(file))
        data = load_dataset(recipe.dataset, image_size=recipe.image_size, validation_share=recipe.validation_share)
        train(recipe, data, file.with_suffix(""), device=device, show_progress=False)
"""
"""The training of the command without what it measures afterwards, of one recipe after the other."""


@pytest.fixture(scope="module")
def trained_by_two(
    learning_well: Recipe, of_odd_batches: Recipe, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """The run folders of both recipes: starting two processes takes longer than training in them."""
    folder = tmp_path_factory.mktemp("two")
    files = folder / "learning_well.json", folder / "of_odd_batches.json"
    for file, recipe in zip(files, (learning_well, of_odd_batches), strict=True):
        write_json(file, recipe.to_dict())
    (folder / "loop.py").write_text(LOOP, encoding="utf-8")
    start_two(folder / "loop.py", *files, cache=folder / "cache")
    return files[0].with_suffix(""), files[1].with_suffix("")


def start_two(*arguments: object, cache: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1", "THUMBNET_CACHE": str(cache)},
    )
    assert done.returncode == 0, done.stderr
    return done


def epochs(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_two_processes_train_well_measure_once_and_train_twice_the_same(
    learning_well: Recipe, trained_by_two: tuple[Path, Path], tmp_path: Path
) -> None:
    write_json(tmp_path / "recipe.json", learning_well.to_dict())
    run, (again, _) = tmp_path / "run", trained_by_two
    command = ("-m", "thumbnet", "train", "--recipe", tmp_path / "recipe.json", "--out", run)
    done = start_two(*command, cache=tmp_path / "cache")
    assert done.stdout.count("Test accuracy") == 1
    assert json.loads((run / "weights" / "results.json").read_text())["test"]["accuracy"] >= 0.9
    assert len(epochs(run)) == 10
    first, second = (load_file(folder / CHECKPOINT) for folder in (run, again))
    assert first.keys() == second.keys()
    assert [name for name, tensor in first.items() if not torch.equal(tensor, second[name])] == []


def test_two_processes_take_the_steps_of_one_with_the_same_batch(
    of_odd_batches: Recipe, trained_by_two: tuple[Path, Path], tmp_path: Path
) -> None:
    """Of its 21 images each counts the same, whichever process saw it."""
    data = load_dataset(of_odd_batches.dataset, image_size=32, validation_share=of_odd_batches.validation_share)
    one, (_, two) = tmp_path, trained_by_two
    train(of_odd_batches, data, one, device=torch.device("cpu"), show_progress=False)
    assert [row["loss"] for row in epochs(one)] == pytest.approx([row["loss"] for row in epochs(two)], rel=1e-4)
