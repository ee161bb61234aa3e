"""The command, run as a user runs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

import thumbnet
from thumbnet import Classifier
from thumbnet.cli import app
from thumbnet.model import explain
from thumbnet.model.weights import SHIPPED_ROOT, read_config, write_config

DIGIT = str(Path(__file__).resolve().parent.parent / "demo" / "examples" / "digit-7.png")


@pytest.fixture
def images(tmp_path: Path, rng: np.random.Generator) -> list[Path]:
    paths = []
    for number in range(3):
        path = tmp_path / f"{number}.png"
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(path)
        paths.append(path)
    return paths


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_version_is_printed() -> None:
    assert run("--version").output.strip() == thumbnet.__version__


def test_predict_prints_a_line_for_each_image(images: list[Path]) -> None:
    result = run("predict", *images, "--top-k", 2)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == [str(path) for path in images]
    assert all(line.count("%") == 2 for line in lines)


def test_predict_as_json_gives_what_the_classifier_gives(images: list[Path], mnist: Classifier) -> None:
    result = run("predict", *images, "--json", "--weights", "mnist", "--top-k", 10)
    for line, path in zip(result.stdout.splitlines(), images, strict=True):
        row = json.loads(line)
        expected = mnist.predict(path).to_dict()
        assert row["image"] == str(path)
        assert row["scores"] == expected["scores"]


def test_a_broken_image_does_not_stop_the_others(images: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_text("not a picture")
    many = [*images, broken, *images * 60]
    result = run("predict", *many, "--json")
    assert result.exit_code == 1
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["image"] for row in rows] == [str(path) for path in many]
    assert [row for row in rows if "error" in row] == [rows[3]]
    assert f"1 of {len(many)} images could not be read." in result.stderr


def test_a_photograph_may_be_larger_than_what_strangers_may_send(tmp_path: Path) -> None:
    photograph = tmp_path / "large.jpg"
    Image.new("L", (4200, 4000), 200).save(photograph)
    assert str(photograph) in run("predict", photograph, "--weights", "mnist").stdout
    explained = run("explain", photograph, "--weights", "mnist", "--out", tmp_path / "heat.png")
    assert explained.exit_code == 0, explained.output


def test_explain_writes_the_picture_that_the_model_package_gives(
    images: list[Path], tmp_path: Path, mnist: Classifier
) -> None:
    out = tmp_path / "heat.png"
    result = run("explain", images[0], "--weights", "mnist", "--label", "3", "--out", out, "--size", 112)
    assert result.exit_code == 0
    explanation = explain(mnist, images[0], "3")
    assert result.stdout.startswith(f"{images[0]}: 3 {explanation.probability:.1%}")
    np.testing.assert_array_equal(Image.open(out), explanation.overlay(size=112))


def test_info_describes_a_model() -> None:
    described = json.loads(run("info", "--weights", "mnist").stdout)
    assert described["labels"] == list("0123456789")
    assert described["results"]["test"]["images"] == 10_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "x.png", "--weights", "cifra10"], "Did you mean 'cifar10'?"),
        (["explain", "x.png"], "there is no file x.png"),
        (["explain", DIGIT, "--weights", "mnist", "--label", "seven"], "unknown label 'seven'; known: 0, 1"),
        (["explain", DIGIT, "--weights", "mnist", "--out", "heat.jpg"], "must be the name of a PNG file"),
        (["explain", DIGIT, "--weights", "mnist", "--out", "no/such/heat.png"], "cannot write no/such/heat.png"),
        (["train", "--recipe", "cifar"], "Did you mean 'cifar10'?"),
        (["train", "--data", "no/such/folder"], "no folder"),
        (["train", "--set", "epoch=3"], "Did you mean 'epochs'?"),
        (["train", "--set", "epochs=many"], "epochs must be of type int; received 'many'"),
        (["evaluate", "--weights", "mnist", "--data", "cifar10"], "They must be the same"),
        (["serve", "--port", "0"], "port (THUMBNET_PORT) must be a whole number"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_1(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("error: ")


def test_a_change_without_a_value_is_a_usage_error() -> None:
    result = run("train", "--set", "epochs")
    assert result.exit_code == 2
    assert "--set takes field=value" in result.stderr


def test_evaluate_needs_to_know_the_data(tmp_path: Path) -> None:
    from thumbnet.model.weights import find_weights, read_config, write_config

    source = find_weights("mnist")
    (tmp_path / "model.onnx").write_bytes((source / "model.onnx").read_bytes())
    write_config(tmp_path, read_config(source))
    result = run("evaluate", "--weights", tmp_path)
    assert result.exit_code == 1
    assert "give --data" in result.stderr


def test_evaluate_compares_channels_too(tmp_path: Path) -> None:
    from thumbnet.model.architectures import build
    from thumbnet.model.images import Preprocessing
    from thumbnet.model.weights import WeightsConfig, save_weights

    network = build("mlp", num_classes=10, in_channels=3, image_size=28)
    config = WeightsConfig(
        name="colourful",
        architecture="mlp",
        labels=tuple("0123456789"),
        preprocessing=Preprocessing(image_size=28, channels=3),
    )
    save_weights(tmp_path, network, config)
    result = run("evaluate", "--weights", tmp_path, "--data", "mnist")
    assert result.exit_code == 1
    assert f"mnist has images of 1 channel(s); {tmp_path} takes 3" in result.stderr.replace("\n", " ")


def test_evaluate_finds_a_damaged_file_that_this_machine_does_not_use(tmp_path: Path) -> None:
    from thumbnet.model.weights import SHIPPED_ROOT

    folder = shutil.copytree(SHIPPED_ROOT / "mnist", tmp_path / "copy")
    (folder / "model.safetensors").unlink()
    result = run("evaluate", "--weights", folder)
    assert result.exit_code == 1
    assert "has no model.safetensors" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", DIGIT, "--weights", "x" * 300),
        ("info", "--weights", "x" * 300),
        ("evaluate", "--data", "x" * 300),
        ("train", "--data", "x" * 300),
        ("train", "--recipe", "x" * 300),
        ("train", "--out", "x" * 300),
    ],
)
def test_a_name_that_no_file_can_have_is_one_line(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("error:")
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_a_full_disk_behind_the_output_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "thumbnet", "info"]
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode != 0
    assert "No space left" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_terminal_need_not_know_every_character() -> None:
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-m", "thumbnet", "--help"]
    result = subprocess.run(command, capture_output=True, env=plain, check=False)
    assert result.returncode == 0, result.stderr
    assert b"Labelled thumbnails" in result.stdout


@pytest.mark.parametrize("recipe", [[], {"dataset": 7}, {"dataset": "mnist", "validation_share": "x"}])
def test_a_recipe_that_makes_no_sense_is_not_evaluated(tmp_path: Path, recipe: object) -> None:
    folder = Path(shutil.copytree(SHIPPED_ROOT / "mnist", tmp_path / "weights"))
    results = json.loads((folder / "results.json").read_text())
    (folder / "results.json").write_text(json.dumps(results | {"recipe": recipe}))
    write_config(folder, read_config(folder))
    result = run("evaluate", "--weights", folder)
    assert result.exit_code == 1
    assert "a recipe that makes no sense" in result.stderr


def test_labels_cannot_speak_to_the_terminal(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHIPPED_ROOT / "mnist", tmp_path / "weights"))
    config = json.loads((folder / "config.json").read_text())
    for label, code in (("\x1b[31m7\n", 1), ("7\u202e", 0)):
        config["labels"][7] = label
        (folder / "config.json").write_text(json.dumps(config))
        for command in (("predict",), ("explain", "--out", tmp_path / "heat.png")):
            result = run(*command, DIGIT, "--weights", folder)
            assert result.exit_code == code
            assert not {"\x1b", "\u202e"} & set(result.output)
