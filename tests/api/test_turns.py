"""Short requests are computed in the event loop, step by step, the images of several together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from thumbnet.api import turns
from thumbnet.api.batcher import FairLock
from thumbnet.api.framing import Answer
from thumbnet.api.turns import LOOP_SECONDS, SHORT_BYTES, Turn, Turns, current_turn, is_short
from thumbnet.model import Pixels
from thumbnet.model.runtimes import Logits

THREADS = ThreadPoolExecutor(2)


class Model:
    """Answers with the images themselves, and remembers which it was given together."""

    def __init__(self) -> None:
        self.lock = FairLock()
        self.batches: list[list[int]] = []

    def together(self, images: Sequence[Pixels]) -> list[Logits | Exception]:
        self.batches.append([int(image) for image in images])
        return [ValueError(f"image {image}") if image == 13 else np.float32(image) for image in images]


def asking(model: turns.Model, *images: int) -> Callable[[], Answer]:
    """A job that shows images to a model, one after the other, and answers with what it says of them."""

    def job() -> Answer:
        turn = current_turn()
        assert turn is not None
        answers = [turn.compute(model, np.uint8(image)) for image in images]
        return int(sum(answers)), [], b""

    return job


def answering(number: int, done: list[int]) -> Callable[[], Answer]:
    """A job without a model."""

    def job() -> Answer:
        done.append(number)
        return number, [], b""

    return job


def failing() -> Answer:
    raise ZeroDivisionError("of the job")


def run(*jobs: Callable[[], Answer], together: int = 8) -> list[Any]:
    """The status that each job answers with, or what it raises."""

    async def take() -> list[Any]:
        turns, loop = Turns(together, THREADS), asyncio.get_running_loop()
        return await asyncio.gather(*(turns.take(job, loop).answer for job in jobs), return_exceptions=True)

    return [outcome if isinstance(outcome, Exception) else outcome[0] for outcome in asyncio.run(take())]


def test_jobs_are_computed_in_the_order_in_which_they_came() -> None:
    done: list[int] = []
    assert run(*(answering(number, done) for number in range(20))) == done == list(range(20))


def test_images_of_jobs_that_wait_together_are_computed_together() -> None:
    model = Model()
    assert run(*(asking(model, number) for number in range(1, 6)), together=3) == [1, 2, 3, 4, 5]
    assert model.batches == [[1, 2, 3], [4, 5]]


def test_a_job_by_itself_is_computed_at_once() -> None:
    model = Model()
    assert run(asking(model, 7)) == [7]
    assert model.batches == [[7]]


def test_one_at_a_time_computes_each_on_its_own() -> None:
    model = Model()
    assert run(*(asking(model, number) for number in (1, 2, 3)), together=1) == [1, 2, 3]
    assert model.batches == [[1], [2], [3]]


def test_each_model_gets_its_own_images() -> None:
    one, two = Model(), Model()
    assert run(asking(one, 1), asking(two, 2), asking(one, 3), answering(4, []), asking(two, 5)) == [1, 2, 3, 4, 5]
    assert one.batches == [[1, 3]]
    assert two.batches == [[2, 5]]


def test_a_job_may_ask_several_times() -> None:
    model = Model()
    assert run(asking(model, 1, 2, 3), asking(model, 10)) == [6, 10]
    assert model.batches == [[1, 10], [2], [3]]


def test_a_poisoned_image_fails_alone() -> None:
    before, failed, after = run(asking(Model(), 1), asking(Model(), 13), asking(Model(), 2))
    assert (before, after) == (1, 2)
    assert isinstance(failed, ValueError)
    assert str(failed) == "image 13"


def test_a_job_that_fails_fails_alone() -> None:
    done: list[int] = []
    before, failed, after = run(answering(1, done), failing, answering(2, done))
    assert (before, after) == (1, 2)
    assert isinstance(failed, ZeroDivisionError)


def test_ten_thousand_mixed_jobs_get_their_own_answers() -> None:
    models = [Model(), Model(), Model()]
    numbers = [int(number) for number in np.random.default_rng(0).integers(14, 256, 10_000)]
    jobs = [asking(models[number % 3], *[number] * (1 + number % 2)) for number in numbers]
    assert run(*jobs) == [number * (1 + number % 2) for number in numbers]
    assert max(len(batch) for model in models for batch in model.batches) == 8


def test_the_loop_does_other_work_between_two_steps() -> None:
    async def take() -> None:
        turns, loop = Turns(2, THREADS), asyncio.get_running_loop()
        waited = [turns.take(answering(number, seen), loop).answer for number in (1, 2, 3)]
        for _ in range(3):
            await asyncio.sleep(0)
            seen.append(0)
        await asyncio.gather(*waited)

    seen: list[int] = []
    asyncio.run(take())
    assert seen == [1, 0, 2, 0, 3, 0]


def test_a_job_that_nobody_waits_for_any_more_does_not_hold_up_the_next() -> None:
    async def take() -> Answer:
        turns, loop = Turns(8, THREADS), asyncio.get_running_loop()
        turns.take(answering(1, []), loop).answer.cancel()
        turns.take(failing, loop).answer.cancel()
        return await turns.take(answering(2, []), loop).answer

    assert asyncio.run(take())[0] == 2


def test_work_in_a_thread_holds_up_neither_the_loop_nor_other_jobs() -> None:
    done, may_end = [], threading.Event()

    def long() -> int:
        assert may_end.wait(10)
        assert current_turn() is None
        return threading.get_ident()

    def job() -> Answer:
        turn = current_turn()
        assert turn is not None
        thread = turn.in_thread(long)
        assert thread != threading.get_ident()
        return 200, [], b""

    async def take() -> list[Answer]:
        turns, loop = Turns(8, THREADS), asyncio.get_running_loop()
        first = turns.take(job, loop).answer
        others = [await turns.take(answering(number, done), loop).answer for number in (1, 2, 3)]
        may_end.set()
        return [*others, await first]

    assert [status for status, _, _ in asyncio.run(take())] == [1, 2, 3, 200]
    assert done == [1, 2, 3]


def test_no_more_are_computed_together_however_many_come_back_from_threads() -> None:
    model = Model()

    def asking_after_a_thread(number: int) -> Callable[[], Answer]:
        def job() -> Answer:
            turn = current_turn()
            assert turn is not None
            turn.in_thread(lambda: None)
            return asking(model, number)()

        return job

    assert run(*(asking_after_a_thread(number) for number in range(1, 9)), together=2) == list(range(1, 9))
    assert max(map(len, model.batches)) == 2


def test_what_fails_in_a_thread_fails_in_its_job() -> None:
    def job() -> Answer:
        turn = current_turn()
        assert turn is not None
        with pytest.raises(ZeroDivisionError):
            turn.in_thread(failing)
        return 200, [], b""

    assert run(job) == [200]


@pytest.mark.parametrize("where", ["job", "model"])
def test_not_even_what_is_no_exception_stops_the_turns(where: str) -> None:
    class Panic(BaseException):
        pass

    class Panicking(Model):
        def together(self, images: Sequence[Pixels]) -> list[Logits | Exception]:
            raise Panic

    def job() -> Answer:
        if (turn := current_turn()) and where == "model":
            turn.compute(Panicking(), np.uint8(0))
        raise Panic

    async def take() -> list[Any]:
        turns, loop = Turns(8, THREADS), asyncio.get_running_loop()
        answers = [turns.take(job, loop).answer, turns.take(answering(1, []), loop).answer]
        done, _ = await asyncio.wait(answers, timeout=10)
        assert len(done) == 2
        assert isinstance(answers[0].exception(), Panic)
        return [await answers[1], await turns.take(answering(2, []), loop).answer]

    assert [status for status, _, _ in asyncio.run(take())] == [1, 2]


def test_there_is_no_turn_outside_of_one() -> None:
    assert current_turn() is None


class Clocked(Model):
    """A model that takes so many seconds for each image, by a clock of its own, and remembers where it computed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.seconds = 0.0
        self.threads: list[int] = []
        self._now = 100.0
        monkeypatch.setattr("thumbnet.api.turns.time", SimpleNamespace(monotonic=lambda: self._now))

    def together(self, images: Sequence[Pixels]) -> list[Logits | Exception]:
        self.threads.append(threading.get_ident())
        self._now += self.seconds * len(images)
        return super().together(images)


class Slow(Model):
    """A model that computes for as long as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.may_end = threading.Event()

    def together(self, images: Sequence[Pixels]) -> list[Logits | Exception]:
        outcomes = super().together(images)
        assert self.may_end.wait(10)
        return outcomes


def ask(taken: Turns, model: turns.Model, *images: int) -> list[asyncio.Future[Answer]]:
    """Jobs that show an image each to a model."""
    return [taken.take(asking(model, image), asyncio.get_running_loop()).answer for image in images]


def test_a_model_that_may_take_long_computes_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    model, taken = Clocked(monkeypatch), Turns(8, THREADS)

    async def is_in_loop(requests: int, seconds: float) -> bool:
        model.seconds = seconds
        answers = await asyncio.gather(*ask(taken, model, *range(1, requests + 1)))
        assert [status for status, _, _ in answers] == list(range(1, requests + 1))
        return model.threads[-1] == threading.get_ident()

    async def in_loop() -> list[bool]:
        short = LOOP_SECONDS / 4
        first = await is_in_loop(1, short)  # how long it takes is not known yet
        return [first, *[await is_in_loop(requests, short) for requests in (1, 4, 5, 2, 2)]]

    assert asyncio.run(in_loop()) == [False, True, True, False, False, True]
    assert asyncio.run(is_in_loop(1, 100 * LOOP_SECONDS))
    assert asyncio.run(is_in_loop(1, LOOP_SECONDS / 4)), "kept waiting once, it is no slower a model"


def test_a_model_that_has_become_slow_computes_in_a_thread_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    model, taken = Clocked(monkeypatch), Turns(8, THREADS)

    async def slow_down() -> None:
        for seconds in (LOOP_SECONDS / 2, *[2 * LOOP_SECONDS] * 20):
            model.seconds = seconds
            await ask(taken, model, 1)[0]

    asyncio.run(slow_down())
    here = threading.get_ident()
    assert model.threads[1] == here != model.threads[-1]


def test_a_slow_model_that_fails_at_once_is_no_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    model, taken = Clocked(monkeypatch), Turns(8, THREADS)

    async def fail() -> None:
        for image, seconds in ((1, 2 * LOOP_SECONDS), (13, 0.0), (1, 2 * LOOP_SECONDS)):
            model.seconds = seconds
            await asyncio.gather(*ask(taken, model, image), return_exceptions=True)

    asyncio.run(fail())
    assert threading.get_ident() not in model.threads


def test_the_loop_does_not_wait_for_a_model_with_which_a_thread_computes() -> None:
    model, taken = Model(), Turns(8, THREADS)

    async def beside_a_thread() -> list[Answer]:
        await ask(taken, model, 1)[0]
        with model.lock:
            waiting = ask(taken, model, 2)
            other = await taken.take(answering(3, []), asyncio.get_running_loop()).answer
            for _ in range(10):
                await asyncio.sleep(0.001)
            assert not waiting[0].done()
        return [await waiting[0], other]

    assert [status for status, _, _ in asyncio.run(beside_a_thread())] == [2, 3]


def test_while_a_thread_computes_a_model_the_loop_goes_on() -> None:
    slow, quick = Slow(), Model()

    async def take() -> list[Answer]:
        taken = Turns(8, THREADS)
        first = ask(taken, slow, 1)
        while not slow.batches:
            await asyncio.sleep(0.001)
        later = ask(taken, slow, 2, 3)
        others = [await ask(taken, quick, 4)[0], await taken.take(answering(5, []), asyncio.get_running_loop()).answer]
        assert slow.batches == [[1]]
        slow.may_end.set()
        return [*await asyncio.gather(*first, *later), *others]

    assert [status for status, _, _ in asyncio.run(take())] == [1, 2, 3, 4, 5]
    assert slow.batches == [[1], [2, 3]]


def pausing(taken: Turns, job: Callable[[Turn], Any], ended: list[str]) -> Turn:
    """A job that notes when it has ended, however it did."""

    def whole() -> Answer:
        turn = current_turn()
        assert turn is not None
        try:
            job(turn)
        finally:
            ended.append("ended")
        return 200, [], b""

    return taken.take(whole, asyncio.get_running_loop())


def test_what_was_given_up_before_it_began_is_not_computed() -> None:
    async def give_up() -> bool:
        done: list[int] = []
        taken, loop = Turns(8, THREADS), asyncio.get_running_loop()
        turn = taken.take(answering(1, done), loop)
        given_up = turn.give_up()
        await taken.take(answering(2, done), loop).answer
        return given_up and done == [2]

    assert asyncio.run(give_up())


def test_what_waits_for_a_thread_can_be_given_up_until_the_thread_begins() -> None:
    async def give_up() -> None:
        may_end, begun, ended = threading.Event(), list[int](), list[str]()

        def work(number: int) -> None:
            begun.append(number)
            assert may_end.wait(10)

        taken = Turns(8, ThreadPoolExecutor(1))
        first = pausing(taken, lambda turn: turn.in_thread(lambda: work(1)), ended)
        second = pausing(taken, lambda turn: turn.in_thread(lambda: work(2)), ended)
        while not begun or second.handed_on is None:
            await asyncio.sleep(0.001)
        assert not first.give_up()
        assert second.give_up()
        assert ended == ["ended"], "its clean-up has run"
        may_end.set()
        assert (await first.answer)[0] == 200
        assert (await pausing(taken, lambda turn: turn.in_thread(lambda: work(3)), ended).answer)[0] == 200
        assert begun == [1, 3]

    asyncio.run(give_up())


def test_what_waits_for_a_model_can_be_given_up_until_that_begins() -> None:
    async def give_up() -> None:
        slow, ended, taken = Slow(), list[str](), Turns(2, THREADS)
        turns = [pausing(taken, lambda turn, n=n: turn.compute(slow, np.uint8(n)), ended) for n in (1, 2, 3, 4)]
        while not slow.batches or turns[3].wanted is None:
            await asyncio.sleep(0.001)
        assert [turn.give_up() for turn in turns] == [False, False, True, True]
        later = ask(taken, slow, 5)  # there is room for it again
        slow.may_end.set()
        await asyncio.gather(turns[0].answer, turns[1].answer, *later)
        assert slow.batches == [[1, 2], [5]]

    asyncio.run(give_up())


@pytest.mark.parametrize("part", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_picture_whose_header_has_to_be_inflated_is_not_short(part: bytes) -> None:
    assert not is_short("/v1/predict", [("content-type", "image/png")], b"\x89PNG" + part)


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
