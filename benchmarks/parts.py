"""Where the time of a request goes: each part of it measured alone, in this process, and what is left."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

READY_SECONDS = 120


class Known:
    """A model that has computed everything before: what is left is what a classifier does with its logits."""

    precision = "fp32"

    def __init__(self, logits: npt.NDArray[np.float32]) -> None:
        self._logits = logits

    def logits(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """See thumbnet.model.runtimes.Runtime."""
        return self._logits


def measure_parts(
    weights: str, image: bytes, request_ms: float, empty_request_ms: float, count: int
) -> dict[str, float]:
    """Milliseconds of each part of a request with one image, medians of so many, in the order in which they happen.

    request_ms         what the request takes over HTTP, at one client
    empty_request_ms   what `GET /livez` takes over HTTP, at one client

    The rest is what no part has alone: receiving and checking the upload, waiting for its turn, metrics
    and logs, and that caches are colder than here.
    """
    from thumbnet import Classifier

    classifier = Classifier.load(weights, threads=1)
    client = ready_client(weights)
    pixels = classifier.read(image)
    answer = {"predictions": [classifier.predict(image).to_dict()], "model": {"name": classifier.name}}
    flask = median_ms(lambda: client.get("/livez"), count)
    known = Classifier(classifier.config, Known(classifier.logits(pixels[None])))
    parts = {
        "sockets and HTTP": empty_request_ms - flask,
        "Flask": flask,
        "decoding": median_ms(lambda: classifier.read(image), max(5, count // 10) if len(image) > 100_000 else count),
        "model": median_ms(lambda: classifier.logits(pixels[None]), count),
        "probabilities": median_ms(lambda: known.predict_pixels([pixels]), count),
        "JSON": median_ms(lambda: json.dumps(answer), count),
    }
    return complete(parts, request_ms)


def complete(parts: dict[str, float], request_ms: float) -> dict[str, float]:
    """The parts with what they leave of the whole, and the whole, to microseconds."""
    whole = parts | {"the rest": request_ms - sum(parts.values()), "all": request_ms}
    return {name: round(milliseconds, 3) for name, milliseconds in whole.items()}


def ready_client(weights: str) -> Any:
    """A test client of our application, whose models are loaded: nothing computes in the background any more."""
    from thumbnet.api import Settings, create_app

    client = create_app(replace(Settings.from_environment(), weights=(weights,))).test_client()
    deadline = time.monotonic() + READY_SECONDS
    while client.get("/readyz").status_code != 200:
        if time.monotonic() > deadline:
            raise SystemExit(f"{weights} was not loaded within {READY_SECONDS} s; `thumbnet serve` says why.")
        time.sleep(0.05)
    return client


def median_ms(work: Callable[[], object], count: int) -> float:
    """The median time of some work, in milliseconds; the first few are not counted."""
    milliseconds = []
    for _ in range(count + count // 10):
        started = time.perf_counter()
        work()
        milliseconds.append(1000 * (time.perf_counter() - started))
    return statistics.median(milliseconds[count // 10 :])
