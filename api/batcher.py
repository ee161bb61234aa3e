"""Images of several requests that wait in the event loop are computed together; those of threads a few at a time.

Nobody waits for a batch to fill: when no other request can begin, those that have come so far are computed (turns.py).
Nobody waits for the many images of another request either: after a few of them, whoever waits has the model.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from thumbnet.model import Pixels
from thumbnet.model.runtimes import Logits, Runtime

from .turns import current_turn

AT_ONCE = 8
"""Images of a thread's request that the model computes before others may."""


class FairLock:
    """A lock that those who wait for it get in the order in which they came."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Lock] = deque()

    def acquire(self, blocking: bool = True) -> bool:
        """See threading.Lock."""
        with self._guard:
            if not self._held:
                self._held = True
                return True
            if not blocking:
                return False
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        turn.acquire()  # released by whoever has the lock before
        return True

    def release(self) -> None:
        """See threading.Lock."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._held = False

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *raised: object) -> None:
        self.release()


class Batcher:
    """One model, called from the event loop and by threads."""

    def __init__(self, runtime: Runtime, observe: Callable[[int], None]) -> None:
        """
        observe   told the size of each batch
        """
        self.precision = runtime.precision
        self._runtime = runtime
        self._observe = observe
        self.lock = FairLock()

    def logits(self, pixels: Pixels) -> Logits:
        """See Runtime. Raises what the model raises for these pixels, whatever others came with."""
        if turn := current_turn():
            return turn.compute(self, pixels)
        parts: list[Logits] = []
        for start in range(0, len(pixels), AT_ONCE):
            with self.lock:  # more than one at a time would only compete for the processor
                parts.append(self._alone(pixels[start : start + AT_ONCE]))
        return np.concatenate(parts)

    def together(self, images: Sequence[Pixels]) -> Sequence[Logits | Exception]:
        """See turns.Model."""
        if len(images) > 1:
            with contextlib.suppress(Exception):  # one of them is to blame: let it fail alone
                rows = self._alone(np.concatenate(images))
                return np.split(rows, np.cumsum([len(pixels) for pixels in images])[:-1])
        return [self._attempt(pixels) for pixels in images]

    def _attempt(self, pixels: Pixels) -> Logits | Exception:
        try:
            return self._alone(pixels)
        except Exception as error:  # noqa: BLE001  # raised again in the request
            return error

    def _alone(self, pixels: Pixels) -> Logits:
        rows = self._runtime.logits(pixels)
        self._observe(len(rows))
        return rows
