"""Measure what day 5 says, and write results.json and wire.txt. Takes about a minute on two idle cores.

.venv/bin/python docs/course/day5/measure.py [FOLDER]    by default the one with what the page shows
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fuzz
import numpy as np
import threads
from load import load
from step5 import create_app
from step7 import timeline
from wire import conversation

from thumbnet import Classifier

FOLDER = Path(__file__).parent
SERVERS = ("one_by_one", "thread_each", "production", "together")
CALLERS = (1, 8, 32)
BATCHES = (1, 2, 4, 8, 16, 32)
OVERLOAD = 64
"""Callers for step 7, which has 32 places."""


@contextmanager
def running(name: str) -> Iterator[int]:
    """One of the servers, in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    command = [sys.executable, str(FOLDER / "servers.py"), name, str(port)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def compare(seconds: float = 2.0) -> dict[str, Any]:
    """Server → callers → what they got."""
    found: dict[str, Any] = {}
    for name in SERVERS:
        with running(name) as port:
            load(port, 1, seconds / 4)
            found[name] = {str(callers): load(port, callers, seconds) for callers in CALLERS}
            if name == "together":
                found["overload"] = load(port, OVERLOAD, seconds)
        print(name, found[name], flush=True)
    return found


def per_image(repeats: int = 20) -> dict[str, float]:
    """Batch size → milliseconds for each image of the batch."""
    classifier = Classifier.load("cifar10", threads=1)
    images = [np.full((32, 32, 3), value, np.uint8) for value in range(max(BATCHES))]
    found = {}
    for size in BATCHES:
        classifier.predict_pixels(images[:size])
        started = time.perf_counter()
        for _ in range(repeats):
            classifier.predict_pixels(images[:size])
        found[str(size)] = round(1000 * (time.perf_counter() - started) / repeats / size, 3)
    return found


def main() -> None:
    """Run every experiment of the day."""
    results = {
        "threads": threads.measure(),
        "per_image_ms": per_image(),
        "servers": compare(),
        "batches": timeline(12, 20, 8),
        "fuzz": {str(k): v for k, v in sorted(fuzz.fuzz(create_app(Classifier.load("cifar10")), 500).items())},
    }
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    (target / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    (target / "wire.txt").write_text(conversation(), encoding="utf-8")


if __name__ == "__main__":
    main()
