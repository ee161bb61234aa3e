"""Requests that wait for the model at the same time are computed together.

Whoever holds the model computes everything that waits; what arrives meanwhile is the next batch. So nobody waits for a
batch to fill: an idle model answers one image at once, a busy one takes more at a time, which costs less for each.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

import numpy as np

from thumbnet.model import Pixels
from thumbnet.model.runtimes import Logits


class Batcher:
    """One model, called by many threads."""

    def __init__(
        self, compute: Callable[[Pixels], Logits], batch_size: int, observe: Callable[[int], None] | None = None
    ) -> None:
        """
        compute      (N, H, W, C) uint8 pixels → (N, classes) logits, where a row depends on its own image alone
        batch_size   images computed at once, unless a single request has more
        observe      told the size of each batch
        """
        self._compute = compute
        self._batch_size = batch_size
        self._observe = observe or (lambda _: None)
        self._model = threading.Lock()
        self._waiting: list[tuple[Pixels, Future[Logits]]] = []
        self._guard = threading.Lock()

    def logits(self, pixels: Pixels) -> Logits:
        """(N, H, W, C) uint8 pixels → (N, classes) logits. Raises what the model raises for these pixels."""
        answer: Future[Logits] = Future()
        with self._guard:
            self._waiting.append((pixels, answer))
        while not answer.done():
            with self._model:
                if not answer.done():
                    self._answer(self._take())
        return answer.result()

    def _take(self) -> list[tuple[Pixels, Future[Logits]]]:
        """What has waited longest, up to the batch size, and at least one request."""
        with self._guard:
            images, count = 0, 0
            for pixels, _ in self._waiting:
                if count and images + len(pixels) > self._batch_size:
                    break
                images, count = images + len(pixels), count + 1
            batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    def _answer(self, batch: list[tuple[Pixels, Future[Logits]]]) -> None:
        if len(batch) == 1:
            self._answer_alone(*batch[0])
            return
        try:
            rows = self._compute(np.concatenate([pixels for pixels, _ in batch]))
            self._observe(len(rows))
        except Exception:  # noqa: BLE001  # one of them is to blame: let it fail alone
            for pixels, answer in batch:
                self._answer_alone(pixels, answer)
            return
        start = 0
        for pixels, answer in batch:
            answer.set_result(rows[start : start + len(pixels)])
            start += len(pixels)

    def _answer_alone(self, pixels: Pixels, answer: Future[Logits]) -> None:
        try:
            answer.set_result(self._compute(pixels))
            self._observe(len(pixels))
        except BaseException as error:  # noqa: BLE001  # raised again where it is waited for
            answer.set_exception(error)
