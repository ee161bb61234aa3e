"""HTTP/1.1 as uvicorn speaks it, with limits on time and size before there is a request.

llhttp, under httptools, is strict: two lengths, a length beside chunks, or a malformed chunk end the connection.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .framing import HEADER_BYTES, URI_BYTES, Rejected, as_http, describe, origin_form
from .gateway import Gateway, refusal_headers

if TYPE_CHECKING:
    from collections.abc import Sized

    from uvicorn._types import ASGI3Application
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

HEADER_SECONDS = 8.0
"""From the connection, or the first byte of a later request, to the end of its headers."""
LAST_SECONDS = 0.3
"""For what is on its way when a connection, or the server, ends."""
ENOUGH_SECONDS = 2.2
"""What has been accepted may take so long once the server stops; then its client is told to come again."""
UNREAD_SECONDS = 30.0
"""How long a client may leave what it is sent unread, once a socket's buffer is full."""
UNREAD_BYTES = 64 * 1024 * 1024
"""Of all that the clients of a worker leave unread."""
HEAD_BYTES = 65_536
"""Of a request before its body: beyond HEADER_BYTES it is still parsed, to say which limit it broke."""
FRAMING_BYTES = 65_536
"""Around the content of a body, sizes of its chunks and trailers may take so much, and as much as the content."""
MOST_WAITING = 64
"""Requests of a connection that wait for the answers before theirs."""

IDLE, HEAD, BODY = range(3)
"""What arrives next: a request, the rest of its head, or of its body."""


class Flow(FlowControl):
    """Reads no more of a connection while requests of it wait: each would take memory, and has no turn yet."""

    def __init__(self, transport: asyncio.Transport, waiting: Sized) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        """Where none waits."""
        if not self._waiting:
            super().resume_reading()


class LimitedProtocol(HttpToolsProtocol):
    """A connection that cannot be held open without sending requests."""

    _unread: ClassVar[dict[LimitedProtocol, None]] = {}
    """The connections of this worker whose clients do not read, in the order in which they stopped."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clock: asyncio.TimerHandle | None = None
        self._unread_clock: asyncio.TimerHandle | None = None
        self._phase = IDLE
        self._head_bytes = self._body_bytes = self._content_bytes = 0
        self._turned_away = False
        self._answering: RequestResponseCycle | None = None
        self._last_answer: bytes | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(transport)
        self.flow = Flow(transport, self.pipeline)
        self._start_clock()

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
        """It does not read what it is sent. Of too many that leave too much, the first are cut off."""
        super().pause_writing()
        self._unread_clock = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)
        self._unread[self] = None
        while sum(each.transport.get_write_buffer_size() for each in self._unread) > UNREAD_BYTES:
            oldest = next(iter(self._unread))
            del self._unread[oldest]
            oldest.transport.abort()

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        self._unread.pop(self, None)
        if self._unread_clock:
            self._unread_clock.cancel()
            self._unread_clock = None

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived. The clock between two requests goes on: only a new request stops it."""
        if self._last_answer is not None:
            return
        before = self._phase
        if before == BODY:
            self._body_bytes += len(data)
        else:
            self._head_bytes += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserInvalidMethodError:
            self._refuse(Rejected(405, "the method is unknown; use GET or POST."))
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, Rejected):
                self._refuse(error.__context__)
            elif before != BODY and self._head_bytes > HEAD_BYTES:
                self._refuse(self._oversized())
            else:
                self._refuse(Rejected(400, f"this is no valid HTTP/1.1: {error}."))
        else:
            if before != BODY and self._phase == HEAD and self._head_bytes > HEAD_BYTES:
                self._refuse(self._oversized())
            elif self._phase == BODY and self._body_bytes > FRAMING_BYTES + 2 * self._content_bytes:
                detail = "the chunks of the body hold more framing than content; send larger ones, without extensions."
                self._refuse(Rejected(400, detail))

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
        if len(self.pipeline) >= MOST_WAITING:
            raise Rejected(429, f"{MOST_WAITING} requests of this connection wait; read their answers first.")
        self._unset_keepalive_if_required()
        super().on_message_begin()
        self._phase = HEAD
        self._start_clock()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header. Fields after the body are passed over: they are none (RFC 9110, 6.5.1), and nobody checks them."""
        if self._phase != BODY:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """From here on gateway.py keeps the limits, unless it has no room."""
        self._unset_keepalive_if_required()  # set if the request before this one has been answered meanwhile
        if self.parser.should_upgrade():  # see _parse
            return
        if self.expect_100_continue and self.parser.get_http_version() == "1.0":  # which knows no such answer
            self.expect_100_continue = False
        if not self.url.startswith(b"/"):
            self.url = origin_form(self.url)
        self._turned_away = self._is_turned_away()
        if not self._turned_away:
            self._stop_clock()
            super().on_headers_complete()
        self._phase = BODY
        self._head_bytes = self._body_bytes = self._content_bytes = 0

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._content_bytes += len(body)
        if not self._turned_away and not self.parser.should_upgrade():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The end of a request."""
        if self.parser.should_upgrade():
            return
        self._phase, self._head_bytes = IDLE, 0
        if not self._turned_away:
            super().on_message_complete()
            return
        self._stop_clock()
        self._turned_away = False
        path = self.url.partition(b"?")[0].decode("latin-1")
        self.transport.write(self.app.turn_away(path, self.headers, self.client))
        self.on_response_complete()

    def on_response_complete(self) -> None:
        """An answer has been sent: the next request has its turn, or the connection ends."""
        super().on_response_complete()
        if self._is_answering():
            return
        if self._last_answer is not None:
            self._end(self._last_answer)
        elif self._phase == HEAD:
            self._start_clock()

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

    def _is_answering(self) -> bool:
        """Whether a request is being answered."""
        return self._answering is not None and not self._answering.response_complete

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

    def _start_clock(self) -> None:
        """For what is missing of a head. While an answer is awaited, none runs: nothing may be read then."""
        if self._clock is None and not self._is_answering():
            self._clock = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _refuse(self, rejected: Rejected) -> None:
        """Answer what has just arrived, after the requests before it, and close, whatever else the client sends."""
        if self.transport.is_closing():
            return
        ours = self.cycle if self._phase == BODY and not self._turned_away else None  # begun, and never to be whole
        if ours and ours.response_complete:
            self.transport.close()
            return
        headers = [] if self._phase == IDLE else refusal_headers(self.headers)
        answer = describe(rejected, headers)
        if isinstance(self.app, Gateway):
            answer = self.app.refuse(rejected, "", "", headers, self.client)
        if ours and self.pipeline:
            self.pipeline.popleft()
        elif ours:
            ours.disconnected, ours.waiting_for_100_continue = True, False  # nothing is sent by who works for it
            ours.message_event.set()
        if self._is_answering() and self._answering is not ours:
            self._last_answer = as_http(answer)
        else:
            self._end(as_http(answer))

    def _end(self, answer: bytes) -> None:
        """Send a last answer, and close once it should have arrived: closed with bytes unread, it would be lost."""
        if self.transport.is_closing():
            return
        self._last_answer = answer
        self._stop_clock()
        self.transport.write(answer)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LAST_SECONDS, self.transport.close)
