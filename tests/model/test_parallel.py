"""Several processes that train together, started as a user starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


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


WITH_NORMS = ('options={"widths": [8, 8, 8, 8]}', "epochs=10", "batch_size=20", "optimizer=muon", "learning_rate=0.1")
PLAIN = (
    *("architecture=mlp", "epochs=4", "batch_size=21", "selection=0.7"),
    *("flip=none", "translate=0", "precision=fp32"),
)


def train(
    data: Path, out: Path, processes: int, changes: tuple[str, ...] = WITH_NORMS
) -> subprocess.CompletedProcess[str]:
    starter = [sys.executable, "-m"]
    if processes > 1:
        starter += ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m"]
    options = ["--recipe", "images", *(f"--set={change}" for change in changes)]
    return subprocess.run(
        [*starter, "thumbnet", "train", "--data", data, "--out", out, *options],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def accuracy_and_epochs(run: Path) -> tuple[float, int]:
    results = json.loads((run / "weights" / "results.json").read_text())
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return results["test"]["accuracy"], len(lines)


def test_two_processes_train_as_well_as_one_with_the_same_batch_and_twice_the_same(
    stripes: Path, tmp_path: Path
) -> None:
    for name, processes in (("one", 1), ("two", 2), ("again", 2)):
        done = train(stripes, tmp_path / name, processes)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("Test accuracy") == 1
        accuracy, epochs = accuracy_and_epochs(tmp_path / name)
        assert accuracy >= 0.9
        assert epochs == 10
    first, second = ((tmp_path / name / "weights" / "model.safetensors").read_bytes() for name in ("two", "again"))
    assert first == second


def test_an_image_counts_as_much_in_a_smaller_share_of_the_batch(stripes: Path, tmp_path: Path) -> None:
    losses = []
    for processes in (1, 2):
        done = train(stripes, tmp_path / f"run{processes}", processes, PLAIN)
        assert done.returncode == 0, done.stderr
        lines = (tmp_path / f"run{processes}" / "metrics.jsonl").read_text().splitlines()
        losses.append([json.loads(line)["loss"] for line in lines])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
