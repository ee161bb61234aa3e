"""Whether 8-bit integers pay: post-training quantisation with NNCF against the model as Classifier runs it.

    pip install nncf==3.4.0                 nothing else here needs it
    python benchmarks/int8.py               the shipped cifar10 model on two cores

Calibrated on training images, judged on validation images. It would pay if it gained 1.3 times the images a second at
batch 1 and at batch 64, for at most 0.1 points of accuracy. The result file says whether it does, and thumbnet does not
offer it while it does not.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from engines import (
    BATCHES,
    OURS,
    Engine,
    as_pixels,
    load_training_data,
    measure_rates,
    openvino_engine,
    parse_options,
    predict,
    summarize,
)
from machine import describe_machine, use_cores
from rich.console import Console
from rich.table import Table

PACKAGES = ("thumbnet", "openvino", "nncf", "numpy")
RESULTS = Path(__file__).parent / "results" / "int8.json"
CALIBRATION_IMAGES = 1000
LEAST_GAIN, MOST_LOSS = 1.3, 0.1
"""Times the images a second, at least, and points of accuracy, at most."""


def quantize(path: Path, pixels: npt.NDArray[np.uint8], preset: str, threads: int) -> Engine:
    """An engine with the weights and activations of an ONNX file in 8 bits.

    preset   "performance": symmetric; "mixed": asymmetric activations, more exact and slower
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # sends nothing: see model/runtimes.py
    import nncf
    import openvino as ov

    core = ov.Core()
    chosen = pixels[np.random.default_rng(0).permutation(len(pixels))[:CALIBRATION_IMAGES]]
    quantized = nncf.quantize(
        core.read_model(path),
        nncf.Dataset(list(chosen), lambda image: {"pixels": image[None]}),
        preset=nncf.QuantizationPreset(preset),
        subset_size=len(chosen),
    )
    return openvino_engine(quantized, threads, "f32")  # what stays is computed as in Classifier


def judge(gain: dict[str, float], points_lost: float) -> str:
    """What follows from the figures of one preset."""
    reasons = [f"{gain[str(b)]} × at batch {b}" for b in (BATCHES[0], BATCHES[-1]) if gain[str(b)] < LEAST_GAIN]
    if points_lost > MOST_LOSS:
        reasons.append(f"{points_lost} points lost")
    return f"left out: {', '.join(reasons)}" if reasons else "pays"


def show(results: dict[str, Any]) -> None:
    """Print the results as a table."""
    table = Table("", *(f"batch {batch}" for batch in BATCHES), "validation accuracy")
    for name, by_batch in results["images_per_second"].items():
        gain = results["gain"].get(name, {})
        rates = (f"{rate:,}" + (f"  (×{gain[batch]})" if gain else "") for batch, rate in by_batch.items())
        table.add_row(name, *rates, f"{results['accuracy'][name]:.2%}")
    console = Console(highlight=False)
    console.print(table)
    for name, verdict in results["verdict"].items():
        console.print(f"{name}: {verdict}")


def main(arguments: list[str] | None = None) -> None:
    """Measure and write it down."""
    options = parse_options(__doc__, RESULTS, arguments)
    use_cores(options.cores)

    from thumbnet import Classifier
    from thumbnet.model.files import write_json
    from thumbnet.model.weights import ONNX, find_weights, read_config

    folder = find_weights(options.weights)
    data = load_training_data(options.weights)
    training, pixels, labels = as_pixels(data.train), as_pixels(data.validation), data.validation.labels.numpy()
    engines: dict[str, Engine] = {OURS: Classifier.load(options.weights, threads=options.cores).logits}
    for preset in ("performance", "mixed"):
        engines[f"int8 {preset}"] = quantize(folder / ONNX, training, preset, options.cores)
    accuracy = {name: float((predict(engine, pixels) == labels).mean()) for name, engine in engines.items()}
    figures = summarize(measure_rates(engines, pixels, options.rounds, options.seconds))
    slower = figures.pop("times_faster")
    gain = {name: {batch: round(1 / times, 2) for batch, times in slower[name].items()} for name in slower}
    results = {
        "weights": options.weights,
        "sha256": read_config(folder).files[ONNX],
        "machine": describe_machine(*PACKAGES),
        "rounds": options.rounds,
        **figures,
        "gain": gain,
        "accuracy": accuracy,
        "verdict": {name: judge(gain[name], round(100 * (accuracy[OURS] - accuracy[name]), 2)) for name in gain},
    }
    show(results)
    write_json(options.out, results)


if __name__ == "__main__":
    main()
