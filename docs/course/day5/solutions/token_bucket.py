"""Exercise 6: so many requests a second, and a few more at once.

.venv/bin/python docs/course/day5/solutions/token_bucket.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from collections.abc import Callable


class TokenBucket:
    """Fills with `rate` tokens a second up to `burst`; a request takes one."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float]) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._tokens, self._then = float(burst), clock()

    def take(self) -> float:
        """0 where the request may pass, otherwise the seconds to wait."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + self._rate * (now - self._then))
        self._then = now
        if self._tokens < 1:
            return (1 - self._tokens) / self._rate
        self._tokens -= 1
        return 0.0


if __name__ == "__main__":
    moment = 0.0
    bucket = TokenBucket(rate=2, burst=3, clock=lambda: moment)
    for moment in (0.0, 0.0, 0.0, 0.0, 0.5, 0.6):
        print(f"{moment:.1f} s: wait {bucket.take():.1f} s")
