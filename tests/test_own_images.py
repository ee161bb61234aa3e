"""`thumbnet train --data`, run as a user runs it: what it finds, says, refuses and leaves."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image
from typer.testing import CliRunner, Result

from thumbnet.cli import app
from thumbnet.model.checkpoint import read_progress
from thumbnet.model.recipes import recipe_for

QUICK = ("--set", "architecture=resnet20", "--set", 'options={"depth": 8}', "--set", "batch_size=8")


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop where the training would begin."""

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("thumbnet.model.runs.run", stop)


@pytest.fixture
def unsaved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train, and find the disk full when the weights are saved."""

    def fill_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("thumbnet.model.runs.save_weights", fill_disk)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def flat(text: str) -> str:
    """Text without the line ends and spaces of tables."""
    return " ".join(text.split())


@pytest.fixture
def sky(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Thirty photographs by day and as many by night; they differ in brightness."""
    for label, colour in (("day", 200), ("night [late]", 40)):
        (tmp_path / "my sky" / label).mkdir(parents=True)
        for number in range(30):
            pixels = rng.normal(colour, 20, (50, 70, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "my sky" / label / f"{number}.jpg")
    return tmp_path / "my sky"


def test_a_folder_of_images_is_trained_measured_and_used(sky: Path, tmp_path: Path) -> None:
    trained = run("train", "--data", sky, "--out", tmp_path / "a run", *QUICK, "--set", "epochs=8")
    assert trained.exit_code == 0, trained.output
    weights = tmp_path / "a run" / "weights"
    assert f"thumbnet demo --weights '{weights}'" in trained.stdout.replace("\n", "")
    measured = json.loads(run("evaluate", "--weights", weights, "--robustness").stdout)
    assert measured["corruptions"]["mean_accuracy"] > 0.5
    assert measured["outliers"]["noise"]["auroc"]
    results = json.loads((weights / "results.json").read_text())
    assert measured["accuracy"] == results["test"]["accuracy"] >= 0.9
    assert measured["images"] == results["test"]["images"]
    whole = json.loads(run("evaluate", "--weights", weights, "--data", sky, "--all").stdout)
    assert (whole["split"], whole["images"]) == ("all", sum(1 for _ in sky.rglob("*.jpg")))
    assert json.loads(run("info", "--weights", weights).stdout)["labels"] == ["day", "night [late]"]
    night = sky / "night [late]" / "0.jpg"
    assert "night [late]" in run("predict", night, "--weights", weights, "--top-k", 1).stdout


@pytest.mark.usefixtures("untrained")
def test_what_was_found_is_shown_before_the_training(sky: Path, tmp_path: Path) -> None:
    for number in range(12):
        (sky / "day" / f"broken [{number:02}].jpg").write_bytes(b"\xff\xd8")
    (sky / "day" / "notes.txt").touch()
    (sky / "drafts").mkdir()
    shutil.copy(sky / "day" / "7.jpg", sky / "night [late]" / "copy.jpg")
    result = run("train", "--data", sky, "--out", tmp_path / "run", *QUICK)
    assert result.exit_code == 130
    shown = flat(result.stdout)
    assert "recipe images-small" in shown
    assert "data my sky: 2 classes" in shown
    assert "cut from train validation and test" in shown
    assert "day 22 4 4" in shown
    warned = flat(result.stderr)
    assert "unreadable images, left out: 12 day/broken [00].jpg: " in warned
    assert f"2 more in {tmp_path / 'run' / 'findings.txt'}" in warned
    assert "broken [11].jpg" not in warned
    assert "the same image in two classes: 1 night [late]/copy.jpg is day/7.jpg" in warned
    assert "not JPEG, PNG, WebP, GIF and BMP: 1 .txt: 1" in warned
    assert "neither a class nor a split: 1 drafts" in warned
    full = (tmp_path / "run" / "findings.txt").read_text()
    assert all(f"day/broken [{number:02}].jpg: " in full for number in range(12))


@pytest.mark.usefixtures("untrained")
def test_of_many_classes_the_smallest_and_largest_are_shown(tmp_path: Path, rng: np.random.Generator) -> None:
    for number in range(30):
        (tmp_path / "many" / f"class {number:02}").mkdir(parents=True)
        for copy in range(5 + number):
            pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "many" / f"class {number:02}" / f"{copy}.png")
    result = run("train", "--data", tmp_path / "many", "--out", tmp_path / "run", *QUICK)
    shown = flat(result.stdout)
    assert "class 00 3 1 1" in shown
    assert "… 20 classes between …" in shown
    assert "class 29" in shown
    assert "class 12" not in shown
    assert "classes with fewer than 10 images to learn from: 9 class 00: 3 class 01: 4" in flat(result.stderr)


@pytest.mark.usefixtures("untrained")
def test_a_folder_named_like_a_data_set_is_still_the_folder(
    sky: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sky.rename(tmp_path / "mnist")
    monkeypatch.chdir(tmp_path)
    assert "data mnist: 2 classes" in flat(run("train", "--data", "mnist", "--out", "run", *QUICK).stdout)


@pytest.mark.parametrize(
    ("images", "recipe"), [(1_999, "images-small"), (2_000, "images"), (50_000, "images"), (50_001, "images-large")]
)
def test_the_recipe_goes_by_the_number_of_images(images: int, recipe: str) -> None:
    assert recipe_for(images).name == recipe


@pytest.mark.usefixtures("untrained")
def test_a_recipe_that_is_named_is_taken(sky: Path, tmp_path: Path) -> None:
    named = run("train", "--data", sky, "--recipe", "images-large", "--out", tmp_path / "run", *QUICK)
    assert "recipe images-large" in flat(named.stdout)


def make_empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def make_one_class(folder: Path) -> None:
    shutil.rmtree(folder / "day")


def make_unreadable(folder: Path) -> None:
    for path in folder.rglob("*.jpg"):
        path.write_text("no picture")


def make_one_image(folder: Path) -> None:
    (folder / "[b]rare").mkdir()
    shutil.copy(folder / "day" / "0.jpg", folder / "[b]rare")


def make_splits_differ(folder: Path) -> None:
    for label in ("day", "night [late]"):
        shutil.copytree(folder / label, folder / "train" / label)
    shutil.copytree(folder / "day", folder / "test" / "[dawn]")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (make_empty, "has no sub-folders with images"),
        (make_one_class, "has one class, 'night [late]'; at least 2 are needed"),
        (make_unreadable, "none of the 60 images can be read; the first: day/0.jpg"),
        (make_one_image, "are in no other split, of: [b]rare"),
        (make_splits_differ, "train does not have: [dawn]"),
    ],
)
def test_a_folder_that_cannot_be_learned_from_is_one_line(
    sky: Path, tmp_path: Path, spoil: object, message: str
) -> None:
    spoil(sky)  # type: ignore[operator]
    result = run("train", "--data", sky, "--out", tmp_path / "run", *QUICK)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--image-size", "8", "--set", "architecture=thumbnet"), "thumbnet needs images of at least 16 pixels"),
        (("--image-size", "2000"), "recipe field image_size must be 1 … 1024; received 2000"),
        (("--image-size", "0"), "recipe field image_size must be 1 … 1024; received 0"),
        (("--set", "architecture=resnet"), "Did you mean 'resnet20'?"),
        (("--set", "start_from=cifra10"), "Did you mean 'cifar10'?"),
    ],
)
def test_a_network_that_cannot_be_built_is_refused_before_images_are_read(
    sky: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = run("train", "--data", sky, *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert not list(Path(os.environ["THUMBNET_CACHE"]).rglob("*.npy"))


def test_a_batch_of_one_image_is_refused_where_batch_norms_need_more(sky: Path, tmp_path: Path) -> None:
    result = run("train", "--data", sky, "--out", tmp_path / "run", *QUICK, "--set", "batch_size=1")
    assert result.exit_code == 1
    assert "set batch_size to 2 or more" in flat(result.stderr)


@pytest.mark.usefixtures("unsaved")
def test_a_full_disk_is_one_line_and_keeps_the_checkpoint(sky: Path, tmp_path: Path) -> None:
    result = run("train", "--data", sky, "--out", tmp_path / "run", *QUICK, "--set", "epochs=1")
    assert result.exit_code == 1
    assert f"error: cannot write to {tmp_path / 'run'}: [Errno 28] No space left on device." in result.stderr
    assert "Traceback" not in result.stderr
    assert read_progress(tmp_path / "run" / "checkpoint.safetensors").step == 5


@pytest.mark.usefixtures("unsaved")
def test_a_checkpoint_of_another_network_is_refused_and_kept(sky: Path, tmp_path: Path) -> None:
    arguments = ("train", "--data", sky, "--out", tmp_path / "run", "--set", "epochs=1")
    run(*arguments, *QUICK)
    checkpoint = tmp_path / "run" / "checkpoint.safetensors"
    before = checkpoint.read_bytes()
    other = run(*arguments, "--set", "architecture=lenet")
    assert other.exit_code == 1
    assert "was made with another recipe (different: architecture" in other.stderr
    assert checkpoint.read_bytes() == before


@pytest.mark.usefixtures("untrained")
def test_what_was_mended_is_no_longer_listed(sky: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thumbnet.commands.describing.FEW_HELD_OUT", 1)
    bad = sky / "day" / "bad.jpg"
    bad.write_text("no picture")
    command = ("train", "--data", sky, "--out", tmp_path / "run", *QUICK)
    run(*command)
    assert "bad.jpg" in (tmp_path / "run" / "findings.txt").read_text()
    bad.unlink()
    run(*command)
    assert not (tmp_path / "run" / "findings.txt").exists()


def test_what_cannot_be_meant_is_refused(sky: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sky)
    for arguments, message in (
        (("--data", "."), "lies in ., and would be taken for images"),
        (("--data", sky, "--out", sky / "run"), "would be taken for images"),
        (("--data", sky, "--set", "dataset=mnist", "--out", tmp_path), "leave one of them out"),
        (("--recipe", "lenet", "--set", "dataset=", "--out", tmp_path), "dataset must be the name"),
    ):
        result = run("train", *arguments)
        assert result.exit_code == 1
        assert message in flat(result.stderr)
    assert run("train", "--data", "").exit_code == 2
    assert {path.name for path in sky.iterdir()} == {"day", "night [late]"}


def test_two_trainings_do_not_share_a_folder(sky: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with FileLock(tmp_path / "run" / ".lock"):
        result = run("train", "--data", sky, "--out", tmp_path / "run", *QUICK)
    assert result.exit_code == 1
    assert "another training writes to" in flat(result.stderr)


def test_too_little_memory_is_told_in_a_line(sky: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 46 bytes")

    monkeypatch.setattr("thumbnet.model.runs.run", fail)
    result = run("train", "--data", sky, "--out", tmp_path / "run", *QUICK)
    assert result.exit_code == 1
    assert "not enough memory for resnet20 and batches of 8 images of 32 pixels" in flat(result.stderr)


def test_a_process_that_loses_another_one_points_to_its_message(
    sky: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("[../third_party/gloo/gloo/transport/tcp/pair.cc:544] Connection closed by peer [127.0.0.1]")

    monkeypatch.setattr("thumbnet.model.runs.run", fail)
    monkeypatch.setattr("thumbnet.model.parallel.size", lambda: 2)
    result = run("train", "--data", sky, "--out", tmp_path / "run", *QUICK)
    assert result.exit_code == 1
    assert "error: another process of this training has ended; its message says why." in flat(result.stderr)


@pytest.mark.usefixtures("untrained")
def test_few_images_and_uneven_classes_are_pointed_out(sky: Path, tmp_path: Path) -> None:
    for path in (sky / "night [late]").iterdir():
        if int(path.stem) > 2:
            path.unlink()
    said = flat(run("train", "--data", sky, "--out", tmp_path / "run", *QUICK).stderr)
    assert "few images to measure on (under 100)" in said
    assert "day: 22 to learn from, night [late]: 1; always answering the former is right for 80.0%" in said


def test_weights_are_measured_on_the_images_they_were_trained_with_or_those_that_are_given(
    sky: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    weights = tmp_path / "run" / "weights"
    trained = run("train", "--data", "my sky", "--out", "run", *QUICK, "--set", "epochs=1")
    assert trained.exit_code == 0, trained.output
    assert f"{len(list(sky.rglob('*.jpg')))} images" not in trained.stdout
    config = json.loads((weights / "config.json").read_text())
    assert (config["temperature"], config["abstention_score"]) == (1.0, "max_probability"), "too few images to choose"
    assert run("evaluate", "--weights", weights).exit_code == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    result = run("evaluate", "--weights", weights)
    assert "which is not found from here; give --data" in flat(result.stderr)
    shutil.copytree(sky, elsewhere / "my sky")
    (elsewhere / "my sky" / "day" / "0.jpg").unlink()
    assert "holds other images" in flat(run("evaluate", "--weights", weights).stderr)
    assert run("evaluate", "--weights", weights, "--data", "my sky").exit_code == 0


def test_a_folder_without_an_image_for_validation_is_refused(sky: Path, tmp_path: Path) -> None:
    for path in sky.rglob("*.jpg"):
        if int(path.stem) > 1:
            path.unlink()
    result = run("train", "--data", sky, "--out", tmp_path / "run", *QUICK)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "has no image for validation; give at least one of its classes three images" in result.stderr


@pytest.mark.parametrize("command", ["train", "tune"])
def test_a_place_that_cannot_be_written_is_refused_before_images_are_read(
    command: str, sky: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("thumbnet.model.datasets.load_dataset", read)
    (tmp_path / "file").touch()
    result = run(command, "--data", sky, "--out", tmp_path / "file" / "run", *QUICK)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "file is not a folder. Choose another with --out." in result.stderr


def test_paths_with_brackets_are_printed_as_they_are(
    sky: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pretend(*_: object, **__: object) -> Path:
        weights = tmp_path / "x[/y]" / "weights"
        weights.mkdir(parents=True)
        (weights / "results.json").write_text('{"test": {"accuracy": 0.5}}')
        return weights

    monkeypatch.setattr("thumbnet.model.runs.run", pretend)
    done = run("train", "--data", sky, "--out", tmp_path / "x[/y]", *QUICK)
    assert done.exit_code == 0, done.output
    assert f"Weights and card are in {tmp_path}/x[/y]/weights." in done.stdout
    assert f"thumbnet demo --weights '{tmp_path}/x[/y]/weights'" in done.stdout
