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
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import greenlet

from thumbnet.model import Pixels
from thumbnet.model.runtimes import Logits

from .framing import Answer, Headers

if TYPE_CHECKING:
    from .batcher import FairLock

SHORT_BYTES = 16_384
"""A thumbnail's file is smaller. What is larger may take long to decode, and does that in a thread."""
SHORT_PATHS = ("/v1/predict", "/models/")
SHORT_PIXELS = 256 * 256
"""Of an image that is decoded in the event loop, at most."""
INFLATED = (b"zTXt", b"iTXt", b"iCCP")
"""Parts of a PNG that may become a megabyte each when it is opened."""
LOOP_SECONDS = 0.01
"""A model that takes longer computes in a thread: it would delay whatever else the loop does."""
MOST_GROWTH = 1.1
"""By which a model is thought to take longer than the last time, at most: this process may have been kept waiting."""

Result = TypeVar("Result")
Computed = tuple[Sequence[Logits | BaseException], float]
"""What a model made of each request's images, or what went wrong with them, and the seconds that it took."""


class Model(Protocol):
    """Computes the images of several requests."""

    lock: FairLock
    """Held by whoever computes with it."""

    def together(self, images: Sequence[Pixels]) -> Sequence[Logits | Exception]:
        """The images of each of several requests → the answer for them, or what went wrong with them."""
        ...


def is_short(path: str, headers: Headers, body: bytes) -> bool:
    """Whether a request has one small image, and wants to know no more than what it shows.

    Forms and JSON may hold many images.
    """
    kind = next((value for name, value in headers if name == "content-type"), "")
    small = len(body) <= SHORT_BYTES and not any(part in body for part in INFLATED)
    return small and path.startswith(SHORT_PATHS) and kind.startswith("image/")


class Turn(greenlet.greenlet):
    """A job under way in the event loop, which may pause for a model or for a thread."""

    def __init__(self, job: Callable[[], Answer], answer: asyncio.Future[Answer]) -> None:
        """
        wanted   what it has paused for, as long as nobody has begun to compute that
        """
        super().__init__(self._work)
        self._job = job
        self.answer = answer
        self.wanted: tuple[Model, Pixels] | Callable[[], Any] | None = None
        self.handed_on: Future[Any] | None = None

    def go_on(self, outcome: Any = None) -> None:
        """Run until it ends, or `wanted` says what it waits for; `outcome` is what it waited for last."""
        self.wanted = self.handed_on = None
        if isinstance(outcome, BaseException):
            self.throw(outcome)
        else:
            self.switch(outcome)

    def give_up(self) -> bool:
        """End it, and make sure that what it waits for is not computed. False where that has begun."""
        if self and self.wanted is None:
            return False
        if self.handed_on is not None and not self.handed_on.cancel():
            return False
        self.throw()  # GreenletExit, which no handler of errors takes for one
        return True

    def compute(self, model: Model, pixels: Pixels) -> Logits:
        """Wait, inside the job, for what a model makes of these images. Raises what went wrong with them."""
        return cast("Logits", self._pause((model, pixels)))

    def in_thread(self, work: Callable[[], Result]) -> Result:
        """Wait, inside the job, for work that would hold up the event loop. Raises what it raises."""
        return cast("Result", self._pause(work))

    def _pause(self, wanted: tuple[Model, Pixels] | Callable[[], Any]) -> Any:
        self.wanted = wanted
        return cast("greenlet.greenlet", self.parent).switch()

    def _work(self, _: None) -> None:
        try:
            result = self._job()
        except greenlet.GreenletExit:  # given up, or thrown away with the loop
            raise
        except BaseException as error:  # noqa: BLE001  # raised where it is waited for; the loop lives on
            if not self.answer.done():
                self.answer.set_exception(error)
        else:
            if not self.answer.done():
                self.answer.set_result(result)


def current_turn() -> Turn | None:
    """The turn that is calling; none in a thread."""
    current = greenlet.getcurrent()
    return current if isinstance(current, Turn) else None


class Pace:
    """How long a model takes, as far as the last time tells."""

    def __init__(self) -> None:
        self._seconds, self._requests = math.inf, 1

    def expect(self, requests: int) -> float:
        """The seconds for so many requests, rather too many than too few: few may take as long as some more."""
        return self._seconds * max(1.0, requests / self._requests)

    def learn(self, requests: int, seconds: float) -> None:
        """So many requests took so long."""
        self._seconds, self._requests = min(seconds, MOST_GROWTH * self.expect(requests)), requests


class Turns:
    """Jobs that wait for their turn in the event loop."""

    def __init__(self, together: int, threads: Executor) -> None:
        """
        together   jobs whose images are computed at once, at most
        threads    for work that jobs hand on (see Turn.in_thread)
        """
        self._most = together
        self._threads = threads
        self._model_threads = ThreadPoolExecutor(thread_name_prefix="model")  # not behind what `threads` have to do
        self._waiting: deque[Turn] = deque()
        self._paused: list[tuple[Turn, Model, Pixels]] = []
        self._served: deque[tuple[Turn, Any]] = deque()
        self._computing: set[Model] = set()
        self._paces: dict[Model, Pace] = defaultdict(Pace)
        self._scheduled = False

    def take(self, job: Callable[[], Answer], loop: asyncio.AbstractEventLoop) -> Turn:
        """Compute it after those that came before."""
        turn = Turn(job, loop.create_future())
        self._waiting.append(turn)
        self._schedule(loop)
        return turn

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._step, loop)

    def _step(self, loop: asyncio.AbstractEventLoop) -> None:
        """The next bit of work, if there is any; what else the loop has to do comes before the one after it."""
        self._scheduled = False
        self._paused = [entry for entry in self._paused if not entry[0].dead]
        if self._served:
            self._go_on(loop, *self._served.popleft())
        elif self._waiting and len(self._paused) < self._most:
            self._begin(loop, self._waiting.popleft())
        elif (model := self._next_model()) is not None:
            self._compute(loop, model)
        else:
            return
        self._schedule(loop)

    def _next_model(self) -> Model | None:
        """That of the job that has paused for the longest time, of those whose model no thread computes."""
        return next((model for _, model, _ in self._paused if model not in self._computing), None)

    def _begin(self, loop: asyncio.AbstractEventLoop, turn: Turn) -> None:
        if not turn.dead:  # given up meanwhile
            self._go_on(loop, turn)

    def _go_on(self, loop: asyncio.AbstractEventLoop, turn: Turn, outcome: Any = None) -> None:
        def hand_on(done: asyncio.Future[Any]) -> None:
            if not done.cancelled():  # given up
                self._served.append((turn, done.exception() or done.result()))

        turn.go_on(outcome)
        if isinstance(turn.wanted, tuple):
            self._paused.append((turn, *turn.wanted))
        elif turn.wanted:
            turn.handed_on = self._in_thread(loop, self._threads, turn.wanted, hand_on)

    def _compute(self, loop: asyncio.AbstractEventLoop, model: Model) -> None:
        """Answer those that have paused for this model."""
        together = [(turn, pixels) for turn, wanted, pixels in self._paused if wanted is model][: self._most]
        turns, images = zip(*together, strict=True)
        self._paused = [entry for entry in self._paused if entry[0] not in turns]
        for turn in turns:
            turn.wanted = None

        def hand_on(done: asyncio.Future[Computed]) -> None:
            self._computing.remove(model)
            self._serve(model, turns, *done.result())

        if self._paces[model].expect(len(turns)) <= LOOP_SECONDS and model.lock.acquire(blocking=False):
            try:
                self._serve(model, turns, *timed(model, images))
            finally:
                model.lock.release()
        else:
            self._computing.add(model)
            self._in_thread(loop, self._model_threads, partial(timed_when_free, model, images), hand_on)

    def _serve(
        self, model: Model, turns: Sequence[Turn], outcomes: Sequence[Logits | BaseException], seconds: float
    ) -> None:
        if not any(isinstance(outcome, BaseException) for outcome in outcomes):  # to fail may take no time
            self._paces[model].learn(len(turns), seconds)
        self._served.extend(zip(turns, outcomes, strict=True))

    def _in_thread(
        self,
        loop: asyncio.AbstractEventLoop,
        threads: Executor,
        work: Callable[[], Result],
        then: Callable[[asyncio.Future[Result]], None],
    ) -> Future[Result]:
        def go_on(done: asyncio.Future[Result]) -> None:
            then(done)
            self._schedule(loop)

        working = threads.submit(work)
        asyncio.wrap_future(working, loop=loop).add_done_callback(go_on)
        return working


def timed(model: Model, images: Sequence[Pixels]) -> Computed:
    """Compute the images of several requests."""
    started = time.monotonic()
    outcomes: Sequence[Logits | BaseException]
    try:
        outcomes = model.together(images)
    except BaseException as error:  # noqa: BLE001  # raised in the jobs; the loop lives on
        outcomes = [error] * len(images)
    return outcomes, time.monotonic() - started


def timed_when_free(model: Model, images: Sequence[Pixels]) -> Computed:
    """The same, once nobody else computes with the model."""
    with model.lock:
        return timed(model, images)
