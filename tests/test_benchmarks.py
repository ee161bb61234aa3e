"""The benchmarks: what they compare is the same network, and what they write down can be read again."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from thumbnet.model.architectures import build
from thumbnet.model.datasets import Dataset, Split
from thumbnet.model.images import Preprocessing
from thumbnet.model.weights import WeightsConfig, save_weights

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
RESULTS = sorted((BENCHMARKS / "results").glob("*.json"))


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Import a benchmark as running it would."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained perceptron for 16×16 images in colour."""
    torch.manual_seed(0)
    network = build("mlp", num_classes=3, in_channels=3, image_size=16, options={"hidden": [8]})
    folder = tmp_path_factory.mktemp("weights")
    preprocessing = Preprocessing(image_size=16, channels=3)
    labels = ("a", "b", "c")
    save_weights(
        folder,
        network,
        WeightsConfig(
            name="tiny", architecture="mlp", options={"hidden": [8]}, labels=labels, preprocessing=preprocessing
        ),
    )
    return folder


def split(count: int) -> Split:
    generator = torch.Generator().manual_seed(count)
    pixels = torch.randint(0, 256, (count, 3, 16, 16), generator=generator, dtype=torch.uint8)
    return Split(pixels, torch.arange(count) % 3)


@pytest.fixture
def data() -> Dataset:
    return Dataset("noise", ("a", "b", "c"), split(99), split(70), split(60))


def test_every_engine_computes_the_same_network(
    load: Callable[[str], ModuleType], weights: Path, rng: np.random.Generator
) -> None:
    engines = load("engines").build_engines(str(weights), 1)
    assert {"thumbnet", "OpenVINO fp32", "ONNX Runtime fp32", "torch fp32"} <= set(engines)
    pixels = rng.integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
    expected = engines["torch fp32"](pixels)
    for name, engine in engines.items():
        assert np.allclose(engine(pixels), expected, atol=1e-4 if "fp32" in name else 0.05), name


def test_rates_are_medians_and_ratios_are_taken_within_a_round(load: Callable[[str], ModuleType]) -> None:
    rates = {"thumbnet": {1: [10.0, 20.0, 90.0]}, "other": {1: [5.0, 5.0, 10.0]}}
    assert load("engines").summarize(rates) == {
        "images_per_second": {"thumbnet": {"1": 20}, "other": {"1": 5}},
        "times_faster": {"other": {"1": 4.0}},
    }


def test_the_inference_benchmark_writes_everything_down(
    load: Callable[[str], ModuleType],
    weights: Path,
    data: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    inference = load("inference")
    monkeypatch.setattr(inference, "load_training_data", lambda _: data)
    monkeypatch.setattr(inference, "LATENCIES", 5)
    monkeypatch.setattr(inference, "COLD_STARTS", 1)
    monkeypatch.setattr(inference, "use_cores", lambda count: None)
    out = tmp_path / "inference.json"
    inference.main(
        ["--weights", str(weights), "--rounds", "2", "--seconds", "0.001", "--cores", "1", "--out", str(out)]
    )
    results = json.loads(out.read_text())
    assert set(results["images_per_second"]) == {"thumbnet", *results["times_faster"]}
    assert results["cold_start_s"]["torch"] is False
    assert results["precision"]["images"] == 70
    assert "images/s" in capsys.readouterr().out


def test_int8_pays_only_where_it_is_faster_and_as_exact(load: Callable[[str], ModuleType]) -> None:
    judge = load("int8").judge
    assert judge({"1": 1.3, "8": 1.1, "64": 1.4}, 0.1) == "pays"
    assert judge({"1": 1.1, "8": 2.0, "64": 1.4}, 0.1) == "left out: 1.1 × at batch 1"
    assert judge({"1": 1.5, "8": 2.0, "64": 1.2}, 0.2) == "left out: 1.2 × at batch 64, 0.2 points lost"


def test_every_committed_result_says_when_and_on_what_it_was_measured() -> None:
    assert RESULTS
    for path in RESULTS:
        machine = json.loads(path.read_text(encoding="utf-8"))["machine"]
        assert set(machine) >= {"date", "processor", "flags", "cores", "python", "versions"}, path
        assert machine["cores"] == 2, path
