"""Day 6: what the page says of limits, layers, health, metrics, load and drift is what its code finds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thumbnet import Classifier
from thumbnet.model.drift import stability_index

from .conftest import Load


def test_a_memory_limit_is_read_where_there_is_one(load: Load, tmp_path: Path) -> None:
    limit = load("limits").memory_limit
    file = tmp_path / "memory.max"
    assert limit(file) is None
    file.write_text("max\n")
    assert limit(file) is None
    file.write_text("536870912\n")
    assert limit(file) == 512 * 1024**2


def test_a_process_has_namespaces(load: Load) -> None:
    found = load("limits").namespaces()
    assert {"pid", "net", "mnt", "uts"} <= set(found)
    assert all(number.isdigit() for number in found.values())


def test_an_edit_runs_everything_after_it_again(load: Load) -> None:
    layers = load("layers")
    changed = layers.FILES | {"app.py": "print(2)"}
    assert layers.built_again(layers.ORDERED, layers.FILES, changed)[0] == "COPY app.py ."
    assert layers.built_again(layers.NAIVE, layers.FILES, changed)[0] == "COPY . ."
    assert layers.built_again(layers.NAIVE, layers.FILES, dict(layers.FILES)) == []


def test_a_server_that_is_told_to_stop_says_so_and_answers_what_it_gets(load: Load, results: Any) -> None:
    found = load("drain").watch(predictions=5)
    assert found["exit_code"] == 0
    for life in (found, results["drain"]):
        before = [row for row in life["seen"] if row["seconds"] < 0]
        assert {(row["/livez"], row["/readyz"], row["/v1/predict"]) for row in before} == {(200, 200, 200)}
        assert 503 in {row["/readyz"] for row in life["seen"]}
        assert {row["/v1/predict"] for row in life["seen"]} <= {200, 503, 0}
    page = load("measure").histogram_lines(found["page"])
    assert load("histogram").read_buckets(page, "thumbnet_request_seconds")[-1] == (math.inf, 5)


def test_the_quantile_of_the_page(load: Load, results: Any) -> None:
    histogram = load("histogram")
    assert histogram.quantile(0.75, histogram.BY_HAND) == pytest.approx(0.15)
    assert histogram.quantile(0.5, [(0.1, 1.0), (math.inf, 10.0)]) == 0.1
    buckets = histogram.read_buckets(histogram.PAGE.read_text("utf-8"), "thumbnet_request_seconds")
    assert results["latency_ms"]["p50"]["server"] == round(1000 * histogram.quantile(0.5, buckets), 2)


def test_a_stall_hides_from_callers_who_wait(load: Load, results: Any) -> None:
    found = load("omission").compare(seconds=0.6, stall=0.3, gap=0.02)
    assert found["open"]["requests"] == 30
    for measured in (found, results["omission"]):
        assert measured["closed"]["requests"] <= measured["open"]["requests"]
        assert measured["closed"]["over_100_ms"] <= measured["open"]["over_100_ms"]
        assert len(measured["open"]["answers"]) == measured["open"]["requests"]


@pytest.mark.parametrize("regular", [False, True])
def test_the_formula_is_what_a_simulation_gives(load: Load, regular: bool) -> None:
    queueing = load("queueing")
    for share in (0.2, 0.5, 0.7):
        simulated = queueing.mean_time(share, 400_000, regular=regular)
        assert simulated == pytest.approx(queueing.formula(share, regular=regular), rel=0.05)


def test_dusk_is_noticed_from_counts_alone(
    load: Load, cifar10: Classifier, cifar10_images: np.ndarray, results: Any
) -> None:
    dusk = load("dusk")
    twice = np.concatenate([cifar10_images, cifar10_images[:, :, ::-1]])[:210]
    found = {feature.name: feature.verdict for feature in dusk.judge(dusk.page_of(cifar10, dusk.darker(twice)))}
    assert found["brightness"] == "changed" == results["drift"]["dusk"]["brightness"]["verdict"]
    assert results["drift"]["day"]["brightness"]["verdict"] == "stable"


@pytest.mark.parametrize("script", ["limits", "layers", "histogram"])
def test_every_script_prints_what_it_found(load: Load, script: str, capsys: pytest.CaptureFixture[str]) -> None:
    load(script).main()
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("name", ["drain", "omission", "queue", "drift"])
def test_a_committed_figure_is_what_its_code_draws(load: Load, folder: Path, name: str, tmp_path: Path) -> None:
    figures = load("figures")
    for path in load("style").draw(tmp_path, name, *figures.FIGURES[name]):
        assert path.read_text("utf-8") == (folder / "images" / path.name).read_text("utf-8")


def test_every_entry_of_the_checklist_points_to_a_file(page: str) -> None:
    rows = [row for row in page.split("## 9. A checklist")[1].split("\n## ")[0].splitlines() if row.startswith("| ")]
    assert len(rows) > 15
    assert all("](../../../" in row or "](../../how-to/" in row for row in rows[1:])


def test_processors(load: Load) -> None:
    processors = load("processors").processors
    assert [processors(line) for line in ("max 100000", "150000 100000")] == [None, 1.5]


def test_order(load: Load) -> None:
    order = load("order")
    assert order.installs_again(order.NAIVE, "app.py")
    assert not order.installs_again(order.ORDERED, "app.py")
    assert order.installs_again(order.ORDERED, "requirements.txt")


def test_probes(load: Load) -> None:
    busy = [True, False, False, True, False, False, False, True]
    assert load("probes").follow(busy, 3) == [True] * 6 + [False, True]
    assert load("probes").restarts(busy, 3) == 1


def test_autoscale(load: Load) -> None:
    wanted = load("autoscale").wanted
    assert [wanted(2, usage, 0.8) for usage in (0.3, 0.85, 1.6, 9.0)] == [2, 2, 4, 10]


def test_error_budget(load: Load) -> None:
    solution = load("error_budget")
    assert solution.budget_minutes(0.999) == pytest.approx(43.2)
    assert solution.burn_rate(36, 2500, 0.999) == pytest.approx(14.4)


def test_stability(load: Load) -> None:
    counts = [400, 300, 200, 100], [250, 250, 0, 500]
    assert load("stability").index(*counts) == pytest.approx(stability_index(*counts))


def test_one_queue(load: Load) -> None:
    mean_time = load("one_queue").mean_time
    assert mean_time(0.8, shared=True, customers=30_000) < mean_time(0.8, shared=False, customers=30_000)
