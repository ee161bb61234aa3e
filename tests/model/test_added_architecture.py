"""The network of "add an architecture": built, trained, saved and asked like any other once it is in the dict."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from thumbnet.model import Classifier, InvalidArgument
from thumbnet.model.architectures import ARCHITECTURES, Network, build, count_macs, count_parameters
from thumbnet.model.datasets import Dataset, Split
from thumbnet.model.recipe import Recipe
from thumbnet.model.runs import weights_config
from thumbnet.model.train import train
from thumbnet.model.weights import save_weights

FILE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "code" / "add_architecture.py"


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> type[Network]:
    """The class of the guide, with its line in the dict."""
    spec = importlib.util.spec_from_file_location("add_architecture", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(ARCHITECTURES, "plain", module.Plain)
    return module.Plain


@pytest.mark.usefixtures("plain")
def test_it_learns_by_a_recipe_and_its_onnx_file_agrees(tmp_path: Path) -> None:
    labels = torch.arange(64) % 2
    noise = torch.randint(0, 60, (64, 3, 16, 16), generator=torch.Generator().manual_seed(0))
    split = Split((noise + 150 * labels[:, None, None, None]).to(torch.uint8), labels)
    data = Dataset("shades", ("dark", "light"), split, split, split)
    recipe = Recipe(
        name="plain",
        dataset="shades",
        image_size=16,
        architecture="plain",
        options={"widths": [8, 16]},
        epochs=6,
        batch_size=16,
        optimizer="adam",
        learning_rate=0.01,
        precision="fp32",
    )
    network = train(recipe, data, tmp_path / "run", device=torch.device("cpu"), show_progress=False)
    save_weights(tmp_path / "weights", network.cpu(), weights_config(recipe, data))
    pixels = split.pixels.permute(0, 2, 3, 1).contiguous().numpy()
    by_openvino, by_torch = (
        Classifier.load(tmp_path / "weights", runtime=runtime, precision="fp32").logits(pixels)
        for runtime in ("openvino", "torch")
    )
    assert (by_openvino.argmax(axis=1) == labels.numpy()).mean() > 0.95
    assert np.abs(by_openvino - by_torch).max() < 1e-3


@pytest.mark.usefixtures("plain")
def test_a_size_it_cannot_take_is_one_line() -> None:
    with pytest.raises(InvalidArgument, match="cannot build plain: plain needs images of at least 8 pixels"):
        build("plain", num_classes=2, in_channels=3, image_size=4)


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize(("channels", "size"), [(3, 32), (1, 28), (3, 48)])
def test_it_turns_images_of_any_usual_size_into_logits(channels: int, size: int) -> None:
    network = build("plain", num_classes=7, in_channels=channels, image_size=size).eval()
    assert network(torch.zeros(2, channels, size, size, dtype=torch.uint8)).shape == (2, 7)


def test_its_docstring_gives_its_parameters_and_cost(plain: type[Network]) -> None:
    network = plain()
    cost = count_macs(network, 3, 32)
    figures = f"Parameters {count_parameters(network) / 1e3:.0f} k · multiply-accumulates {cost / 1e6:.1f} M"
    assert figures in (plain.__doc__ or "")
