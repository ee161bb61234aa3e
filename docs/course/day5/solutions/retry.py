"""Exercise 3: ask again, but not at once, not for ever, and not for every error.

.venv/bin/python docs/course/day5/solutions/retry.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import random
from collections.abc import Callable

AGAIN = frozenset({408, 429, 503})
"""The request was not computed, or may be made twice without harm."""


def with_retries(
    ask: Callable[[], tuple[int, float]], sleep: Callable[[float], None], tries: int = 5, seed: int = 0
) -> tuple[int, list[float]]:
    """Ask until it works or cannot work; the last status, and the pauses.

    ask   gives a status, and the seconds of Retry-After, 0 without
    """
    chance = random.Random(seed)  # noqa: S311
    pauses: list[float] = []
    for number in range(tries):
        status, retry_after = ask()
        if status not in AGAIN or number == tries - 1:
            break
        pauses.append(retry_after + chance.uniform(0, 0.1 * 2**number))  # spread, even if all were told 1 s
        sleep(pauses[-1])
    return status, pauses


if __name__ == "__main__":
    answers = iter([(503, 1.0), (503, 0.0), (200, 0.0)])
    print(with_retries(lambda: next(answers), lambda seconds: print(f"pause {seconds:.2f} s")))
