"""The bodies of requests, received in the event loop within limits of size, time and memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from .framing import Headers, Rejected

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable

MOST_AT_ONCE = 8
"""Bodies of the largest allowed size that a worker holds at once."""
DISCARD_SECONDS = 2.0
"""How long the rest of a body that is too large is read and thrown away: its client reads no answer before it has
sent everything."""


class Gone(Exception):
    """The client has hung up before anybody computed its request."""


class Bodies:
    """What a worker receives, and holds until it has been answered."""

    def __init__(self, limit: int, seconds: float) -> None:
        """
        limit     bytes that a body may have
        seconds   for it to arrive
        """
        self._limit = limit
        self._seconds = seconds
        self._held = 0

    async def receive(self, headers: Headers, receive: ASGIReceiveCallable) -> bytes:
        """A request's body; `release` it in the end.

        Raises Rejected where it is too large or too slow, Gone where it breaks off.
        """
        announced = next((int(value) for name, value in headers if name == "content-length"), None)
        if announced is not None and announced > self._limit:
            detail = f"the body has {announced:,} bytes; at most {self._limit:,} are allowed. Send less at once."
            raise Rejected(413, detail)
        chunks: list[bytes] = []
        try:
            async with asyncio.timeout(self._seconds):
                size = 0
                async for chunk in chunks_of(receive):
                    chunks.append(chunk)
                    size += len(chunk)
                    self._held += len(chunk)
                    if size > self._limit:
                        raise Rejected(
                            413, f"the body has more than {self._limit:,} bytes, which is the limit. Send less."
                        )
                    if self._held > MOST_AT_ONCE * self._limit:
                        raise Rejected(503, "too many large requests are on their way; come again.", "queue_full")
        except BaseException as error:
            self.release(*chunks)
            if isinstance(error, TimeoutError):
                detail = f"the body did not arrive in {self._seconds:g} s; send it faster."
                raise Rejected(408, detail, "body_timeout") from None
            raise
        return b"".join(chunks)

    def release(self, *bodies: bytes) -> None:
        """They are needed no longer."""
        self._held -= sum(map(len, bodies))


async def chunks_of(receive: ASGIReceiveCallable) -> AsyncIterator[bytes]:
    """The parts of a body as they come. Raises Gone where the client leaves before the last."""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Gone
        yield message["body"]
        if not message["more_body"]:
            return


async def discard(headers: Headers, receive: ASGIReceiveCallable) -> None:
    """Throw the rest of a body away, for some seconds at most; a client that waits for leave to send has sent none."""
    if any(name == "expect" for name, _ in headers):
        return
    with contextlib.suppress(TimeoutError, Gone):
        async with asyncio.timeout(DISCARD_SECONDS):
            async for _ in chunks_of(receive):
                pass
