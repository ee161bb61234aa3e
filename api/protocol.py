"""HTTP/1.1 as uvicorn speaks it, with limits on time and size before there is a request.

llhttp, under httptools, is strict: two lengths, a length beside chunks, or a malformed chunk end the connection.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .framing import HEADER_BYTES, URI_BYTES, Rejected, as_http, describe
from .gateway import Gateway

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

HEADER_SECONDS = 8.0
"""From the connection, or the first byte of a later request, to the end of its headers."""
LAST_SECONDS = 0.3
"""What has been sent to a server that stops should have arrived by then; closed with bytes unread, it would be lost."""
ENOUGH_SECONDS = 2.2
"""What has been accepted may take so long once the server stops; then its client is told to come again."""
UNREAD_SECONDS = 30.0
"""How long a client may leave what it is sent unread, once a socket's buffer is full."""
HEAD_BYTES = 65_536
"""Of a request before its body: beyond HEADER_BYTES it is still parsed, to say which limit it broke."""


class LimitedProtocol(HttpToolsProtocol):
    """A connection that cannot be held open without sending requests."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clock: asyncio.TimerHandle | None = None
        self._unread_clock: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._turned_away = False
        self._answering: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(transport)
        self._clock = self.loop.call_later(HEADER_SECONDS, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has left."""
        if isinstance(self.app, Gateway):
            self.app.disconnected()
        self._stop_clock()
        self.resume_writing()
        if self._answering and not self._answering.response_complete:  # uvicorn only tells the last of a pipeline
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """It does not read what it is sent."""
        super().pause_writing()
        self._unread_clock = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        if self._unread_clock:
            self._unread_clock.cancel()
            self._unread_clock = None

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived. The clock between two requests goes on: only a new request stops it."""
        in_head = self._is_in_head()
        self._head_bytes += len(data) if in_head else 0
        try:
            self._parse(data)
        except httptools.HttpParserInvalidMethodError:
            self._refuse(Rejected(405, "the method is unknown; use GET or POST."))
        except httptools.HttpParserError as error:
            too_large = in_head and self._head_bytes > HEAD_BYTES
            self._refuse(self._oversized() if too_large else Rejected(400, f"this is no valid HTTP/1.1: {error}."))
        else:
            if in_head and self._is_in_head() and self._head_bytes > HEAD_BYTES:
                self._refuse(self._oversized())

    def _parse(self, data: bytes) -> None:
        """Parse, without the wish for another protocol: none is spoken here, and the request stays what it is.

        llhttp would take its body for the beginning of the other protocol, or of the next request (RFC 9110, 7.8).
        """
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                method, version = self.parser.get_method(), self.parser.get_http_version().encode()
                if method == b"CONNECT":
                    raise httptools.HttpParserInvalidMethodError from None
                lines = [b"%b %b HTTP/%b" % (method, self.url, version)]
                lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
                data = b"\r\n".join(lines) + b"\r\n\r\n" + data[upgrade.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._unset_keepalive_if_required()
        super().on_message_begin()
        if self._clock is None:
            self._head_bytes = 0
            self._clock = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def on_headers_complete(self) -> None:
        """From here on gateway.py keeps the limits, unless it has no room."""
        self._unset_keepalive_if_required()  # set if the request before this one has been answered meanwhile
        if self.parser.should_upgrade():  # see _parse
            return
        self._turned_away = self._is_turned_away()
        if not self._turned_away:
            self._stop_clock()
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if not self._turned_away and not self.parser.should_upgrade():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The end of a request."""
        if self.parser.should_upgrade():
            return
        if not self._turned_away:
            super().on_message_complete()
            return
        self._stop_clock()
        self._turned_away = False
        path = self.url.partition(b"?")[0].decode("latin-1")
        self.transport.write(self.app.turn_away(path, self.headers, self.client))
        self.on_response_complete()

    def shutdown(self) -> None:
        """The server stops: end once the request that runs, or is on its way, has been answered."""
        self.loop.call_later(LAST_SECONDS, super().shutdown)
        self.loop.call_later(ENOUGH_SECONDS, self._give_up)

    def _give_up(self) -> None:
        """End all requests that still run, of every connection: the gateway tells their clients so."""
        for task in self.tasks:
            if not task.cancelling():
                task.cancel()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _is_in_head(self) -> bool:
        """Whether headers are awaited; the clock also runs over the body of a request that is turned away."""
        return self._clock is not None and not self._turned_away

    def _is_turned_away(self) -> bool:
        """Whether the request can be refused here, without a task and its messages.

        There may be thousands a second. What is unusual takes the long way to the same answer.
        """
        return (
            isinstance(self.app, Gateway)
            and self.app.is_full()
            and self.parser.get_method() == b"POST"
            and self.parser.should_keep_alive()
            and not self.expect_100_continue
            and not self.flow.write_paused
            and (self.cycle is None or self.cycle.response_complete)
        )

    def _oversized(self) -> Rejected:
        if len(self.url) > URI_BYTES:
            return Rejected(414, f"the address is longer than {URI_BYTES:,} characters, which is the limit.")
        return Rejected(431, f"the headers are larger than {HEADER_BYTES:,} bytes, which is the limit.")

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _refuse(self, rejected: Rejected) -> None:
        """Answer and close, whatever else the client sends."""
        if not self.transport.is_closing():
            if isinstance(self.app, Gateway):
                answer = self.app.refuse(rejected, "", "", [], self.client)
            else:
                answer = describe(rejected, [])
            self.transport.write(as_http(answer))
            self.transport.close()
