"""Exercise 7: the law of the waiting room: L = rate × time.

.venv/bin/python docs/course/day5/solutions/littles_law.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import json

RESULTS = Path(__file__).parents[1] / "results.json"


def callers_by_the_law(row: dict[str, float]) -> float:
    """How many callers there must have been, from answers a second and the median seconds of one."""
    return row["per_second"] * row["p50_ms"] / 1000


if __name__ == "__main__":
    for server, rows in json.loads(RESULTS.read_text("utf-8"))["servers"].items():
        if server != "overload":
            for callers, row in rows.items():
                print(f"{server:12} {callers:>3} callers; by the law {callers_by_the_law(row):5.1f}")
