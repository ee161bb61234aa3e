"""The engines that benchmarks compare, the data they compute, and how they take turns."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from thumbnet.model.datasets import Dataset, Split

BATCHES = (1, 8, 64)
OURS = "thumbnet"
"""The name of what Classifier runs."""

Engine = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""(N, H, W, C) uint8 pixels → (N, classes) logits."""

Rates = dict[str, dict[int, list[float]]]
"""Engine → batch size → images a second in each round."""


def parse_options(description: str | None, out: Path, arguments: list[str] | None) -> argparse.Namespace:
    """The command line of a benchmark of engines; `out` is where its results go if nothing else is said."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="cifar10")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.25, help="per engine, batch size and round")
    parser.add_argument("--out", type=Path, default=out)
    return parser.parse_args(arguments)


def build_engines(weights: str, threads: int) -> dict[str, Engine]:
    """Name → engine. torch gets its best layout; bf16 is there where the processor computes it natively."""
    import onnxruntime
    import torch

    from thumbnet import Classifier
    from thumbnet.model.machine import uses_bf16
    from thumbnet.model.recipe import Recipe
    from thumbnet.model.weights import ONNX, find_weights, load_network, read_config

    torch.set_num_threads(threads)
    folder = find_weights(weights)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(folder / ONNX, options, providers=["CPUExecutionProvider"])
    engines: dict[str, Engine] = {
        OURS: Classifier.load(weights, threads=threads).logits,
        "OpenVINO fp32": openvino_engine(folder / ONNX, threads, "f32"),
        "ONNX Runtime fp32": lambda pixels: session.run(["logits"], {"pixels": pixels})[0],
        "torch fp32": torch_engine(load_network(folder, read_config(folder)), torch.float32),
    }
    if uses_bf16(Recipe(name="benchmark"), torch.device("cpu")):
        engines["OpenVINO bf16"] = openvino_engine(folder / ONNX, threads, "bf16")
        engines["torch bf16"] = torch_engine(load_network(folder, read_config(folder)), torch.bfloat16)
    return engines


def openvino_engine(model: Any, threads: int, precision: str) -> Engine:
    """OpenVINO as OpenVINORuntime sets it up, but in a precision of our choice: "f32" or "bf16"."""
    import openvino as ov

    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": str(threads)}
    compiled = ov.Core().compile_model(model, "CPU", settings | {"INFERENCE_PRECISION_HINT": precision})
    request = compiled.create_infer_request()
    return lambda pixels: np.array(request.infer({"pixels": pixels})["logits"])


def torch_engine(network: Any, dtype: Any) -> Engine:
    """Eager torch, channels last; everything after the normalisation in the given number format."""
    import torch

    network.features.to(dtype, memory_format=torch.channels_last)
    network.head.to(dtype)

    def logits(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        with torch.inference_mode():
            images = network.normalize(torch.from_numpy(pixels).permute(0, 3, 1, 2)).to(dtype)
            result: npt.NDArray[np.float32] = network.head(network.features(images)).float().numpy()
        return result

    return logits


def load_training_data(weights: str) -> Dataset:
    """The data set that a model was trained on, cut as it was then."""
    from thumbnet.model.datasets import load_dataset
    from thumbnet.model.weights import RESULTS, find_weights

    recipe = json.loads((find_weights(weights) / RESULTS).read_text(encoding="utf-8"))["recipe"]
    return load_dataset(recipe["dataset"], image_size=recipe["image_size"], validation_share=recipe["validation_share"])


def as_pixels(split: Split) -> npt.NDArray[np.uint8]:
    """The images of a split as a runtime takes them, (N, H, W, C)."""
    pixels: npt.NDArray[np.uint8] = split.pixels.permute(0, 2, 3, 1).contiguous().numpy()
    return pixels


def predict(engine: Engine, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """The position of the best class of each image."""
    batches = [engine(pixels[start : start + 50]) for start in range(0, len(pixels), 50)]
    return np.concatenate(batches).argmax(axis=1)


def measure_rates(engines: dict[str, Engine], pixels: npt.NDArray[np.uint8], rounds: int, seconds: float) -> Rates:
    """Let the engines take turns; each batch is computed for so many seconds."""
    rates: Rates = {name: {batch: [] for batch in BATCHES} for name in engines}
    names = list(engines)
    for turn in range(rounds):
        for batch in BATCHES:
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                rates[name][batch].append(rate(engines[name], pixels[:batch], seconds))
    return rates


def rate(engine: Engine, pixels: npt.NDArray[np.uint8], seconds: float) -> float:
    """Images a second, measured over so many seconds."""
    time.sleep(0.02)  # let the threads of the engine before fall asleep
    engine(pixels)
    calls, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        engine(pixels)
        calls += 1
    return calls * len(pixels) / elapsed


def summarize(rates: Rates) -> dict[str, Any]:
    """Median rates, and how many times faster ours is than each other engine."""
    return {
        "images_per_second": {
            name: {str(batch): round(statistics.median(values)) for batch, values in by_batch.items()}
            for name, by_batch in rates.items()
        },
        "times_faster": {
            name: {
                str(batch): round(statistics.median(a / b for a, b in zip(rates[OURS][batch], values, strict=True)), 2)
                for batch, values in by_batch.items()
            }
            for name, by_batch in rates.items()
            if name != OURS
        },
    }
