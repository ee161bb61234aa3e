"""The comparison of networks: what it compares, and that it goes on where it stopped."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from thumbnet.model.architectures import build
from thumbnet.model.datasets import Dataset, Split

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def ablations(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    sys.modules.pop("ablations", None)
    import ablations

    return ablations


def test_every_network_gets_the_same_recipe_but_for_its_epochs(ablations: ModuleType) -> None:
    recipes = ablations.build_recipes()
    assert {name.partition("/")[0] for name in recipes} == {"mnist", "cifar10"}
    assert len(recipes) == 2 * 11 + 3
    shared = {"batch_size", "optimizer", "learning_rate", "weight_decay", "warmup", "schedule", "seed", "translate"}
    for dataset in ("mnist", "cifar10"):
        values = [
            {key: value for key, value in recipe.to_dict().items() if key in shared}
            for name, recipe in recipes.items()
            if name.startswith(dataset) and "without" not in name
        ]
        assert all(value == values[0] for value in values)
    assert recipes["cifar10/resnet20-without-augmentation"].translate == 0
    assert recipes["cifar10/vgg11"].epochs < recipes["cifar10/mlp"].epochs


def test_what_is_left_out_of_resnet_is_gone() -> None:
    parts = {"num_classes": 10, "in_channels": 3, "image_size": 32}
    whole, plain, bare = (
        build("resnet20", **parts, options=options) for options in ({}, {"residual": False}, {"batch_norm": False})
    )
    count = [sum(isinstance(module, torch.nn.BatchNorm2d) for module in net.modules()) for net in (whole, plain, bare)]
    assert count == [19, 19, 0]
    pixels = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    plain.load_state_dict(whole.state_dict())
    assert not torch.equal(whole.eval()(pixels), plain.eval()(pixels))
    with torch.no_grad():
        for net in (whole, plain):
            for module in net.modules():
                if isinstance(module, torch.nn.BatchNorm2d) and module.num_features == 64:
                    module.weight.zero_()
                    module.bias.zero_()
    difference = whole(pixels) - whole(255 - pixels), plain(pixels) - plain(255 - pixels)
    assert difference[0].abs().max() > 0  # the shortcuts still carry the image
    assert difference[1].abs().max() == 0


def test_runs_are_added_as_they_come_and_not_repeated(
    ablations: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load(name: str, *, image_size: int, channels: int, download: bool) -> Dataset:
        assert download, "a learner has no data yet"
        generator = torch.Generator().manual_seed(0)
        labels = torch.arange(300) % 10
        pixels = torch.randint(0, 256, (300, channels, image_size, image_size), dtype=torch.uint8, generator=generator)
        split = Split(pixels, labels)
        return Dataset(name, tuple("abcdefghij"), split, split, split)

    monkeypatch.setattr("thumbnet.model.datasets.load_dataset", load)
    monkeypatch.setattr(ablations, "RUNS", tmp_path / "runs")
    out = tmp_path / "ablations.json"
    ablations.main(["mnist/mlp", "--out", str(out)])
    first = json.loads(out.read_text())
    ablations.main(["mnist/mlp", "mnist/lenet-max-relu", "--out", str(out)])
    second = json.loads(out.read_text())
    assert second["runs"]["mnist/mlp"] == first["runs"]["mnist/mlp"]
    run = second["runs"]["mnist/lenet-max-relu"]
    assert (run["parameters"], run["epochs"], len(run["validation_accuracy"])) == (61_706, 6, 6)
    assert 0 <= run["test_accuracy"] <= 1
    assert "lenet-max-relu" in capsys.readouterr().out
