"""Exercise 7: two queues, or one for two servers?

.venv/bin/python docs/course/day6/solutions/one_queue.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import heapq

import numpy as np


def mean_time(utilisation: float, *, shared: bool, customers: int = 100_000, seed: int = 0) -> float:
    """Mean time in a system of two servers, in units of a service: one queue for both, or a coin decides."""
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.exponential(1 / (2 * utilisation), customers))
    services, sides = rng.exponential(1.0, customers), rng.integers(0, 2, customers)
    free = [0.0, 0.0]
    total = 0.0
    for arrival, service, side in zip(arrivals.tolist(), services.tolist(), sides.tolist(), strict=True):
        if shared:
            end = max(arrival, free[0]) + service  # the one that is free first
            heapq.heapreplace(free, end)
        else:
            end = free[side] = max(arrival, free[side]) + service
        total += end - arrival
    return total / customers


if __name__ == "__main__":
    for share in (0.5, 0.8, 0.9):
        shared, coin = (mean_time(share, shared=kind) for kind in (True, False))
        print(f"{share:.0%}: {shared:.2f} shared, {coin:.2f} by a coin")
