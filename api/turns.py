"""Short requests, computed in the event loop itself, one in each of its rounds.

A thread that has to be woken, and that then competes with the event loop for the interpreter, costs more than one small
image. Between two of them the loop receives, sends, and refuses what there is no room for, as ever.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from .framing import Answer, Headers

SHORT_BYTES = 16_384
"""A thumbnail's file is smaller. What is larger may take long to decode, and does that in a thread."""
SHORT_PATHS = ("/v1/predict", "/models/")


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

    def take(self, job: Callable[[], Answer], loop: asyncio.AbstractEventLoop) -> asyncio.Future[Answer]:
        """Compute it after those that came before."""
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((job, answer))
        if len(self._waiting) == 1:  # otherwise the one before it calls the next
            loop.call_soon(self._next, loop)
        return answer

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        job, answer = self._waiting[0]
        try:
            result = job()
        except Exception as error:  # noqa: BLE001  # raised where it is waited for
            if not answer.done():
                answer.set_exception(error)
        else:
            if not answer.done():
                answer.set_result(result)
        self._waiting.popleft()
        if self._waiting:
            loop.call_soon(self._next, loop)
