"""Short requests, computed in the event loop itself, step by step, their images together.

A thread that has to be woken, and that then competes with the event loop for the interpreter, costs more than one small
image. So a request runs in a greenlet instead: up to where it wants its model; once a few have come so far, or no other
waits, the model computes their images at once, and each goes on with its own answer. Between any two of these steps the
loop receives, sends, and refuses what there is no room for, as ever. What takes long, as decoding a small file of a
huge image does, a thread does while the request pauses.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
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
LONG_SECONDS = 0.02
"""A job that takes longer by itself, its share of a model's time included, would delay whatever else the loop does."""
PAUSE_SECONDS = 1.0
"""After such a job the next ones are computed in threads for so long."""

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
        self.seconds = 0.0

    def go_on(self, outcome: Any = None) -> None:
        """Run until it ends, or `wanted` says what it waits for; `outcome` is what it waited for last."""
        started = time.monotonic()
        self.wanted = None
        if isinstance(outcome, BaseException):
            self.throw(outcome)
        else:
            self.switch(outcome)
        self.seconds += time.monotonic() - started

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
        self._waiting: deque[Turn] = deque()
        self._paused: list[tuple[Turn, Compute, Pixels]] = []
        self._served: deque[tuple[Turn, Any]] = deque()
        self._scheduled = False
        self._accept_again = 0.0

    def accept(self) -> bool:
        """Whether jobs have been short of late."""
        return time.monotonic() >= self._accept_again

    def take(self, job: Callable[[], Answer], loop: asyncio.AbstractEventLoop) -> asyncio.Future[Answer]:
        """Compute it after those that came before."""
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append(Turn(job, answer))
        self._schedule(loop)
        return answer

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._scheduled and (self._served or self._waiting or self._paused):
            self._scheduled = True
            loop.call_soon(self._step, loop)

    def _step(self, loop: asyncio.AbstractEventLoop) -> None:
        """The next bit of work; what else the loop has to do comes before the one after it."""
        self._scheduled = False
        if self._served:
            self._go_on(loop, *self._served.popleft())
        elif self._waiting and len(self._paused) < self._most:
            self._go_on(loop, self._waiting.popleft())
        else:
            self._compute()
        self._schedule(loop)

    def _go_on(self, loop: asyncio.AbstractEventLoop, turn: Turn, outcome: Any = None) -> None:
        turn.go_on(outcome)
        if turn.seconds > LONG_SECONDS:
            self._accept_again = time.monotonic() + PAUSE_SECONDS
        if isinstance(turn.wanted, tuple):
            self._paused.append((turn, *turn.wanted))
        elif turn.wanted:

            def hand_on(done: asyncio.Future[Any]) -> None:
                self._served.append((turn, done.exception() or done.result()))
                self._schedule(loop)

            loop.run_in_executor(self._threads, turn.wanted).add_done_callback(hand_on)

    def _compute(self) -> None:
        """Answer the first that has paused, and all others that want the same model."""
        _, model, _ = self._paused[0]
        together = [entry for entry in self._paused if entry[1] == model][: self._most]
        taken = {turn for turn, _, _ in together}
        self._paused = [entry for entry in self._paused if entry[0] not in taken]
        started = time.monotonic()
        outcomes: Sequence[Any]
        try:
            outcomes = model([pixels for _, _, pixels in together])
        except BaseException as error:  # noqa: BLE001  # raised in the jobs; the loop lives on
            outcomes = [error] * len(together)
        share = (time.monotonic() - started) / len(together)
        for (turn, _, _), outcome in zip(together, outcomes, strict=True):
            turn.seconds += share
            self._served.append((turn, outcome))
