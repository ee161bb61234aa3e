"""How fast a model answers: OpenVINO, as Classifier runs it, against torch and ONNX Runtime, in one run.

    python benchmarks/inference.py                       the shipped cifar10 model on two cores
    python benchmarks/inference.py --weights mnist       another model
    python benchmarks/inference.py --rounds 3 --seconds 0.1 --out /tmp/quick.json

The engines take turns: in each round every engine computes every batch size for a moment, in an order that changes. A
rate is the median over the rounds, "times" the median of the ratios within a round. So a slow moment of the machine
hits all of them. Runs on an otherwise idle machine; needs `pip install 'thumbnet[bench]'` and the data set.
"""

from __future__ import annotations

import io
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from engines import (
    BATCHES,
    Engine,
    as_pixels,
    build_engines,
    load_training_data,
    measure_rates,
    parse_options,
    predict,
    summarize,
)
from machine import describe_machine, use_cores
from PIL import Image
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results" / "inference.json"
LATENCIES, HEATMAPS, COLD_STARTS = 2000, 100, 7
"""How often each is measured."""
PACKAGES = ("thumbnet", "openvino", "torch", "onnxruntime", "numpy", "Pillow")

COLD_START = """
import json, sys, time
started = time.perf_counter()
from thumbnet import Classifier
imported = time.perf_counter()
classifier = Classifier.load(sys.argv[1], threads=int(sys.argv[2]))
loaded = time.perf_counter()
classifier.predict(sys.stdin.buffer.read())
answered = time.perf_counter()
seconds = {"import": imported - started, "load": loaded - imported, "first_image": answered - loaded}
print(json.dumps(seconds | {"torch": "torch" in sys.modules}))
"""


def measure_latency(work: Callable[[], object], count: int, warm_up: int) -> dict[str, Any]:
    """Milliseconds of some work, one time after the other; the first `warm_up` do not count."""
    milliseconds = []
    for _ in range(warm_up + count):
        started = time.perf_counter()
        work()
        milliseconds.append(1000 * (time.perf_counter() - started))
    p50, p99 = np.percentile(milliseconds[warm_up:], [50, 99])
    return {"images": count, "p50": round(float(p50), 3), "p99": round(float(p99), 3)}


def measure_cold_start(weights: str, threads: int, image: bytes, runs: int) -> dict[str, Any]:
    """Seconds of a fresh process that imports thumbnet, loads a model and classifies one image; medians."""
    command = [sys.executable, "-c", COLD_START, weights, str(threads)]
    seen = []
    for _ in range(runs + 1):  # the first one may have to read the files from disk
        started = time.perf_counter()
        done = subprocess.run(command, input=image, capture_output=True, check=True)
        seen.append({"process": time.perf_counter() - started, **json.loads(done.stdout)})
    parts = ("process", "import", "load", "first_image")
    return {part: round(statistics.median(run[part] for run in seen[1:]), 3) for part in parts} | {
        "runs": runs,
        "torch": any(run["torch"] for run in seen),
    }


def measure_precision(bf16: Engine, fp32: Engine, pixels: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> Any:
    """What bf16 would change of the answers on validation images."""
    answers, reference = predict(bf16, pixels), predict(fp32, pixels)
    return {
        "split": "validation",
        "images": len(labels),
        "accuracy_bf16": float((answers == labels).mean()),
        "accuracy_fp32": float((reference == labels).mean()),
        "changed_answers": int((answers != reference).sum()),
    }


def show(results: dict[str, Any]) -> None:
    """Print the results as a table and some lines."""
    console = Console(highlight=False)
    machine = results["machine"]
    table = Table("engine", *(f"batch {batch}" for batch in BATCHES), title=f"{results['weights']}, images/s")
    for name, by_batch in results["images_per_second"].items():
        ratios = results["times_faster"].get(name, {})
        table.add_row(name, *(f"{r:,}" + (f"  (÷{ratios[batch]})" if ratios else "") for batch, r in by_batch.items()))
    console.print(f"{machine['processor']}, {machine['cores']} cores, {', '.join(machine['flags'])}")
    console.print(table)
    latency, start, precision = results["latency_ms"], results["cold_start_s"], results["precision"]
    console.print(f"PNG to prediction: {latency['p50']} ms (median), {latency['p99']} ms (99 of 100)")
    heatmap = results["heatmap_ms"]
    console.print(f"PNG to heatmap: {heatmap['p50']} ms (median), {heatmap['p99']} ms (99 of 100)")
    console.print(
        f"fresh process to first answer: {start['process']} s "
        f"(import {start['import']}, load {start['load']}, first image {start['first_image']})"
    )
    console.print(
        f"validation accuracy in fp32 {precision['accuracy_fp32']:.2%}, in bf16 {precision['accuracy_bf16']:.2%}: "
        f"{precision['changed_answers']} of {precision['images']} answers differ"
    )


def main(arguments: list[str] | None = None) -> None:
    """Measure everything and write it down."""
    options = parse_options(__doc__, RESULTS, arguments)
    use_cores(options.cores)

    from thumbnet import Classifier
    from thumbnet.model.explain import explain
    from thumbnet.model.files import write_json
    from thumbnet.model.weights import find_weights, read_config

    data = load_training_data(options.weights)
    pixels = as_pixels(data.validation)
    file = io.BytesIO()
    Image.fromarray(pixels[0].squeeze()).save(file, "PNG")
    engines = build_engines(options.weights, options.cores)
    classifier = Classifier.load(options.weights, threads=options.cores)
    results = {
        "weights": options.weights,
        "sha256": read_config(find_weights(options.weights)).files["model.onnx"],
        "machine": describe_machine(*PACKAGES),
        "rounds": options.rounds,
        **summarize(measure_rates(engines, pixels, options.rounds, options.seconds)),
        "latency_ms": measure_latency(lambda: classifier.predict(file.getvalue()), LATENCIES, 100),
        "heatmap_ms": measure_latency(lambda: explain(classifier, file.getvalue()).png(), HEATMAPS, 10),
        "cold_start_s": measure_cold_start(options.weights, options.cores, file.getvalue(), COLD_STARTS),
        # where bf16 is not native it is fp32, too, and nothing changes
        "precision": measure_precision(
            engines.get("OpenVINO bf16", engines["OpenVINO fp32"]),
            engines["OpenVINO fp32"],
            pixels,
            data.validation.labels.numpy(),
        ),
    }
    show(results)
    write_json(options.out, results)


if __name__ == "__main__":
    main()
