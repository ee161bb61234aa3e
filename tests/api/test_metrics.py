import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from thumbnet.api.metrics import OTHER, REASONS, Metrics
from thumbnet.model import Prediction, Score
from thumbnet.model.drift import count_baseline
from thumbnet.model.exported import read_counts

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "operate-the-api.md"
SHA256 = "ab" * 32

Series = dict[tuple[str, ...], float]

WORKER = """
import json, sys
from thumbnet.api.metrics import Metrics
metrics = Metrics()
metrics.model("toys", "ab" * 32, ["ball", "bear"])
metrics.request("/v1/predict", "POST", 200, 0.004)
metrics.waiting(int(sys.argv[1]))
for line in sys.stdin:
    print(json.dumps(metrics.text()[0].decode()), flush=True)
"""


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> Metrics:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    return Metrics()


def prediction(rng: np.random.Generator, label: str = "ball", probability: float = 0.75) -> Prediction:
    pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Prediction((Score(label, probability),), probability < 0.5, pixels, milliseconds=1.0)


def series(page: str) -> Series:
    """(name, labels' values in the order of the labels' names …) → value."""
    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    return {(sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value for sample in samples}


def page(metrics: Metrics) -> Series:
    return series(metrics.text()[0].decode())


def test_a_request_is_counted_and_timed(metrics: Metrics) -> None:
    metrics.request("/v1/predict", "POST", 200, 0.0004)
    metrics.request("/v1/predict", "POST", 422, 0.015)
    counted = page(metrics)
    assert counted["thumbnet_requests_total", "/v1/predict", "POST", "200"] == 1
    assert counted["thumbnet_requests_total", "/v1/predict", "POST", "422"] == 1
    assert counted["thumbnet_request_seconds_bucket", "/v1/predict", "0.0005"] == 1
    assert counted["thumbnet_request_seconds_bucket", "/v1/predict", "0.02"] == 2
    assert counted["thumbnet_request_seconds_sum", "/v1/predict"] == pytest.approx(0.0154)


def test_methods_that_callers_make_up_are_one_series(metrics: Metrics) -> None:
    for number in range(100):
        metrics.request(OTHER, f"M{number}", 405, 0.001)
    assert page(metrics)["thumbnet_requests_total", OTHER, OTHER, "405"] == 100


def test_reasons_and_classes_are_there_before_they_happen(metrics: Metrics) -> None:
    metrics.model("toys", SHA256, ["ball", "bear"])
    metrics.rejected("deadline")
    counted = page(metrics)
    assert counted["thumbnet_model_info", "toys", SHA256] == 1
    assert counted["thumbnet_predictions_total", "bear", "toys"] == 0
    rejected = {reason: counted["thumbnet_requests_rejected_total", reason] for reason in REASONS}
    assert rejected == dict.fromkeys(REASONS, 0) | {"deadline": 1}


def test_the_queue_goes_up_and_down(metrics: Metrics) -> None:
    for change in (1, 1, -1):
        metrics.waiting(change)
    assert page(metrics)["thumbnet_requests_waiting",] == 1


def test_batches_and_sides_fall_into_buckets(metrics: Metrics, rng: np.random.Generator) -> None:
    metrics.batch("toys", 3)
    metrics.prediction("toys", prediction(rng), side=4000)
    counted = page(metrics)
    assert (counted["thumbnet_batch_images_bucket", "2.0", "toys"], counted["thumbnet_batch_images_sum", "toys"]) == (
        0,
        3,
    )
    assert counted["thumbnet_batch_images_bucket", "4.0", "toys"] == 1
    assert counted["thumbnet_image_side_pixels_bucket", "2048.0", "toys"] == 0
    assert counted["thumbnet_image_side_pixels_bucket", "4096.0", "toys"] == 1


def test_thumbnet_drift_reads_back_what_was_counted(metrics: Metrics, rng: np.random.Generator) -> None:
    labels = ("ball", "bear", "boat")
    probabilities = rng.dirichlet((0.4, 0.4, 0.4), size=300)
    predictions = [prediction(rng, labels[int(row.argmax())], float(row.max())) for row in probabilities]
    for each in predictions:
        metrics.prediction("toys", each, side=8)
    answered = np.array([not each.abstained for each in predictions])
    expected = count_baseline(labels, probabilities, answered, [each.pixels for each in predictions])
    found = read_counts(metrics.text()[0].decode(), "toys", expected)
    assert found.bins == expected.bins
    assert found.sums == pytest.approx(expected.sums)


def test_two_applications_of_a_process_count_apart(metrics: Metrics) -> None:
    Metrics().waiting(7)
    assert page(metrics)["thumbnet_requests_waiting",] == 0


@contextmanager
def worker(directory: Path, waiting: int) -> Iterator[tuple["subprocess.Popen[str]", Callable[[], Series]]]:
    """`with worker(…) as (process, ask)`: a process that counts into the directory and tells what all have counted."""
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(directory)}
    command = [sys.executable, "-c", WORKER, str(waiting)]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask() -> Series:
        assert process.stdin
        assert process.stdout
        process.stdin.write("page\n")
        process.stdin.flush()
        return series(json.loads(process.stdout.readline()))

    with process:
        try:
            yield process, ask
        finally:
            process.kill()


def test_the_page_is_that_of_all_workers_and_a_dead_one_leaves_only_its_counts(tmp_path: Path) -> None:
    with worker(tmp_path, waiting=3) as (doomed, ask_doomed), worker(tmp_path, waiting=2) as (_, ask):
        ask_doomed()  # both have begun to count when they answer
        ask()
        before = ask_doomed()
        assert before["thumbnet_requests_total", "/v1/predict", "POST", "200"] == 2
        assert before["thumbnet_requests_waiting",] == 5
        assert before["thumbnet_model_info", "toys", SHA256] == 1
        doomed.kill()
        doomed.wait()
        after = ask()
        assert after["thumbnet_requests_total", "/v1/predict", "POST", "200"] == 2
        assert after["thumbnet_request_seconds_count", "/v1/predict"] == 2
        assert after["thumbnet_requests_waiting",] == 2
        assert after["thumbnet_model_info", "toys", SHA256] == 1


def test_the_documented_metrics_are_the_exported_ones(metrics: Metrics) -> None:
    types = dict(re.findall(r"# TYPE (\S+) (\S+)", metrics.text()[0].decode()))
    exported = {name: kind for name, kind in types.items() if not name.endswith("_created")}
    documented = re.findall(r"^\| `(thumbnet_\w+)(?:\{[^`]*\})?` \| (\w+) \|", PAGE.read_text(encoding="utf-8"), re.M)
    assert dict(documented) == exported
