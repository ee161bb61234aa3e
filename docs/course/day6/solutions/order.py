"""Exercise 2: an order of instructions in which an edit costs little.

.venv/bin/python docs/course/day6/solutions/order.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from layers import FILES, NAIVE, ORDERED, Step, built_again


def installs_again(steps: list[Step], changed: str) -> bool:
    """Whether a change of a file runs pip again."""
    return any("pip" in step for step in built_again(steps, FILES, FILES | {changed: "something else"}))


if __name__ == "__main__":
    for name, steps in (("naive", NAIVE), ("ordered", ORDERED)):
        for changed in FILES:
            print(f"{name:8} {changed:17} pip again: {installs_again(steps, changed)}")
