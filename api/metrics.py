"""What the server counts, for Prometheus. Every worker counts into files of its own; /metrics adds them up."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from thumbnet.model import Prediction
from thumbnet.model.drift import BRIGHTNESS_BOUNDS, CONFIDENCE_BOUNDS, CONTRAST_BOUNDS, appearance

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the directory of those files; a worker must have it before its first `Metrics`."""

SECONDS = (0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
BATCHES = (1, 2, 4, 8, 16, 32, 64)
SIDES = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
REASONS = ("queue_full", "deadline", "stopping", "body_timeout", "disconnected", "rate_limit")
"""Why a request is turned away."""
OTHER = "other"
"""Stands for every path and method that is none of ours: what callers make up must not grow the page."""


class Metrics:
    """The series of one application. Safe to use from several threads.

    Where PROMETHEUS_MULTIPROC_DIR names a directory, they are those of all processes with that directory.
    """

    def __init__(self) -> None:
        # The library decides when it is first imported whether it counts in files.
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values

        self._directory = os.environ.get(DIRECTORY)
        if self._directory:
            # It would ask for the process id at every count, in case of a fork. Workers are never forked.
            process = os.getpid()
            values.ValueClass = values.MultiProcessValue(lambda: process)  # type: ignore[no-untyped-call]
        own = self._registry = CollectorRegistry()
        self._requests = Counter(
            "thumbnet_requests_total", "Requests answered.", ("endpoint", "method", "status"), registry=own
        )
        self._seconds = Histogram(
            "thumbnet_request_seconds", "Time to answer a request.", ("endpoint",), buckets=SECONDS, registry=own
        )
        self._waiting = Gauge(
            "thumbnet_requests_waiting",
            "Requests that wait or are computed.",
            multiprocess_mode="livesum",
            registry=own,
        )
        rejected = Counter("thumbnet_requests_rejected_total", "Requests turned away.", ("reason",), registry=own)
        self._rejected = {reason: rejected.labels(reason) for reason in REASONS}
        self._batches = Histogram(
            "thumbnet_batch_images", "Images computed together.", ("model",), buckets=BATCHES, registry=own
        )
        self._predictions = Counter(
            "thumbnet_predictions_total", "Predictions of a class.", ("model", "label"), registry=own
        )
        self._abstentions = Counter(
            "thumbnet_abstentions_total", "Predictions that were abstained from.", ("model",), registry=own
        )
        self._observed = tuple(
            Histogram(name, text, ("model",), buckets=bounds, registry=own)
            for name, text, bounds in (
                ("thumbnet_confidence", "Probability of the predicted class.", CONFIDENCE_BOUNDS),
                ("thumbnet_image_brightness", "Mean of what the network saw, 0 … 1.", BRIGHTNESS_BOUNDS),
                ("thumbnet_image_contrast", "Standard deviation of what it saw, 0 … 0.5.", CONTRAST_BOUNDS),
                ("thumbnet_image_side_pixels", "Longest side of the received images.", SIDES),
            )
        )
        self._models = Gauge(
            "thumbnet_model_info",
            "The models that are served: 1.",
            ("model", "sha256"),
            multiprocess_mode="livemax",
            registry=own,
        )
        # Finding a series by its labels costs more than counting in it.
        self._found: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._looks: dict[str, tuple[Counter, tuple[Histogram, ...]]] = {}
        self._labels: dict[tuple[str, str], Counter] = {}
        self._waiting.set(0)  # the files may be those of a dead worker that had the same process id

    def model(self, name: str, sha256: str, labels: Iterable[str]) -> None:
        """A model is served from now on; its classes are counted from 0."""
        self._models.labels(name, sha256).set(1)
        self._batches.labels(name)
        self._series(name)
        for label in labels:
            self._label(name, label)

    def request(self, endpoint: str, method: str, status: int, seconds: float | None) -> None:
        """A request was answered. `endpoint` is the rule of its URL, or OTHER; `seconds` is None for next to none."""
        key = (endpoint, method if method in METHODS else OTHER, status)
        if (found := self._found.get(key)) is None:
            found = self._found[key] = self._requests.labels(*key), self._seconds.labels(endpoint)
        count, duration = found
        count.inc()
        if seconds is not None:
            duration.observe(seconds)

    def turned_away(self, requests: int) -> None:
        """So many POST requests found no room, and were answered so without a look at them, in no time."""
        self._requests.labels("gateway", "POST", 503).inc(requests)
        self._rejected["queue_full"].inc(requests)

    def batch(self, model: str, images: int) -> None:
        """So many images were computed together."""
        self._batches.labels(model).observe(images)

    def prediction(self, model: str, prediction: Prediction, side: int) -> None:
        """An image was classified, whose longest side had so many pixels when it was received."""
        abstentions, observed = self._series(model)
        self._label(model, prediction.label).inc()
        if prediction.abstained:
            abstentions.inc()
        values = (prediction.probability, *appearance(prediction.pixels), side)
        for histogram, value in zip(observed, values, strict=True):
            histogram.observe(value)

    def waiting(self, change: int) -> None:
        """So many more requests wait or are computed now; negative where they are fewer."""
        self._waiting.inc(change)

    def rejected(self, reason: str) -> None:
        """A request was turned away, for one of REASONS."""
        self._rejected[reason].inc()

    def text(self) -> tuple[bytes, str]:
        """The page of /metrics and its content type."""
        from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = self._registry
        if self._directory:
            forget_the_dead(Path(self._directory))
            registry = CollectorRegistry()
            MultiProcessCollector(registry, self._directory)  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4

    def _series(self, model: str) -> tuple[Counter, tuple[Histogram, ...]]:
        if (found := self._looks.get(model)) is None:
            observed = tuple(histogram.labels(model) for histogram in self._observed)
            found = self._looks[model] = self._abstentions.labels(model), observed
        return found

    def _label(self, model: str, label: str) -> Counter:
        if (found := self._labels.get((model, label))) is None:
            found = self._labels[model, label] = self._predictions.labels(model, label)
        return found


def forget_the_dead(directory: Path) -> None:
    """Delete the gauges of processes that are no more. What they have counted stays."""
    for path in directory.glob("gauge_live*.db"):
        if not is_alive(int(path.stem.rpartition("_")[2])):
            path.unlink(missing_ok=True)  # another worker may be at it, too


def is_alive(process: int) -> bool:
    """Whether there is a process with this id."""
    if os.name != "posix":
        return True  # there a signal 0 would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's
        return True
    return True
