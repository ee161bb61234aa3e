"""Starting from trained weights: what is taken over, and what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from thumbnet import Classifier
from thumbnet.commands.describing import describe
from thumbnet.model.architectures import build
from thumbnet.model.datasets import Dataset, Split
from thumbnet.model.errors import InvalidArgument, WeightsCorrupt, WeightsNotFound
from thumbnet.model.images import Preprocessing
from thumbnet.model.recipe import Recipe
from thumbnet.model.recipes import load_recipe
from thumbnet.model.train import build_network
from thumbnet.model.weights import WeightsConfig, save_weights

OPTIONS = {"depth": 8}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a small colour network with three classes, as if it had been trained."""
    torch.manual_seed(7)
    network = build("resnet20", num_classes=3, in_channels=3, image_size=32, options=OPTIONS)
    network.fit_statistics(torch.randint(0, 256, (20, 3, 32, 32), dtype=torch.uint8))
    folder = tmp_path_factory.mktemp("trained")
    preprocessing = Preprocessing(image_size=32, channels=3)
    config = WeightsConfig(
        name="three", architecture="resnet20", options=OPTIONS, labels=("a", "b", "c"), preprocessing=preprocessing
    )
    save_weights(folder, network, config)
    return folder


def images(channels: int = 3, size: int = 32) -> Dataset:
    split = Split(torch.full((4, channels, size, size), 9, dtype=torch.uint8), torch.arange(4) % 2)
    return Dataset("two", ("x", "y"), split, split, split)


def recipe_for_start(trained: Path, **changes: object) -> Recipe:
    return Recipe(name="fine", architecture="", start_from=str(trained)).replace(**changes).resolved()


@pytest.mark.parametrize("size", [32, 48, 64])
def test_everything_but_the_head_is_taken_over_at_any_size(trained: Path, size: int) -> None:
    from safetensors.torch import load_file

    network = build_network(recipe_for_start(trained, image_size=size), images(size=size))
    weights = load_file(trained / "model.safetensors")
    for name, tensor in network.state_dict().items():
        if not name.startswith("head."):
            assert torch.equal(tensor, weights[name]), name
    assert network(images(size=size).train.pixels).shape == (4, 2)


@pytest.mark.parametrize("size", [48, 64])
def test_thumbnet_classifies_larger_images_through_onnx(size: int, tmp_path: Path) -> None:
    network = build("thumbnet", num_classes=2, in_channels=3, image_size=size)
    preprocessing = Preprocessing(image_size=size, channels=3)
    config = WeightsConfig(name="large", architecture="thumbnet", labels=("x", "y"), preprocessing=preprocessing)
    save_weights(tmp_path, network, config)
    classifier = Classifier.load(tmp_path)
    prediction = classifier.predict(np.full((300, 200, 3), 90, dtype=np.uint8))
    assert prediction.pixels.shape == (size, size, 3)
    assert prediction.label in ("x", "y")


def test_the_head_is_new_and_the_seed_decides_it(trained: Path) -> None:
    heads = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        heads.append(build_network(recipe_for_start(trained), images()).head.weight)
    assert heads[0].shape[0] == 2
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


def test_with_the_same_classes_the_head_is_taken_over_too(trained: Path) -> None:
    from safetensors.torch import load_file

    same = dataclasses.replace(images(), labels=("a", "b", "c"))
    weights = load_file(trained / "model.safetensors")
    network = build_network(recipe_for_start(trained), same)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in network.state_dict().items())
    reordered = build_network(recipe_for_start(trained), dataclasses.replace(images(), labels=("b", "a", "c")))
    assert not torch.equal(reordered.head.weight, weights["head.weight"])


def test_the_command_line_says_which_layers_are_taken_over(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(data: Dataset) -> str:
        describe(recipe_for_start(trained), "fine", data, Path("runs"), torch.device("cpu"))
        return " ".join(capsys.readouterr().out.split())

    assert "all layers but the last" in said(images())
    same = said(dataclasses.replace(images(), labels=("a", "b", "c")))
    assert "all layers" in same
    assert "but the last" not in same


def test_without_an_architecture_a_recipe_takes_that_of_the_weights(trained: Path) -> None:
    recipe = recipe_for_start(trained)
    assert (recipe.architecture, dict(recipe.options)) == ("resnet20", OPTIONS)
    assert Recipe(name="a", architecture="mlp").resolved() == Recipe(name="a", architecture="mlp")
    assert load_recipe("cifar10-alone").start_from == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "mlp"}, r"the recipe trains mlp .*is resnet20 .*Set start_from to other weights"),
        ({"options": {"depth": 14}}, r'trains resnet20 \{"depth": 14\}'),
    ],
)
def test_another_architecture_is_refused(trained: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        build_network(recipe_for_start(trained, **changes), images())


def test_other_channels_are_refused(trained: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"trained on 32 pixels in 3 channels; .*these layers do not fit: "):
        build_network(recipe_for_start(trained), images(channels=1))


def test_a_recipe_needs_an_architecture_from_somewhere() -> None:
    with pytest.raises(InvalidArgument, match="architecture must be a name, as start_from is empty"):
        Recipe(name="a", architecture="")


def test_weights_that_are_missing_or_changed_are_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsNotFound, match="cifra10"):
        Recipe(name="a", architecture="", start_from="cifra10").resolved()
    for path in trained.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    damaged = bytearray((tmp_path / "model.safetensors").read_bytes())
    damaged[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(damaged)
    with pytest.raises(WeightsCorrupt, match="was changed or damaged"):
        build_network(recipe_for_start(tmp_path), images())


def test_weights_that_start_a_run_are_only_read(trained: Path) -> None:
    before = {path: path.read_bytes() for path in trained.iterdir()}
    network = build_network(recipe_for_start(trained), images())
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    assert {path: path.read_bytes() for path in trained.iterdir()} == before
