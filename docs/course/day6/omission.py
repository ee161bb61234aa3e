"""The same stall, seen by a caller who waits (closed loop) and by callers who do not (open loop).

.venv/bin/python docs/course/day6/omission.py
"""

from __future__ import annotations

import queue
import threading
import time
from typing import Any

import numpy as np


class Server:
    """Takes requests one after another, 2 ms each, and stalls once, at a given moment."""

    def __init__(self, stall_at: float, stall: float) -> None:
        self._requests: queue.Queue[threading.Event | None] = queue.Queue()
        self._stall_at, self._stall = time.perf_counter() + stall_at, stall
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def send(self) -> threading.Event:
        """A request; the event is set when it is answered."""
        done = threading.Event()
        self._requests.put(done)
        return done

    def close(self) -> None:
        """Answer what waits, and end."""
        self._requests.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (done := self._requests.get()) is not None:
            if self._stall and time.perf_counter() >= self._stall_at:
                time.sleep(self._stall)
                self._stall = 0.0
            time.sleep(0.002)
            done.set()


# --8<-- [start:loops]
def closed_loop(server: Server, seconds: float, gap: float) -> list[tuple[float, float]]:
    """One caller: asks, waits for the answer, pauses to the next multiple of the gap. (sent, latency) of each."""
    start = time.perf_counter()
    found = []
    while (sent := time.perf_counter()) < start + seconds:
        server.send().wait()
        answered = time.perf_counter()
        found.append((sent - start, answered - sent))
        time.sleep(gap - (answered - start) % gap)
    return found


def open_loop(server: Server, seconds: float, gap: float) -> list[tuple[float, float]]:
    """A request at each multiple of the gap, whatever became of the last. (due, latency since then) of each."""
    start = time.perf_counter()
    found: list[tuple[float, float]] = []

    def wait(due: float, done: threading.Event) -> None:
        done.wait()
        found.append((due - start, time.perf_counter() - due))

    waiting = []
    for number in range(round(seconds / gap)):
        due = start + number * gap
        time.sleep(max(0.0, due - time.perf_counter()))
        waiting.append(threading.Thread(target=wait, args=(due, server.send())))
        waiting[-1].start()
    for thread in waiting:
        thread.join()
    return sorted(found)


# --8<-- [end:loops]


def compare(seconds: float = 5.0, stall: float = 1.0, gap: float = 0.01) -> dict[str, Any]:
    """What each loop says of the same server."""
    found: dict[str, Any] = {"stall": stall}
    for name, loop in (("closed", closed_loop), ("open", open_loop)):
        server = Server(seconds / 2, stall)
        answers = loop(server, seconds, gap)
        server.close()
        milliseconds = [1000 * latency for _, latency in answers]
        found[name] = {
            "requests": len(answers),
            "p50_ms": round(float(np.percentile(milliseconds, 50)), 1),
            "p99_ms": round(float(np.percentile(milliseconds, 99)), 1),
            "over_100_ms": sum(value > 100 for value in milliseconds),
            "answers": [[round(moment, 3), round(1000 * latency, 1)] for moment, latency in answers],
        }
    return found


def main() -> None:
    """Print it."""
    for name, row in compare().items():
        print(name, {key: value for key, value in row.items() if key != "answers"} if isinstance(row, dict) else row)


if __name__ == "__main__":
    main()
