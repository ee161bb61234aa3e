"""Images of several requests that wait in the event loop are computed together; those of threads one after the other.

Nobody waits for a batch to fill: when no other request can begin, those that have come so far are computed (turns.py).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence

import numpy as np

from thumbnet.model import Pixels
from thumbnet.model.runtimes import Logits, Runtime

from .turns import current_turn


class Batcher:
    """One model, called from the event loop and by threads."""

    def __init__(self, runtime: Runtime, observe: Callable[[int], None]) -> None:
        """
        observe   told the size of each batch
        """
        self.precision = runtime.precision
        self._runtime = runtime
        self._observe = observe
        self.lock = threading.Lock()

    def logits(self, pixels: Pixels) -> Logits:
        """See Runtime. Raises what the model raises for these pixels, whatever others came with."""
        if turn := current_turn():
            return turn.compute(self, pixels)
        with self.lock:  # more than one at a time would only compete for the processor
            return self._alone(pixels)

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
