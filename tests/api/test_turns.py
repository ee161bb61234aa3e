"""Short requests are computed in the event loop, one in each of its rounds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from thumbnet.api.framing import Answer
from thumbnet.api.turns import LONG_SECONDS, PAUSE_SECONDS, SHORT_BYTES, Turns, is_short


def answering(number: int, done: list[int]) -> Callable[[], Answer]:
    def job() -> Answer:
        done.append(number)
        return number, [], b""

    return job


def failing() -> Answer:
    raise ZeroDivisionError("of the job")


def test_jobs_are_computed_in_the_order_in_which_they_came() -> None:
    async def take() -> list[Answer]:
        turns, loop = Turns(), asyncio.get_running_loop()
        return await asyncio.gather(*(turns.take(answering(number, done), loop) for number in range(20)))

    done: list[int] = []
    answers = asyncio.run(take())
    assert done == [status for status, _, _ in answers] == list(range(20))


def test_the_loop_does_other_work_between_two_jobs() -> None:
    async def take() -> None:
        turns, loop = Turns(), asyncio.get_running_loop()
        waited = [turns.take(answering(number, seen), loop) for number in (1, 2, 3)]
        for _ in range(3):
            await asyncio.sleep(0)
            seen.append(0)
        await asyncio.gather(*waited)

    seen: list[int] = []
    asyncio.run(take())
    assert seen == [1, 0, 2, 0, 3, 0]


def test_a_job_that_fails_fails_alone() -> None:
    async def take() -> list[Any]:
        turns, loop = Turns(), asyncio.get_running_loop()
        jobs = (answering(1, done), failing, answering(2, done))
        return await asyncio.gather(*(turns.take(job, loop) for job in jobs), return_exceptions=True)

    done: list[int] = []
    before, failed, after = asyncio.run(take())
    assert (before[0], after[0]) == (1, 2)
    assert isinstance(failed, ZeroDivisionError)


def test_a_job_that_nobody_waits_for_any_more_does_not_hold_up_the_next() -> None:
    async def take() -> Answer:
        turns, loop = Turns(), asyncio.get_running_loop()
        turns.take(answering(1, []), loop).cancel()
        turns.take(failing, loop).cancel()
        return await turns.take(answering(2, []), loop)

    assert asyncio.run(take())[0] == 2


def test_a_job_that_takes_long_closes_the_turns_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("thumbnet.api.turns.time", SimpleNamespace(monotonic=lambda: now[0]))

    def lasting(seconds: float) -> Callable[[], Answer]:
        def job() -> Answer:
            now[0] += seconds
            return 200, [], b""

        return job

    async def take(seconds: float) -> None:
        await turns.take(lasting(seconds), asyncio.get_running_loop())

    turns = Turns()
    asyncio.run(take(LONG_SECONDS / 2))
    assert turns.open()
    asyncio.run(take(LONG_SECONDS * 2))
    assert not turns.open()
    now[0] += PAUSE_SECONDS
    assert turns.open()


@pytest.mark.parametrize(
    ("path", "kind", "size", "short"),
    [
        ("/v1/predict", "image/jpeg", SHORT_BYTES, True),
        ("/models/cifar10", "image/png", 1, True),
        ("/v1/predict", "image/jpeg", SHORT_BYTES + 1, False),
        ("/v1/explain", "image/jpeg", 1, False),
        ("/v2/models/cifar10/infer", "image/jpeg", 1, False),
        ("/v1/predict", "application/json", 1, False),
        ("/v1/predict", "multipart/form-data; boundary=x", 1, False),
    ],
)
def test_short_is_one_small_image_that_is_classified(path: str, kind: str, size: int, short: bool) -> None:
    assert is_short(path, [("content-type", kind)], b"x" * size) is short


def test_a_request_without_a_type_is_not_short() -> None:
    assert not is_short("/v1/predict", [], b"x")
