"""Read a histogram off a page of metrics, and estimate quantiles from its buckets as Prometheus does.

.venv/bin/python docs/course/day6/histogram.py
"""

from __future__ import annotations

import math
import re
from pathlib import Path

PAGE = Path(__file__).parent / "metrics.txt"
BUCKET = re.compile(r'^(\w+)_bucket\{.*le="([^"]+)".*\} (\S+)$', re.MULTILINE)


# --8<-- [start:read]
def read_buckets(page: str, name: str) -> list[tuple[float, float]]:
    """(upper bound, how many were at most that), of a histogram that stands alone on a page."""
    return [(float(bound), float(count)) for series, bound, count in BUCKET.findall(page) if series == name]


# --8<-- [end:read]


# --8<-- [start:quantile]
def quantile(share: float, buckets: list[tuple[float, float]]) -> float:
    """The value that this share of all stay under, on the assumption that a bucket is filled evenly."""
    wanted = share * buckets[-1][1]
    low, below = 0.0, 0.0
    for high, count in buckets:
        if count >= wanted:
            if math.isinf(high):
                return low  # it is somewhere above the last bound: more is not known
            return low + (high - low) * (wanted - below) / max(count - below, 1e-12)
        low, below = high, count
    return low


# --8<-- [end:quantile]

BY_HAND = [(0.1, 60.0), (0.2, 90.0), (0.5, 100.0), (math.inf, 100.0)]
"""The histogram of the page: 100 requests."""


def main() -> None:
    """Print the quantiles of the page, and of the recorded server."""
    print(f"by hand: {quantile(0.75, BY_HAND):.3f} s")
    buckets = read_buckets(PAGE.read_text("utf-8"), "thumbnet_request_seconds")
    for share in (0.5, 0.9, 0.99):
        print(f"{share:.0%}: {1000 * quantile(share, buckets):.2f} ms")


if __name__ == "__main__":
    main()
