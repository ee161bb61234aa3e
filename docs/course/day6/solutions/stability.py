"""Exercise 6: the population stability index by hand.

.venv/bin/python docs/course/day6/solutions/stability.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import math

from thumbnet.model.drift import stability_index


def index(expected: list[int], found: list[int]) -> float:
    """Σ (q − p) ln(q / p), with half an image more in each bin."""
    more = [[count + 0.5 for count in counts] for counts in (expected, found)]
    p, q = ([count / sum(counts) for count in counts] for counts in more)
    return sum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True))


if __name__ == "__main__":
    before, after = [400, 300, 200, 100], [250, 250, 250, 250]
    print(f"{index(before, after):.4f}, the project says {stability_index(before, after):.4f}")
