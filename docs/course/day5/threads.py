"""What threads gain, and what they do not, under Python's interpreter lock.

.venv/bin/python docs/course/day5/threads.py
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np

from thumbnet import Classifier


# --8<-- [start:work]
def in_threads(work: Callable[[], object], threads: int, times: int) -> float:
    """How often a second `threads` threads together get a piece of work done, each `times` times."""

    def run() -> None:
        for _ in range(times):
            work()

    started = time.perf_counter()
    crowd = [threading.Thread(target=run) for _ in range(threads)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    return threads * times / (time.perf_counter() - started)


def pure_python() -> int:
    """Holds the lock."""
    return sum(number * number for number in range(20_000))


def waiting() -> None:
    """Lets go of the lock."""
    time.sleep(0.002)


# --8<-- [end:work]


def kinds() -> dict[str, Callable[[], object]]:
    """The three kinds of work of the page."""
    classifier = Classifier.load("cifar10", threads=1)
    image = np.zeros((32, 32, 3), np.uint8)
    return {"python": pure_python, "waiting": waiting, "model": lambda: classifier.predict_pixels([image])}


def measure(times: int = 100) -> dict[str, dict[str, float]]:
    """Kind of work → number of threads → how often a second."""
    return {
        name: {str(threads): round(in_threads(work, threads, times), 1) for threads in (1, 2, 4)}
        for name, work in kinds().items()
    }


def main() -> None:
    """Print it."""
    for name, row in measure().items():
        print(f"{name:8} {row}")


if __name__ == "__main__":
    main()
