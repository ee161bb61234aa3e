"""Measure what day 6 says, and write results.json, metrics.txt and log.txt. Takes under a minute.

.venv/bin/python docs/course/day6/measure.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import drain
import dusk
import numpy as np
import omission
import queueing
from histogram import quantile, read_buckets

from thumbnet import Classifier

FOLDER = Path(__file__).parent


def histogram_lines(page: str) -> str:
    """The histogram of the time to answer /v1/predict, from a whole page."""
    wanted = [line for line in page.splitlines() if "thumbnet_request_seconds" in line]
    lines = [line for line in wanted if line.startswith("#") or '"/v1/predict"' in line]
    return "\n".join(line for line in lines if "_created" not in line) + "\n"


def main() -> None:
    """Run every experiment of the day."""
    life = drain.watch()
    page = histogram_lines(life.pop("page"))
    log, latencies = life.pop("log"), life.pop("latencies")
    buckets = read_buckets(page, "thumbnet_request_seconds")
    results: dict[str, Any] = {
        "drain": life,
        "latency_ms": {
            name: {
                "server": round(1000 * quantile(share, buckets), 2),
                "caller": round(1000 * float(np.quantile(latencies, share)), 2),
            }
            for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
        },
        "omission": omission.compare(),
        "queueing": {
            f"{round(100 * share)}": {
                "simulated": round(queueing.mean_time(share), 2),
                "formula": round(queueing.formula(share), 2),
                "regular": round(queueing.mean_time(share, regular=True), 2),
            }
            for share in queueing.UTILISATIONS
        },
        "drift": dusk.experiment(dusk.read_images(), Classifier.load("cifar10")),
    }
    (FOLDER / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (FOLDER / "metrics.txt").write_text(page, encoding="utf-8")
    shown = [line for line in log.splitlines() if line.startswith("{")]
    requests = [line for line in shown if '"request"' in line]
    kept = [*(line for line in shown if '"request"' not in line), *requests[:1], *requests[-1:]]
    (FOLDER / "log.txt").write_text("\n".join(sorted(kept)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
