"""Short requests, computed in the event loop itself, step by step, their images together.

A thread that has to be woken, and that then competes with the event loop for the interpreter, costs more than one small
image. So a request runs in a greenlet instead: up to where it wants its model; once a few have come so far, or no other
waits, the model computes their images at once, and each goes on with its own answer. Between any two of these steps the
loop receives, sends, and refuses what there is no room for, as ever. What takes long, as a large model or decoding a
small file of a huge image does, a thread does while the request pauses.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, TypeVar, cast

import greenlet

from thumbnet.model import Pixels
from thumbnet.model.runtimes import Logits

from .framing import Answer, Headers

SHORT_BYTES = 16_384
"""A thumbnail's file is smaller. What is larger may take long to decode, and does that in a thread."""
SHORT_PATHS = ("/v1/predict", "/models/")
SHORT_PIXELS = 256 * 256
"""Of an image that is decoded in the event loop, at most."""
LOOP_SECONDS = 0.01
"""A model that takes longer computes in a thread: it would delay whatever else the loop does."""
FORGETTING = 1.1
"""How much longer than the last time a model may be thought to take, at most: a thread may have been kept waiting."""

Compute = Callable[[Sequence[Pixels]], Sequence[Logits | Exception]]
"""The images of several requests → the answer for those of each, or what went wrong with them."""
Result = TypeVar("Result")


def is_short(path: str, headers: Headers, body: bytes) -> bool:
    """Whether a request has one small image, and wants to know no more than what it shows.

    Forms and JSON may hold many images.
    """
    kind = next((value for name, value in headers if name == "content-type"), "")
    return len(body) <= SHORT_BYTES and path.startswith(SHORT_PATHS) and kind.startswith("image/")


class Turn(greenlet.greenlet):
    """A job under way in the event loop, which may pause for a model or for a thread."""

    def __init__(self, job: Callable[[], Answer], answer: asyncio.Future[Answer]) -> None:
        super().__init__(self._work)
        self._job = job
        self._answer = answer
        self.wanted: tuple[Compute, Pixels] | Callable[[], Any] | None = None

    def go_on(self, outcome: Any = None) -> None:
        """Run until it ends, or `wanted` says what it waits for; `outcome` is what it waited for last."""
        self.wanted = None
        if isinstance(outcome, BaseException):
            self.throw(outcome)
        else:
            self.switch(outcome)

    def compute(self, model: Compute, pixels: Pixels) -> Logits:
        """Wait, inside the job, for what a model makes of these images. Raises what went wrong with them."""
        return cast("Logits", self._pause((model, pixels)))

    def in_thread(self, work: Callable[[], Result]) -> Result:
        """Wait, inside the job, for work that would hold up the event loop. Raises what it raises."""
        return cast("Result", self._pause(work))

    def _pause(self, wanted: tuple[Compute, Pixels] | Callable[[], Any]) -> Any:
        self.wanted = wanted
        return cast("greenlet.greenlet", self.parent).switch()

    def _work(self, _: None) -> None:
        try:
            result = self._job()
        except greenlet.GreenletExit:  # thrown away with the loop
            raise
        except BaseException as error:  # noqa: BLE001  # raised where it is waited for; the loop lives on
            if not self._answer.done():
                self._answer.set_exception(error)
        else:
            if not self._answer.done():
                self._answer.set_result(result)


def current_turn() -> Turn | None:
    """The turn that is calling; none in a thread."""
    current = greenlet.getcurrent()
    return current if isinstance(current, Turn) else None


class Turns:
    """Jobs that wait for their turn in the event loop."""

    def __init__(self, together: int, threads: Executor) -> None:
        """
        together   jobs whose images are computed at once, at most
        threads    do what would hold up the loop
        """
        self._most = together
        self._threads = threads
        self._model_thread = ThreadPoolExecutor(1, "model")
        self._waiting: deque[Turn] = deque()
        self._paused: list[tuple[Turn, Compute, Pixels]] = []
        self._served: deque[tuple[Turn, Any]] = deque()
        self._scheduled = self._computing = False
        self._pace: dict[Compute, float] = {}

    def take(self, job: Callable[[], Answer], loop: asyncio.AbstractEventLoop) -> asyncio.Future[Answer]:
        """Compute it after those that came before."""
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append(Turn(job, answer))
        self._schedule(loop)
        return answer

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._step, loop)

    def _step(self, loop: asyncio.AbstractEventLoop) -> None:
        """The next bit of work, if there is any; what else the loop has to do comes before the one after it."""
        self._scheduled = False
        if self._served:
            self._go_on(loop, *self._served.popleft())
        elif self._waiting and len(self._paused) < self._most:
            self._go_on(loop, self._waiting.popleft())
        elif self._paused and not self._computing:
            self._compute(loop)
        else:
            return
        self._schedule(loop)

    def _go_on(self, loop: asyncio.AbstractEventLoop, turn: Turn, outcome: Any = None) -> None:
        turn.go_on(outcome)
        if isinstance(turn.wanted, tuple):
            self._paused.append((turn, *turn.wanted))
        elif turn.wanted:

            def hand_on(done: asyncio.Future[Any]) -> None:
                self._served.append((turn, done.exception() or done.result()))
                self._schedule(loop)

            loop.run_in_executor(self._threads, turn.wanted).add_done_callback(hand_on)

    def _compute(self, loop: asyncio.AbstractEventLoop) -> None:
        """Answer the first that has paused, and all others that want the same model."""
        _, model, _ = self._paused[0]
        together = [entry for entry in self._paused if entry[1] == model][: self._most]
        turns, _, images = zip(*together, strict=True)
        self._paused = [entry for entry in self._paused if entry[0] not in turns]
        pace = self._pace.get(model, math.inf)

        def serve(computed: tuple[Sequence[Any], float]) -> None:
            outcomes, seconds = computed
            self._pace[model] = min(seconds / len(turns), FORGETTING * pace)
            self._served.extend(zip(turns, outcomes, strict=True))

        def hand_on(done: asyncio.Future[tuple[Sequence[Any], float]]) -> None:
            self._computing = False
            serve(done.result())
            self._schedule(loop)

        if len(turns) * pace <= LOOP_SECONDS:
            serve(attempt(model, images))
        else:
            self._computing = True
            loop.run_in_executor(self._model_thread, attempt, model, images).add_done_callback(hand_on)


def attempt(model: Compute, images: Sequence[Pixels]) -> tuple[Sequence[Logits | BaseException], float]:
    """What a model makes of each request's images, or what went wrong, and the seconds that it took."""
    started = time.monotonic()
    outcomes: Sequence[Logits | BaseException]
    try:
        outcomes = model(images)
    except BaseException as error:  # noqa: BLE001  # raised in the jobs; the loop lives on
        outcomes = [error] * len(images)
    return outcomes, time.monotonic() - started
