"""Batching: what waits together in the event loop is computed together, and nobody gets another's answer."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from thumbnet.api.batcher import AT_ONCE, Batcher, FairLock
from thumbnet.api.framing import Answer
from thumbnet.api.turns import Turns
from thumbnet.model import Pixels
from thumbnet.model.runtimes import Logits


class Values:
    """A model whose logits are the first value of each image, and that cannot compute 13."""

    precision = "fp32"

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self._computing = threading.Lock()

    def logits(self, pixels: Pixels) -> Logits:
        assert self._computing.acquire(blocking=False), "two at a time"
        try:
            self.batches.append([int(value) for value in pixels[:, 0, 0, 0]])
            if 13 in pixels:
                raise ValueError("thirteen")
            return pixels[:, 0, 0, :].astype(np.float32)
        finally:
            self._computing.release()


def images(*values: int) -> Pixels:
    return np.array(values, np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)


def in_the_loop(batcher: Batcher, *requests: Pixels) -> list[list[float] | str]:
    """What each of several requests that come at once is told in the event loop."""

    def asking(pixels: Pixels) -> Callable[[], Answer]:
        def job() -> Answer:
            try:
                return 200, [], batcher.logits(pixels).tobytes()
            except ValueError as error:
                return 500, [], str(error).encode()

        return job

    async def take() -> list[Answer]:
        turns, loop = Turns(8, ThreadPoolExecutor(1)), asyncio.get_running_loop()
        return await asyncio.gather(*(turns.take(asking(pixels), loop).answer for pixels in requests))

    return [
        np.frombuffer(body, np.float32).tolist() if status == 200 else body.decode()
        for status, _, body in asyncio.run(take())
    ]


def test_a_single_request_is_computed_at_once() -> None:
    sizes: list[int] = []
    assert in_the_loop(Batcher(Values(), sizes.append), images(7)) == [[7.0]]
    assert sizes == [1]


def test_requests_of_any_number_of_images_are_computed_together() -> None:
    model, sizes = Values(), list[int]()
    answers = in_the_loop(Batcher(model, sizes.append), images(1), images(2, 102), images(3, 4, 5))
    assert answers == [[1.0], [2.0, 102.0], [3.0, 4.0, 5.0]]
    assert model.batches == [[1, 2, 102, 3, 4, 5]]
    assert sizes == [6]


def test_a_poisoned_request_fails_alone() -> None:
    model = Values()
    assert in_the_loop(Batcher(model, lambda _: None), images(1), images(13), images(2)) == [[1.0], "thirteen", [2.0]]
    assert model.batches == [[1, 13, 2], [1], [13], [2]]


def test_threads_take_turns_and_get_their_own_answers() -> None:
    model, sizes = Values(), list[int]()
    batcher = Batcher(model, sizes.append)
    requests = [images(*np.random.default_rng(i).integers(14, 256, 1 + i % 3)) for i in range(1000)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(batcher.logits, requests))
    assert all(np.array_equal(rows[:, 0], request[:, 0, 0, 0]) for rows, request in zip(answers, requests, strict=True))
    assert sizes == [len(batch) for batch in model.batches]
    assert sum(sizes) == sum(map(len, requests))


def test_what_the_model_raises_reaches_the_thread_that_asked() -> None:
    batcher = Batcher(Values(), lambda _: None)
    with pytest.raises(ValueError, match="thirteen"):
        batcher.logits(images(13))
    assert batcher.logits(images(1)).tolist() == [[1.0]]


def is_wanted(lock: FairLock) -> bool:
    return bool(lock._waiting)


class Patient(Values):
    """Ends its first batch when somebody waits for the model."""

    lock: FairLock

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()

    def logits(self, pixels: Pixels) -> Logits:
        self.begun.set()
        while not self.batches and not is_wanted(self.lock):
            time.sleep(0.001)
        return super().logits(pixels)


def test_a_thumbnail_need_not_wait_for_the_many_images_of_another_request() -> None:
    model = Patient()
    batcher = Batcher(model, lambda _: None)
    model.lock = batcher.lock
    many = images(*range(14, 14 + 3 * AT_ONCE))
    with ThreadPoolExecutor(2) as pool:
        answer = pool.submit(batcher.logits, many)
        assert model.begun.wait(timeout=5)
        assert batcher.logits(images(1)).tolist() == [[1.0]]
        assert np.array_equal(answer.result()[:, 0], many[:, 0, 0, 0])
    assert [len(batch) for batch in model.batches] == [AT_ONCE, 1, AT_ONCE, AT_ONCE]


def test_a_fair_lock_is_had_in_the_order_in_which_it_was_wanted() -> None:
    lock, order = FairLock(), list[int]()

    def take(number: int) -> None:
        with lock:
            order.append(number)

    assert lock.acquire(blocking=False)
    with ThreadPoolExecutor(8) as pool:
        for number in range(8):
            pool.submit(take, number)
            while len(lock._waiting) <= number:
                time.sleep(0.001)
        assert not lock.acquire(blocking=False)
        lock.release()
    assert order == list(range(8))
    assert lock.acquire(blocking=False)
