"""Short requests, computed in the event loop itself, one in each of its rounds.

A thread that has to be woken, and that then competes with the event loop for the interpreter, costs more than one small
image. Between two of them the loop receives, sends, and refuses what there is no room for, as ever. What turns out to
take long, as a small file of a huge image does, sends those that come after it to threads for a while.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from .framing import Answer, Headers

SHORT_BYTES = 16_384
"""A thumbnail's file is smaller. What is larger may take long to decode, and does that in a thread."""
SHORT_PATHS = ("/v1/predict", "/models/")
LONG_SECONDS = 0.02
"""A job that takes longer delays whatever else the event loop does: health, refusals, other clients."""
PAUSE_SECONDS = 1.0
"""After such a job the next ones are computed in threads for so long."""


def is_short(path: str, headers: Headers, body: bytes) -> bool:
    """Whether a request has one small image, and wants to know no more than what it shows.

    Forms and JSON may hold many images.
    """
    kind = next((value for name, value in headers if name == "content-type"), "")
    return len(body) <= SHORT_BYTES and path.startswith(SHORT_PATHS) and kind.startswith("image/")


class Turns:
    """Jobs that wait for their turn in the event loop."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Callable[[], Answer], asyncio.Future[Answer]]] = deque()
        self._open_again = 0.0

    def open(self) -> bool:
        """Whether jobs have been short of late."""
        return time.monotonic() >= self._open_again

    def take(self, job: Callable[[], Answer], loop: asyncio.AbstractEventLoop) -> asyncio.Future[Answer]:
        """Compute it after those that came before."""
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((job, answer))
        if len(self._waiting) == 1:  # otherwise the one before it calls the next
            loop.call_soon(self._next, loop)
        return answer

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        job, answer = self._waiting[0]
        started = time.monotonic()
        try:
            result = job()
        except Exception as error:  # noqa: BLE001  # raised where it is waited for
            if not answer.done():
                answer.set_exception(error)
        else:
            if not answer.done():
                answer.set_result(result)
        ended = time.monotonic()
        if ended - started > LONG_SECONDS:
            self._open_again = ended + PAUSE_SECONDS
        self._waiting.popleft()
        if self._waiting:
            loop.call_soon(self._next, loop)
