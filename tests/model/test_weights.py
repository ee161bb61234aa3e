"""Weights folders: whole, verified, local or from the Hub; a file that was changed is never used."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import pytest

from thumbnet import Classifier
from thumbnet.model.errors import InvalidArgument, WeightsCorrupt, WeightsNotFound
from thumbnet.model.images import Preprocessing
from thumbnet.model.weights import (
    SHIPPED_ROOT,
    WeightsConfig,
    find_weights,
    load_network,
    read_config,
    read_results,
    shipped_weights,
    verified,
    write_config,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped MNIST weights."""
    return Path(shutil.copytree(SHIPPED_ROOT / "mnist", tmp_path / "copy"))


def change(folder: Path, **values: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_both_models_are_shipped_whole_and_small() -> None:
    assert shipped_weights() == ("cifar10", "mnist")
    for name in shipped_weights():
        folder = find_weights(name)
        config = read_config(folder)
        assert {path.name for path in folder.iterdir()} >= {"README.md", "config.json", *config.files}
        assert set(config.files) == {"model.onnx", "model.safetensors", "results.json"}
        for file in config.files:
            verified(folder, config, file)
        assert sum(path.stat().st_size for path in folder.iterdir()) <= 20_000_000
        assert b"site-packages" not in (folder / "model.onnx").read_bytes(), "a stack trace names the exporting machine"


def test_a_file_that_may_not_be_read_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("thumbnet.model.weights.sha256", refuse)
    with pytest.raises(WeightsCorrupt, match=r"cannot read .*model\.onnx: Permission denied\. Let this user read it"):
        Classifier.load(folder)


def test_a_copied_folder_loads_by_path(folder: Path, mnist: Classifier) -> None:
    for path in (folder, str(folder)):
        assert Classifier.load(path).config == mnist.config


def test_a_path_is_never_a_shipped_model(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(folder, "cifar10")
    classifier = Classifier.load(Path("./cifar10"))
    assert classifier.labels == tuple("0123456789")
    assert Classifier.load(classifier.source).labels == classifier.labels


@pytest.mark.parametrize("file", ["model.onnx", "model.safetensors"])
def test_a_changed_file_is_refused(folder: Path, file: str) -> None:
    content = bytearray((folder / file).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / file).write_bytes(content)
    with pytest.raises(WeightsCorrupt, match=r"has the sha256 .* but config\.json says .*download or train it again"):
        Classifier.load(folder, runtime="openvino" if file == "model.onnx" else "torch")


def test_a_missing_or_unlisted_file_is_refused(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    with pytest.raises(WeightsCorrupt, match=r"has no model\.onnx"):
        Classifier.load(folder)
    change(folder, files={})
    with pytest.raises(WeightsCorrupt, match=r"has no model\.safetensors"):
        Classifier.load(folder, runtime="torch")


def test_files_that_do_not_fit_the_config_are_refused(folder: Path) -> None:
    change(folder, architecture="lenet", options={})
    with pytest.raises(WeightsCorrupt, match="does not fit lenet"):
        load_network(folder, read_config(folder))
    (folder / "model.onnx").write_bytes(b"not a network")
    write_config(folder, read_config(folder))
    with pytest.raises(WeightsCorrupt, match="cannot be loaded"):
        Classifier.load(folder)


@pytest.mark.parametrize(
    "values",
    [
        {"labels": ["one"]},
        {"labels": ["same", "same"]},
        {"labels": None},
        {"temperature": 0},
        {"temperature": "warm"},
        {"temperature": float("inf")},
        {"temperature": 1e-300},
        {"temperature": 10**400},
        {"labels": ["one", ""]},
        {"labels": ["one", "\udcff"]},
        {"name": "\udcff"},
        {"known_answer": [0.5]},
        {"preprocessing": {"image_size": 28.0, "channels": 1}},
        {"abstention_threshold": 2},
        {"abstention_score": "certainty"},
        {"preprocessing": {"image_size": 28}},
        {"preprocessing": {"image_size": -1, "channels": 1}},
        {"files": []},
    ],
)
def test_a_config_that_makes_no_sense_is_refused(folder: Path, values: dict[str, object]) -> None:
    change(folder, **values)
    with pytest.raises(WeightsCorrupt, match=r"config\.json cannot be used"):
        read_config(folder)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"preprocessing": {"image_size": 48, "channels": 1}},
            r"takes pixels \? × 28 × 28 × 1, but .* \? × 48 × 48 × 1",
        ),
        (
            {"preprocessing": {"image_size": 28, "channels": 3}},
            r"takes pixels \? × 28 × 28 × 1, but .* \? × 28 × 28 × 3",
        ),
        ({"labels": ["one", "two"], "known_answer": []}, r"gives logits \? × 10, but .* logits \? × 2"),
    ],
)
def test_a_config_of_another_network_is_refused(folder: Path, values: dict[str, object], message: str) -> None:
    change(folder, **values)
    with pytest.raises(WeightsCorrupt, match=message):
        Classifier.load(folder)


def test_changed_results_are_refused(folder: Path) -> None:
    config = read_config(folder)
    assert read_results(folder, config)["dataset"] == "mnist"
    (folder / "results.json").write_text((folder / "results.json").read_text().replace("0.99", "1.00"))
    with pytest.raises(WeightsCorrupt, match=r"results\.json has the sha256"):
        read_results(folder, config)
    (folder / "results.json").unlink()
    assert read_results(folder, write_config(folder, config)) == {}


@pytest.mark.parametrize("text", ["{", "[]", "{}", "null", pytest.param("[" * 100_000, id="deep")])
def test_a_config_that_is_no_config_is_refused(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(WeightsCorrupt, match=r"config\.json cannot be used"):
        read_config(folder)


def test_a_folder_without_config_is_no_weights_folder(tmp_path: Path) -> None:
    with pytest.raises(WeightsNotFound, match=r"has no config\.json"):
        Classifier.load(tmp_path)


@pytest.mark.parametrize("name", ["cifar", "no/such/folder", "https://example.org/model", "../mnist"])
def test_what_is_neither_shipped_nor_a_folder_nor_a_hub_id_is_refused(name: str) -> None:
    with pytest.raises(WeightsNotFound, match=r"unknown weights .*owner/name"):
        find_weights(name)


def test_a_config_survives_being_written(tmp_path: Path) -> None:
    config = WeightsConfig(
        name="pets",
        architecture="lenet",
        options={"activation": "tanh"},
        labels=("cat", "dog"),
        preprocessing=Preprocessing(image_size=32, channels=3),
        temperature=1.25,
        abstention_score="energy",
        abstention_threshold=4.5,
    )
    assert write_config(tmp_path, config) == read_config(tmp_path) == config


def test_a_config_checks_its_values() -> None:
    with pytest.raises(InvalidArgument, match="labels must be two or more"):
        WeightsConfig(name="a", architecture="mlp", labels=("x",), preprocessing=Preprocessing(32, 3))


@pytest.mark.parametrize("text", ["\x1b[2J", "two\nlines", "a\u2028b", "half \ud83d"])
def test_a_name_that_no_line_can_hold_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="text in a line"):
        WeightsConfig(name="a", architecture="mlp", labels=("x", text), preprocessing=Preprocessing(32, 3))


@pytest.mark.parametrize("size", [True, 32.0, "32"])
def test_sizes_are_whole_numbers(size: Any) -> None:
    with pytest.raises(InvalidArgument, match="image_size"):
        Preprocessing(size, 3)
    with pytest.raises(InvalidArgument, match="channels"):
        Preprocessing(32, size)


def test_only_a_repository_of_the_hub_has_a_revision(folder: Path) -> None:
    for weights in ("cifar10", folder, "x" * 300):
        with pytest.raises(InvalidArgument, match="only a Hub repository"):
            find_weights(weights, revision="main")


def replace_onnx(folder: Path, edit: Callable[[onnx.ModelProto], object]) -> None:
    """Change model.onnx, and the sha256 in config.json with it."""
    model = onnx.load(folder / "model.onnx")
    edit(model)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    write_config(folder, read_config(folder))


def rename_output(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        node.output[:] = ["answer" if name == "logits" else name for name in node.output]
    model.graph.output[0].name = "answer"


def fix_batch(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2


def add_input(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer.pop()
    model.graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))


@pytest.mark.parametrize("edit", [rename_output, fix_batch, add_input])
def test_a_graph_that_cannot_be_asked_is_refused(folder: Path, edit: Callable[[onnx.ModelProto], None]) -> None:
    replace_onnx(folder, edit)
    with pytest.raises(WeightsCorrupt, match=r"(takes|gives) .*, but config\.json says "):
        Classifier.load(folder)


def test_no_tensor_is_read_from_a_file_without_a_sha256(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    model = onnx.load(folder / "model.onnx")
    onnx.save_model(model, folder / "model.onnx", save_as_external_data=True, location="beside.bin", size_threshold=0)
    assert (folder / "beside.bin").stat().st_size > 10_000
    write_config(folder, read_config(folder))
    with pytest.raises(WeightsCorrupt, match="keeps tensors in other files"):
        Classifier.load(folder)


def test_weights_that_are_no_numbers_never_give_a_sure_answer(folder: Path) -> None:
    def spoil(model: onnx.ModelProto) -> None:
        for tensor in model.graph.initializer:
            if tensor.data_type == onnx.TensorProto.FLOAT:
                values = np.full(onnx.numpy_helper.to_array(tensor).shape, np.nan, dtype=np.float32)
                tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))

    replace_onnx(folder, spoil)
    change(folder, known_answer=[])
    classifier = Classifier.load(folder)
    with pytest.raises(WeightsCorrupt, match="damaged"):
        classifier.check()
    assert classifier.predict(np.zeros((28, 28), dtype=np.uint8)).abstained


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff" * 100])
def test_a_safetensors_file_that_is_none_is_refused(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(WeightsCorrupt, match="does not fit"):
        load_network(folder, write_config(folder, read_config(folder)))
