"""An HTTP client as cheap as Python can be: it shares the processors with the server that it puts under load."""

from __future__ import annotations

import asyncio
import re
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

HOST = "127.0.0.1"
NO_ANSWER = "no answer"
LENGTH = re.compile(rb"\ncontent-length: *(\d+)")


class Wire(asyncio.Protocol):
    """One HTTP/1.1 connection, from its opening to its end."""

    def __init__(self) -> None:
        self.open = False
        self._transport: Any = None
        self._received = bytearray()
        self._answered: asyncio.Future[str] | None = None

    def ask(self, request: bytes) -> asyncio.Future[str]:
        """Send a whole request; see Client.ask."""
        self._answered = asyncio.get_running_loop().create_future()
        self._received.clear()
        self._transport.write(request)
        return self._answered

    def close(self) -> None:
        """Close at once, whatever is under way."""
        self.open = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self.open, self._transport = True, transport

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self.open = False
        self._finish(NO_ANSWER)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._received += data
        if (answer := read_answer(self._received)) is not None:
            status, stays_open = answer
            if not stays_open:
                self.close()
            self._finish(status)

    def _finish(self, status: str) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(status)


class Client:
    """Sends one request at a time over a connection that it keeps, or opens again where the server has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._wire: Wire | None = None

    async def ask(self, request: bytes) -> str:
        """The status of the answer, or NO_ANSWER where the connection ends before."""
        if self._wire is None or not self._wire.open:
            try:
                _, self._wire = await asyncio.get_running_loop().create_connection(Wire, HOST, self._port)
            except OSError:
                return NO_ANSWER
        return await self._wire.ask(request) if self._wire.open else NO_ANSWER

    def close(self) -> None:
        """Close the connection."""
        if self._wire is not None and self._wire.open:
            self._wire.close()


def read_answer(received: bytearray) -> tuple[str, bool] | None:
    """The status of a whole answer and whether its connection stays open; None where some of it is still to come."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(received[:end]).lower()
    status = head[9:12].decode("ascii", "replace")
    length = LENGTH.search(head)
    if length is None:
        return f"{status} of unknown length", False
    if len(received) < end + 4 + int(length[1]):
        return None
    if status == "503" and b"\nretry-after:" not in head:
        status += " without Retry-After"
    return status, b"\nconnection: close" not in head


def run(main: Callable[[], Coroutine[Any, Any, dict[str, Any]]], *, precise: bool = False) -> dict[str, Any]:
    """Run in an event loop: uvloop, which costs least, or one whose timers are better than a millisecond."""
    with asyncio.Runner(loop_factory=precise_loop if precise else cheap_loop) as runner:
        return runner.run(main())


def cheap_loop() -> asyncio.AbstractEventLoop:
    """uvloop where there is one."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def precise_loop() -> asyncio.AbstractEventLoop:
    """An event loop on select(), the only one whose waiting is not rounded to milliseconds."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())
