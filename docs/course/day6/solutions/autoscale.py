"""Exercise 4: how many pods the autoscaler wants.

.venv/bin/python docs/course/day6/solutions/autoscale.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import math


def wanted(pods: int, usage: float, target: float, fewest: int = 2, most: int = 10, tolerance: float = 0.1) -> int:
    """The rule of the HorizontalPodAutoscaler: as many as bring the mean usage to the target."""
    ratio = usage / target
    if abs(ratio - 1) <= tolerance:
        return pods
    return min(most, max(fewest, math.ceil(pods * ratio)))


if __name__ == "__main__":
    for pods, usage in ((2, 0.3), (2, 0.85), (2, 1.6), (4, 2.0), (6, 0.4)):
        print(f"{pods} pods at {usage:.0%} of their request → {wanted(pods, usage, 0.8)}")
