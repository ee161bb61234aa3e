"""Batching: what waits together is computed together, and nobody gets another's answer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from thumbnet.api.batcher import Batcher
from thumbnet.model import Pixels
from thumbnet.model.runtimes import Logits


def pixels(*values: int) -> Pixels:
    return np.array(values, np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)


def values_as_logits(images: Pixels) -> Logits:
    return images[:, 0, 0, :].astype(np.float32)


class Gate:
    """A model that computes when it is let, and remembers what it computed."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Event()
        self.batches: list[list[int]] = []

    def __call__(self, images: Pixels) -> Logits:
        self.entered.set()
        assert self.open.wait(10)
        self.batches.append([int(value) for value in images[:, 0, 0, 0]])
        if 13 in images:
            raise ValueError("thirteen")
        return values_as_logits(images)


def wait_for(batcher: Batcher, count: int) -> None:
    pause = threading.Event()
    for _ in range(1000):
        if len(batcher._waiting) == count:
            return
        pause.wait(0.005)
    pytest.fail(f"{len(batcher._waiting)} requests wait, not {count}")


def test_a_single_request_is_computed_at_once() -> None:
    assert Batcher(values_as_logits, 64).logits(pixels(7)).tolist() == [[7.0]]


def test_what_arrives_while_the_model_computes_is_the_next_batch() -> None:
    gate = Gate()
    sizes: list[int] = []
    batcher = Batcher(gate, 64, sizes.append)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(batcher.logits, pixels(1))
        assert gate.entered.wait(10)
        others = [pool.submit(batcher.logits, pixels(value, value + 100)) for value in (2, 3, 4)]
        wait_for(batcher, 3)
        gate.open.set()
        assert first.result().tolist() == [[1.0]]
        assert [answer.result().tolist() for answer in others] == [[[v], [v + 100.0]] for v in (2.0, 3.0, 4.0)]
    assert gate.batches[0] == [1]
    assert sorted(gate.batches[1]) == [2, 3, 4, 102, 103, 104]
    assert sizes == [1, 6]


def test_a_batch_stays_within_its_size_and_a_larger_request_goes_alone() -> None:
    gate = Gate()
    batcher = Batcher(gate, 64)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(batcher.logits, pixels(1))
        assert gate.entered.wait(10)
        large = [pool.submit(batcher.logits, pixels(*[value] * 33)) for value in (2, 3)]
        wait_for(batcher, 2)
        gate.open.set()
        assert first.result().shape == (1, 1)
        assert [len(answer.result()) for answer in large] == [33] * 2
    assert [len(batch) for batch in gate.batches] == [1, 33, 33]


def test_a_batch_size_of_one_computes_each_request_on_its_own() -> None:
    gate = Gate()
    batcher = Batcher(gate, 1)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(batcher.logits, pixels(1))
        assert gate.entered.wait(10)
        others = [pool.submit(batcher.logits, pixels(value)) for value in (2, 3)]
        wait_for(batcher, 2)
        gate.open.set()
        assert [answer.result().tolist() for answer in (first, *others)] == [[[1.0]], [[2.0]], [[3.0]]]
    assert sorted(gate.batches) == [[1], [2], [3]]


def test_a_poisoned_request_fails_alone() -> None:
    gate = Gate()
    batcher = Batcher(gate, 64)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(batcher.logits, pixels(1))
        assert gate.entered.wait(10)
        good, bad = pool.submit(batcher.logits, pixels(2)), pool.submit(batcher.logits, pixels(13))
        wait_for(batcher, 2)
        gate.open.set()
        assert first.result().tolist() == [[1.0]]
        assert good.result().tolist() == [[2.0]]
        with pytest.raises(ValueError, match="thirteen"):
            bad.result()


def test_ten_thousand_concurrent_requests_get_their_own_answers() -> None:
    batcher = Batcher(values_as_logits, 64)
    images = [pixels(*np.random.default_rng(i).integers(0, 256, 1 + i % 3)) for i in range(10_000)]
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(batcher.logits, images))
    assert all(np.array_equal(answer, values_as_logits(image)) for answer, image in zip(answers, images, strict=True))
