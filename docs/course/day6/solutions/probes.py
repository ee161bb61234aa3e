"""Exercise 3: what Kubernetes makes of a row of answers.

.venv/bin/python docs/course/day6/solutions/probes.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))


def follow(answers: list[bool], threshold: int) -> list[bool]:
    """Whether a probe counts as passed after each answer: it fails after `threshold` failures in a row."""
    states, failures = [], 0
    for good in answers:
        failures = 0 if good else failures + 1
        states.append(failures < threshold)
    return states


def restarts(answers: list[bool], threshold: int) -> int:
    """How often liveness would start the container anew; each time the count begins again."""
    count, failures = 0, 0
    for good in answers:
        failures = 0 if good else failures + 1
        if failures == threshold:
            count, failures = count + 1, 0
    return count


if __name__ == "__main__":
    busy = [True, False, False, True, False, False, False, True]
    print("ready:   ", follow(busy, 3))
    print("restarts:", restarts(busy, 3))
