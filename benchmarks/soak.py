"""Whether our server stays as it is: 20 minutes at 70 % of what it can do, its memory and descriptors watched.

    python benchmarks/soak.py                                  the shipped cifar10 model on two cores
    python benchmarks/soak.py --minutes 1 --out /tmp/quick.json

Callers do not wait for one another (see load.py). Each minute all of them hang up, so that what is left open then is
what the server keeps. Memory is the resident memory of all its processes; after a warm-up a line is fitted to it, and
its slope, with two standard errors, says what it would grow by in an hour. Runs on an otherwise idle machine; needs
`pip install 'thumbnet[api,bench]'`.
"""

from __future__ import annotations

import argparse
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil  # type: ignore[import-untyped]
from load import closed_loop, open_loop
from machine import describe_machine, use_cores
from pictures import small_jpegs
from rich.console import Console
from rich.table import Table
from servers import OURS, family, running

RESULTS = Path(__file__).parent / "results" / "soak.json"
LOAD = 0.7
CLIENTS, CAPACITY_SECONDS = 64, 10.0
REST_SECONDS = 1.0
"""After everybody has hung up, before descriptors are counted."""
WARM_UP = 0.25
"""Of all the time; memory is not judged before."""
SEGMENT_MINUTES = 1.0
MOST_GROWTH = 1.0
"""MB an hour."""
PACKAGES = ("thumbnet", "flask", "uvicorn", "httptools", "uvloop", "openvino", "numpy", "Pillow")


class Sample(NamedTuple):
    """What all processes of the server hold: seconds since the start, bytes, counts."""

    seconds: float
    memory: int
    descriptors: int
    threads: int
    processes: tuple[int, ...]


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="cifar10")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--interval", type=float, default=2.0, help="seconds between two looks at the memory")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args(arguments)


def look(process: subprocess.Popen[bytes], started: float) -> Sample:
    """A sample of a server and its children; one that ends meanwhile counts for nothing."""
    memory = descriptors = threads = 0
    processes = []
    for member in family(process):
        try:
            with member.oneshot():
                held = (member.memory_info().rss, member.num_fds(), member.num_threads())
        except psutil.NoSuchProcess:
            continue
        memory, descriptors, threads = memory + held[0], descriptors + held[1], threads + held[2]
        processes.append(member.pid)
    return Sample(time.perf_counter() - started, memory, descriptors, threads, tuple(sorted(processes)))


class Watch:
    """Looks at a server every so many seconds, in a thread, while it is entered."""

    def __init__(self, process: subprocess.Popen[bytes], started: float, interval: float) -> None:
        self.samples: list[Sample] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(process, started, interval))

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self, process: subprocess.Popen[bytes], started: float, interval: float) -> None:
        while not self._ended.wait(interval):
            self.samples.append(look(process, started))


def soak(weights: str, image_requests: Sequence[bytes], minutes: float, interval: float) -> dict[str, Any]:
    """Everything that is seen while a server is under load."""
    with running(OURS, weights) as server:
        requests = [server.request(image) for image in image_requests]
        capacity = closed_loop(server.port, requests, CLIENTS, CAPACITY_SECONDS, warm_up=CAPACITY_SECONDS / 2)
        rate = round(LOAD * capacity["per_second"], 1)
        if not rate:
            raise SystemExit(f"the server answered nothing at {CLIENTS} clients: {capacity['statuses']}")
        started = time.perf_counter()
        segments: list[dict[str, Any]] = []
        at_rest: list[Sample] = []
        with Watch(server.process, started, interval) as watch:
            while (left := 60 * minutes - (time.perf_counter() - started)) > REST_SECONDS + interval:
                seconds = min(60 * SEGMENT_MINUTES, left) - REST_SECONDS
                segments.append(open_loop(server.port, requests, rate, seconds, seed=len(segments)))
                time.sleep(REST_SECONDS)
                at_rest.append(look(server.process, started))
                print(f"{at_rest[-1].seconds / 60:.1f} of {minutes:g} minutes", flush=True)
        return {"capacity": capacity, "rate": rate, "segments": segments} | summarize(watch.samples, at_rest)


def summarize(samples: Sequence[Sample], at_rest: Sequence[Sample]) -> dict[str, Any]:
    """What became of memory, descriptors, threads and processes after the warm-up. Raises SystemExit for too few."""
    if not samples or not at_rest:
        raise SystemExit(f"{len(samples)} samples under load and {len(at_rest)} at rest are too few; soak for longer.")
    after = WARM_UP * samples[-1].seconds
    late = [sample for sample in samples if sample.seconds >= after]
    slope, error = fit_slope([s.seconds / 3600 for s in late], [s.memory / 1e6 for s in late])
    rest = [sample for sample in at_rest if sample.seconds >= after] or list(at_rest)
    return {
        "samples": len(late),
        "memory_mb": {"first": megabytes(late[0]), "last": megabytes(late[-1]), "most": max(map(megabytes, samples))},
        "slope_mb_per_hour": round(slope, 3),
        "slope_two_standard_errors": round(2 * error, 3),
        "descriptors_at_rest": [sample.descriptors for sample in rest],
        "threads_at_rest": [sample.threads for sample in rest],
        "processes_replaced": len({sample.processes for sample in samples}) - 1,
    }


def megabytes(sample: Sample) -> float:
    """The memory of a sample."""
    return round(sample.memory / 1e6, 2)


def fit_slope(hours: Sequence[float], values: Sequence[float], parts: int = 15) -> tuple[float, float]:
    """The slope of a least-squares line and its standard error.

    The error is that of a line through the means of so many equal parts: neighbouring samples are alike, and each of
    them would not be news.
    """
    x, y = (
        np.array([part.mean() for part in np.array_split(np.asarray(z), min(parts, len(z)))]) for z in (hours, values)
    )
    centred = x - x.mean()
    spread = float((centred**2).sum())
    if len(x) < 3 or spread == 0:
        raise SystemExit(f"{len(hours)} samples are too few for a slope; soak for longer.")
    slope = float(centred @ y) / spread
    residuals = y - y.mean() - slope * centred
    return slope, float(np.sqrt((residuals**2).sum() / (len(x) - 2) / spread))


def judge(results: Mapping[str, Any]) -> dict[str, bool]:
    """What was aimed at → whether it was reached."""
    descriptors, statuses = results["descriptors_at_rest"], results["statuses"]
    return {
        f"memory grows by less than {MOST_GROWTH:g} MB an hour": results["slope_mb_per_hour"] < MOST_GROWTH,
        "descriptors are flat": descriptors[-1] <= descriptors[0],
        "no process was replaced": results["processes_replaced"] == 0,
        "every answer was 200": set(statuses) == {"200"} and results["unanswered"] == 0,
    }


def show(results: Mapping[str, Any]) -> None:
    """Print the results as a table and some lines."""
    console = Console(highlight=False)
    memory, rest = results["memory_mb"], results["descriptors_at_rest"]
    table = Table("minute", "answers/s", "p50 ms", "p99 ms", title=f"{results['weights']} at {results['rate']:,}/s")
    for number, segment in enumerate(results["segments"], start=1):
        table.add_row(str(number), *(str(segment[key]) for key in ("per_second", "p50_ms", "p99_ms")))
    console.print(table)
    console.print(
        f"memory {memory['first']} → {memory['last']} MB, at most {memory['most']}: "
        f"{results['slope_mb_per_hour']} ± {results['slope_two_standard_errors']} MB an hour"
    )
    console.print(f"descriptors {rest[0]} → {rest[-1]}; answers {results['statuses']}")
    for target, met in results["targets"].items():
        console.print(f"{target}: {'yes' if met else 'NO'}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Soak and write it down."""
    options = parse_options(arguments)
    use_cores(options.cores)

    from thumbnet.model.files import write_json
    from thumbnet.model.weights import find_weights, read_config

    config = read_config(find_weights(options.weights))
    images = small_jpegs(config.labels, config.preprocessing.image_size)
    seen = soak(options.weights, images, options.minutes, options.interval)
    statuses = sum((Counter(segment["statuses"]) for segment in seen["segments"]), Counter[str]())
    results = {
        "weights": options.weights,
        "sha256": config.files["model.onnx"],
        "machine": describe_machine(*PACKAGES),
        "minutes": options.minutes,
        "load": LOAD,
        "statuses": dict(sorted(statuses.items())),
        "unanswered": sum(segment["unanswered"] for segment in seen["segments"]),
        **seen,
    }
    results["targets"] = judge(results)
    show(results)
    write_json(options.out, results)


if __name__ == "__main__":
    main()
