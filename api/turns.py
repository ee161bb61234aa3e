"""Short requests, computed in the event loop itself, step by step, their images together.

A thread that has to be woken, and that then competes with the event loop for the interpreter, costs more than one small
image. So a request runs in a greenlet instead: up to where it wants its model; once a few have come so far, or no other
waits, the model computes their images at once, and each goes on with its own answer. Between any two of these steps the
loop receives, sends, and refuses what there is no room for, as ever. What turns out to take long, as a small file of a
huge image does, sends those that come after it to threads for a while.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

import greenlet

from thumbnet.model import Pixels
from thumbnet.model.runtimes import Logits

from .framing import Answer, Headers

SHORT_BYTES = 16_384
"""A thumbnail's file is smaller. What is larger may take long to decode, and does that in a thread."""
SHORT_PATHS = ("/v1/predict", "/models/")
LONG_SECONDS = 0.02
"""A job that takes longer delays whatever else the event loop does: health, refusals, other clients."""
PAUSE_SECONDS = 1.0
"""After such a job the next ones are computed in threads for so long."""

Compute = Callable[[Sequence[Pixels]], Sequence[Logits | Exception]]
"""The images of several requests → the answer for those of each, or what went wrong with them."""


def is_short(path: str, headers: Headers, body: bytes) -> bool:
    """Whether a request has one small image, and wants to know no more than what it shows.

    Forms and JSON may hold many images.
    """
    kind = next((value for name, value in headers if name == "content-type"), "")
    return len(body) <= SHORT_BYTES and path.startswith(SHORT_PATHS) and kind.startswith("image/")


class Turn(greenlet.greenlet):
    """A job under way in the event loop, which may pause for a model."""

    def __init__(self, job: Callable[[], Answer], answer: asyncio.Future[Answer]) -> None:
        super().__init__(self._work)
        self._job = job
        self._answer = answer
        self.wanted: tuple[Compute, Pixels] | None = None
        self.seconds = 0.0

    def go_on(self, logits: Logits | Exception | None = None) -> None:
        """Run until it ends, or `wanted` says what it waits for; `logits` are what it waited for last."""
        started = time.monotonic()
        self.wanted = None
        if isinstance(logits, Exception):
            self.throw(logits)
        else:
            self.switch(logits)
        self.seconds += time.monotonic() - started

    def pause(self, compute: Compute, pixels: Pixels) -> Logits:
        """Wait, inside the job, for what a model makes of these images. Raises what went wrong with them."""
        self.wanted = compute, pixels
        return cast("Logits", cast("greenlet.greenlet", self.parent).switch())

    def _work(self, _: None) -> None:
        try:
            result = self._job()
        except Exception as error:  # noqa: BLE001  # raised where it is waited for
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

    def __init__(self, together: int) -> None:
        """
        together   jobs whose images are computed at once, at most
        """
        self._together = together
        self._waiting: deque[Turn] = deque()
        self._paused: list[tuple[Turn, Compute, Pixels]] = []
        self._served: deque[tuple[Turn, Logits | Exception]] = deque()
        self._running = False
        self._open_again = 0.0

    def open(self) -> bool:
        """Whether jobs have been short of late."""
        return time.monotonic() >= self._open_again

    def take(self, job: Callable[[], Answer], loop: asyncio.AbstractEventLoop) -> asyncio.Future[Answer]:
        """Compute it after those that came before."""
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append(Turn(job, answer))
        if not self._running:
            self._running = True
            loop.call_soon(self._step, loop)
        return answer

    def _step(self, loop: asyncio.AbstractEventLoop) -> None:
        """The next bit of work; what else the loop has to do comes before the one after it."""
        if self._served:
            self._go_on(*self._served.popleft())
        elif self._waiting and len(self._paused) < self._together:
            self._go_on(self._waiting.popleft())
        else:
            self._compute()
        self._running = bool(self._served or self._waiting or self._paused)
        if self._running:
            loop.call_soon(self._step, loop)

    def _go_on(self, turn: Turn, logits: Logits | Exception | None = None) -> None:
        turn.go_on(logits)
        if turn.wanted:
            self._paused.append((turn, *turn.wanted))
        elif turn.seconds > LONG_SECONDS:
            self._open_again = time.monotonic() + PAUSE_SECONDS

    def _compute(self) -> None:
        """Answer the first that has paused, and all others that want the same model."""
        _, model, _ = self._paused[0]
        together = [(turn, pixels) for turn, compute, pixels in self._paused if compute == model]
        self._paused = [entry for entry in self._paused if entry[1] != model]
        started = time.monotonic()
        outcomes = model([pixels for _, pixels in together])
        share = (time.monotonic() - started) / len(together)
        for (turn, _), outcome in zip(together, outcomes, strict=True):
            turn.seconds += share
            self._served.append((turn, outcome))
