"""Exercise 1: how many processors a quota is worth.

.venv/bin/python docs/course/day6/solutions/processors.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from thumbnet.api.server import available_processors


def processors(cpu_max: str) -> float | None:
    """Processors of a line of cpu.max, such as "150000 100000"; None where there is no limit."""
    quota, period = cpu_max.split()
    return None if quota == "max" else int(quota) / int(period)


if __name__ == "__main__":
    for line in ("max 100000", "150000 100000", "50000 100000", "400000 100000"):
        print(f"{line:15} {processors(line)}")
    print("this process may use", available_processors())
