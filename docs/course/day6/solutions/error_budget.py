"""Exercise 5: how much may fail, and how fast it is used up.

.venv/bin/python docs/course/day6/solutions/error_budget.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))


def budget_minutes(objective: float, days: float = 30) -> float:
    """Minutes of failing altogether that an objective such as 0.999 leaves."""
    return (1 - objective) * days * 24 * 60


def burn_rate(failed: int, requests: int, objective: float) -> float:
    """How many times faster than allowed the budget is being used; at 1 it lasts exactly to the end."""
    return failed / requests / (1 - objective)


if __name__ == "__main__":
    for objective in (0.99, 0.999, 0.9999):
        print(f"{objective:.2%}: {budget_minutes(objective):.1f} minutes in 30 days")
    print(f"burn rate of 36 failed of 2 500: {burn_rate(36, 2500, 0.999):.1f}")
