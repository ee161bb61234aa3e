"""Between the server and Flask: what a request may cost before anybody computes it.

uvicorn's event loop hands every request to `Gateway`, which checks its framing, collects its body (see bodies.py), and
passes it to Flask as a complete WSGI request: in a thread, or in the event loop where the work is short
(see turns.py). So a client that is slow costs a little memory and never a thread; what cannot be answered in time is
told so at once; and what nobody waits for is not computed.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from werkzeug.test import run_wsgi_app

from .bodies import Bodies, Gone, discard
from .framing import Answer, Headers, Rejected, as_http, check_framing, client_address, describe, environ
from .logs import log_request
from .metrics import Metrics
from .problems import choose_request_id
from .security import Keys, cors_headers, key_of
from .settings import Settings
from .turns import Turns, is_short

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, HTTPScope

COMPUTING_THREADS = 4
"""Longer requests that a worker has in Flask at once, and large images of short ones that are decoded."""
LIGHT_THREADS = 2
"""For requests without a body."""
HEALTH_PATHS = ("/livez", "/readyz", "/v2/health/")
"""These have a thread of their own, so that they answer under any load."""
WATCH_SECONDS = 0.05
"""An answer that takes longer is worth watching whether its client is still there."""
LINES_A_SECOND = 20
"""Of the log, for requests that are turned away or no requests at all; the metrics count all of them."""
COUNT_SECONDS = 0.1
"""Those that were turned away within it are counted at once."""
NO_ID = "@"
"""For each letter of a request id, where the answer is put together: it has no such letter elsewhere."""
REFUSAL_HEADERS = (b"x-request-id", b"origin", b"x-forwarded-for")
"""The headers that a refusal depends on."""
OUT_OF_TIME = "this server stops, and had no time left for this; come again."


def refusal_headers(headers: Sequence[tuple[bytes, bytes]]) -> Headers:
    """Those that a refusal depends on, as text."""
    return [(name.decode(), value.decode("latin-1")) for name, value in headers if name in REFUSAL_HEADERS]


class Gateway:
    """An ASGI application around a WSGI application."""

    def __init__(
        self,
        app: WSGIApplication,
        settings: Settings,
        metrics: Metrics,
        draining: Callable[[], bool],
        loaded: Callable[[], bool] = lambda: True,
        disconnected: Callable[[], None] = lambda: None,
    ) -> None:
        """
        draining       whether the server is about to stop: then connections are closed after their answer
        loaded         whether the models are: before, Flask may wait for them
        disconnected   called when a connection has ended
        """
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._draining = draining
        self._loaded = loaded
        self.disconnected = disconnected
        self._keys = Keys(settings.accepted_keys())
        self._computing = ThreadPoolExecutor(COMPUTING_THREADS, "compute")
        self._light = ThreadPoolExecutor(LIGHT_THREADS, "light")
        self._health = ThreadPoolExecutor(1, "health")
        self._bodies = Bodies(settings.max_body_bytes, settings.body_timeout)
        self._turns = Turns(settings.batch_size, self._computing)
        self._held = 0
        self._second = self._lines = 0
        self._turned_away = 0
        self._full: dict[str, bytes] = {}  # what is sent where there is no room, by what stands for the id in it

    async def __call__(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answer one request."""
        started = time.perf_counter()
        received = b""
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        try:
            check_framing(scope, headers)
            if scope["method"] in ("GET", "HEAD", "OPTIONS"):
                pool = self._health if scope["path"].startswith(HEALTH_PATHS) else self._light
                status, answer_headers, body = await self._answer(pool, scope, headers, b"", None, started)
            elif self._is_stranger(headers):  # whose body is not worth receiving: Flask says what is wrong without it
                status, answer_headers, body = await self._answer(self._light, scope, headers, b"", None, started)
                answer_headers.append(("connection", "close"))
                await discard(headers, receive)
            else:
                self._check_room()
                received = await self._bodies.receive(headers, receive)
                started = time.perf_counter()  # how fast a client sends is not ours to answer for
                status, answer_headers, body = await self._compute(scope, headers, received, receive, started)
        except (Rejected, asyncio.CancelledError) as error:
            rejected = error if isinstance(error, Rejected) else Rejected(503, OUT_OF_TIME, "stopping")
            if rejected.status == 413:
                await discard(headers, receive)
            seconds = time.perf_counter() - started
            status, answer_headers, body = self.refuse(
                rejected, scope["method"], scope["path"], headers, scope["client"], seconds
            )
        except Gone:
            self._metrics.rejected("disconnected")
            return
        finally:
            self._bodies.release(received)
        # Who waits for a 100 may send its body now, or the next request in its place (RFC 9110, 10.1.1).
        ends = self._draining() or (not received and any(name == "expect" for name, _ in headers))
        if ends and ("connection", "close") not in answer_headers:
            answer_headers.append(("connection", "close"))
        encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer_headers]
        await send({"type": "http.response.start", "status": status, "headers": encoded, "trailers": False})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def turn_away(self, path: str, headers: Sequence[tuple[bytes, bytes]], client: tuple[str, int] | None) -> bytes:
        """What a POST request for which there is no room is sent; it is counted, and logged where the log has room.

        There may be thousands a second. Most share one answer, which is put together once, and differ in their ids.
        """
        read = refusal_headers(headers)
        asked = dict(reversed(read))
        if self._log_has_room() or (self._settings.cors_origins and "origin" in asked):
            return as_http(self.refuse(self._no_room(), "POST", path, read, client))
        if not self._turned_away:
            asyncio.get_running_loop().call_later(COUNT_SECONDS, self._count)
        self._turned_away += 1
        request_id = choose_request_id(asked.get("x-request-id", ""))
        place = NO_ID * len(request_id)
        if place not in self._full:
            self._full[place] = as_http(describe(self._no_room(), [("x-request-id", place)]))
        return self._full[place].replace(place.encode(), request_id.encode())

    def _count(self) -> None:
        """Count those that were turned away lately."""
        self._metrics.turned_away(self._turned_away)
        self._turned_away = 0

    def refuse(
        self,
        rejected: Rejected,
        method: str,
        path: str,
        headers: Headers,
        client: tuple[str, int] | None,
        seconds: float | None = None,
    ) -> Answer:
        """The answer to a request that Flask has not seen, counted and logged; pages of accepted origins may read it.

        path      "" where the request is too broken to have one
        headers   those in REFUSAL_HEADERS are
        seconds   that it took; None where it took next to none
        """
        status, answer_headers, body = describe(rejected, headers)
        self._metrics.request("gateway", method, status, seconds)
        if rejected.reason:
            self._metrics.rejected(rejected.reason)
        if (path and status != 503) or self._log_has_room():
            self._lines += status == 503 or not path
            log_request(
                method=method,
                path=path,
                status=status,
                seconds=seconds or 0.0,
                request_id=dict(answer_headers)["x-request-id"],
                client=self._address(headers, client),
                size=0,
            )
        origin = next((value for name, value in headers if name == "origin"), "")
        return status, answer_headers + cors_headers(self._settings.cors_origins, origin), body

    def _address(self, headers: Headers, client: tuple[str, int] | None) -> str:
        """Who asks."""
        forwarded = ",".join(value for name, value in headers if name == "x-forwarded-for")
        return client_address((client or ("", 0))[0], forwarded, self._settings.trusted_proxies)

    def _log_has_room(self) -> bool:
        """Whether the log has room for one more refusal in this second."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._lines = second, 0
        return self._lines < LINES_A_SECOND

    def _is_stranger(self, headers: Headers) -> bool:
        """Whether keys are needed, and the request has none that is accepted."""
        if not self._keys:
            return False
        sent = dict(headers)
        return self._keys.accepted(key_of(sent.get("authorization", ""), sent.get("x-api-key", ""))) is None

    def is_full(self) -> bool:
        """Whether requests can be turned away without a look at them. While the server stops, they are told more."""
        return self._held >= self._settings.queue and not self._draining()

    def _check_room(self) -> None:
        if self._held >= self._settings.queue:
            raise self._no_room()

    def _no_room(self) -> Rejected:
        detail = f"{self._settings.queue} requests wait here, which is all it holds; come again."
        return Rejected(503, detail, "queue_full")

    async def _compute(
        self, scope: HTTPScope, headers: Headers, body: bytes, receive: ASGIReceiveCallable, started: float
    ) -> Answer:
        """Flask's answer to a request with a body, where there is room for it."""
        self._check_room()  # again: others came while the body was on its way
        self._held += 1
        self._metrics.waiting(1)
        short = is_short(scope["path"], headers, body) and self._loaded()
        try:
            return await self._answer(None if short else self._computing, scope, headers, body, receive, started)
        finally:
            self._held -= 1
            self._metrics.waiting(-1)

    async def _answer(
        self,
        pool: ThreadPoolExecutor | None,
        scope: HTTPScope,
        headers: Headers,
        body: bytes,
        receive: ASGIReceiveCallable | None,
        started: float,
    ) -> Answer:
        """Flask's answer. Raises Rejected past the deadline, Gone where nobody waits any more.

        pool      of the thread that computes it; None for the event loop
        receive   says that the client has left; None where that is not worth watching
        """
        job = Job(self._app, environ(scope, headers, body, started))
        loop = asyncio.get_running_loop()
        turn = None if pool else self._turns.take(job, loop)
        answer = turn.answer if turn is not None else loop.run_in_executor(pool, job)
        await asyncio.wait((answer,), timeout=WATCH_SECONDS)
        if not answer.done():
            gone = asyncio.ensure_future(receive()) if receive else None
            waited: set[asyncio.Future[Any]] = {answer, gone} if gone else {answer}
            await asyncio.wait(waited, timeout=self._settings.deadline, return_when=asyncio.FIRST_COMPLETED)
            left = gone is not None and gone.done()
            if gone:
                gone.cancel()
            if not answer.done() and (turn if turn is not None else job).give_up():
                answer.cancel()
                if left:
                    raise Gone
                seconds = self._settings.deadline
                raise Rejected(503, f"its turn did not come within {seconds:g} s; come again.", "deadline")
        return await answer


class Job:
    """A request that is computed once, unless it was given up before."""

    def __init__(self, app: WSGIApplication, environ: dict[str, Any]) -> None:
        self._app = app
        self._environ = environ
        self._claim = threading.Lock()

    def __call__(self) -> Answer:
        """Compute it. Only called by a pool or a turn."""
        if not self._claim.acquire(blocking=False):
            return 503, [], b""  # nobody waits for it
        chunks, status, headers = run_wsgi_app(self._app, self._environ, buffered=True)
        return int(status.split(" ", 1)[0]), list(headers.to_wsgi_list()), b"".join(chunks)

    def give_up(self) -> bool:
        """Make sure that it will not be computed. False where that has begun."""
        return self._claim.acquire(blocking=False)
