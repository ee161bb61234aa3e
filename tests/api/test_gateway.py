"""The gateway: a request has room, a deadline and limits before Flask sees it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from apiflask import APIFlask
from PIL import Image

from thumbnet.api.framing import STARTED
from thumbnet.api.gateway import COMPUTING_THREADS, COUNT_SECONDS, Gateway
from thumbnet.api.metrics import Metrics
from thumbnet.api.settings import Settings
from thumbnet.api.turns import SHORT_BYTES, current_turn
from thumbnet.model import Classifier

Message = dict[str, Any]


class Exchange:
    """One request to a gateway, and what came of it."""

    def __init__(self, gateway: Gateway, body: Iterable[Message] = (), **scope: Any) -> None:
        self._gateway = gateway
        self._messages = list(body) or [{"type": "http.request", "body": b"", "more_body": False}]
        self._hang_up = asyncio.Event()
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in scope.pop("headers", ())]
        self._scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "raw_path": b"/",
            "query_string": b"",
            "http_version": "1.1",
            "scheme": "http",
            "server": ("127.0.0.1", 8000),
            "client": ("192.0.2.7", 1234),
            "headers": [(b"host", b"a"), *headers],
        } | scope
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    async def receive(self) -> Message:
        if self._messages:
            return self._messages.pop(0)
        await self._hang_up.wait()
        return {"type": "http.disconnect"}

    def hang_up(self) -> None:
        self._hang_up.set()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message["body"]

    async def run(self) -> Exchange:
        await self._gateway(self._scope, self.receive, self.send)  # type: ignore[arg-type]
        return self

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        described: dict[str, Any] = json.loads(self.body)
        assert described["status"] == self.status
        assert described["request_id"] == self.headers["x-request-id"]
        assert described["error"] == described["detail"]
        return described


def part(body: bytes, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


class Echo:
    """A WSGI application that answers with the body, once it is let."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.seen: list[dict[str, Any]] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        self.seen.append(environ)
        assert self.open.wait(10)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["wsgi.input"].read()]


@pytest.fixture
def echo() -> Echo:
    return Echo()


def gateway_of(app: Echo, *, draining: bool = False, **settings: Any) -> Gateway:
    return Gateway(app, Settings(**settings), Metrics(), lambda: draining)


async def hold(echo: Echo, *exchanges: Exchange) -> list[asyncio.Task[Exchange]]:
    """Run them until the application has all of them, which answers once it is let again."""
    echo.open.clear()
    running = [asyncio.create_task(each.run()) for each in exchanges]
    while len(echo.seen) < len(exchanges):
        await asyncio.sleep(0.005)
    return running


def test_a_request_reaches_flask_whole(echo: Echo) -> None:
    async def exchange() -> Exchange:
        body = [part(b"one ", more=True), part(b"two")]
        headers = [("X-Two", "a"), ("x-two", "b"), ("Content-Type", "image/png"), ("content-length", "7")]
        scope = {"raw_path": b"/caf%C3%A9", "query_string": b"k=%20"}
        return await Exchange(gateway_of(echo), body, headers=headers, **scope).run()

    answer = asyncio.run(exchange())
    assert (answer.status, answer.body) == (200, b"one two")
    seen = echo.seen[0]
    assert seen["PATH_INFO"].encode("latin-1").decode() == "/café"
    assert (seen["QUERY_STRING"], seen["REMOTE_ADDR"], seen["SERVER_PORT"]) == ("k=%20", "192.0.2.7", "8000")
    assert (seen["CONTENT_TYPE"], seen["CONTENT_LENGTH"], seen["HTTP_X_TWO"]) == ("image/png", "7", "a, b")


def test_a_name_with_an_underscore_does_not_pass_for_one_with_a_hyphen(echo: Echo) -> None:
    async def exchange() -> Exchange:
        names = ("X-Forwarded-For", "X_Forwarded_For", "x_api_key", "Content_Length", "content_type")
        return await Exchange(gateway_of(echo), [part(b"one")], headers=[(name, "9") for name in names]).run()

    assert asyncio.run(exchange()).body == b"one"
    seen = echo.seen[0]
    assert seen["HTTP_X_FORWARDED_FOR"] == "9"
    assert seen["CONTENT_LENGTH"] == "3"
    assert not {"HTTP_X_API_KEY", "CONTENT_TYPE"} & set(seen)


def test_health_answers_however_many_wait_for_something_else() -> None:
    may_end = threading.Event()

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        if environ["PATH_INFO"] != "/livez":
            assert may_end.wait(10)
        start_response("200 OK", [])
        return [b""]

    async def exchange() -> list[int]:
        gateway = Gateway(app, Settings(), Metrics(), lambda: False)
        others = [asyncio.create_task(Exchange(gateway, method="GET", path="/metrics").run()) for _ in range(10)]
        await asyncio.sleep(0.1)
        health = await Exchange(gateway, method="GET", path="/livez", raw_path=b"/livez").run()
        assert not any(other.done() for other in others)
        may_end.set()
        return [health.status, *[(await other).status for other in others]]

    assert asyncio.run(exchange()) == [200] * 11


def test_the_body_of_who_has_no_key_never_reaches_flask(echo: Echo) -> None:
    async def exchange(**key: str) -> Exchange:
        body = [part(b"one ", more=True), part(b"two")]
        headers = [("Content-Type", "image/png"), *((name.replace("_", "-"), value) for name, value in key.items())]
        return await Exchange(gateway_of(echo, api_keys=("secret",)), body, headers=headers).run()

    stranger, wrong = asyncio.run(exchange()), asyncio.run(exchange(x_api_key="public"))
    known = [asyncio.run(exchange(authorization="Bearer secret")), asyncio.run(exchange(x_api_key="secret"))]
    assert [answer.body for answer in (stranger, wrong, *known)] == [b"", b"", b"one two", b"one two"]
    assert [answer.headers.get("connection") for answer in (stranger, wrong, *known)] == ["close", "close", None, None]


def test_a_full_queue_says_come_again_at_once_while_health_answers(echo: Echo) -> None:
    async def exchange() -> tuple[Exchange, Exchange, list[Exchange]]:
        gateway = gateway_of(echo, queue=2)
        held = await hold(echo, *(Exchange(gateway, [part(b"x")]) for _ in range(2)))
        refused = await Exchange(gateway, [part(b"x")]).run()
        health = asyncio.create_task(Exchange(gateway, method="GET", raw_path=b"/livez").run())
        while len(echo.seen) < 3:
            await asyncio.sleep(0.005)
        echo.open.set()
        return refused, await health, [await task for task in held]

    refused, health, held = asyncio.run(exchange())
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert "come again" in refused.problem["detail"]
    assert health.status == 200
    assert [answer.status for answer in held] == [200, 200]


def test_of_thousands_that_are_turned_away_each_is_counted_and_a_few_are_logged(
    echo: Echo, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics()
    gateway = Gateway(echo, Settings(queue=1), metrics, lambda: False)
    gateway._held = 1
    ids = [b"mine", b"another", b"@@", b"1", 200 * b"x", b""]

    async def flood() -> list[tuple[int, dict[str, str], Any]]:
        answers = [
            parsed(gateway.turn_away("/v1/predict", [(b"x-request-id", ids[number % len(ids)])], None))
            for number in range(1000)
        ]
        await asyncio.sleep(2 * COUNT_SECONDS)
        return answers

    with caplog.at_level("WARNING", "thumbnet"):
        answers = asyncio.run(flood())
    assert gateway.is_full()
    for number, (status, headers, problem) in enumerate(answers):
        assert (status, headers["retry-after"], problem["code"]) == (503, "1", "service_unavailable")
        assert headers["x-request-id"] == problem["request_id"]
        sent = ids[number % len(ids)]
        assert (headers["x-request-id"] == sent.decode()) == (0 < len(sent) <= 128)
    assert len({headers["x-request-id"] for _, headers, _ in answers}) == 4 + 2 * 166  # who sent none has one's own
    assert b'thumbnet_requests_rejected_total{reason="queue_full"} 1000.0' in metrics.text()[0]
    assert b'thumbnet_requests_total{endpoint="gateway",method="POST",status="503"} 1000.0' in metrics.text()[0]
    assert 1 <= len(caplog.records) < 1000


def parsed(answer: bytes) -> tuple[int, dict[str, str], Any]:
    """Status, headers and problem of an answer as it goes over the wire. Checks its length."""
    head, body = answer.split(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert int(headers["content-length"]) == len(body)
    return int(first.split()[1]), headers, json.loads(body)


def test_what_is_past_its_deadline_is_answered_and_never_computed(echo: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thumbnet.api.gateway.COMPUTING_THREADS", 1)

    async def exchange() -> tuple[Exchange, Exchange]:
        gateway = gateway_of(echo, deadline=0.1)
        (first,) = await hold(echo, Exchange(gateway, [part(b"first")]))
        second = await Exchange(gateway, [part(b"second")]).run()
        echo.open.set()
        return await first, second

    first, second = asyncio.run(exchange())
    assert (first.status, first.body) == (200, b"first"), "what has begun is finished"
    assert second.status == 503
    assert "0.1 s" in second.problem["detail"]
    assert len(echo.seen) == 1


def test_a_client_that_leaves_frees_its_place(echo: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thumbnet.api.gateway.COMPUTING_THREADS", 1)

    async def exchange() -> tuple[Exchange, Exchange]:
        gateway = gateway_of(echo, queue=2, deadline=30)
        (first,) = await hold(echo, Exchange(gateway, [part(b"first")]))
        leaving = Exchange(gateway, [part(b"second")])
        second = asyncio.create_task(leaving.run())
        await asyncio.sleep(0.1)
        leaving.hang_up()
        await second
        third = asyncio.create_task(Exchange(gateway, [part(b"third")]).run())
        await asyncio.sleep(0.1)
        echo.open.set()
        await first
        return leaving, await third

    leaving, third = asyncio.run(exchange())
    assert leaving.status == 0, "there is nobody to answer"
    assert (third.status, third.body) == (200, b"third")
    assert len(echo.seen) == 2


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_the_limit_is_refused_after_it_was_sent(echo: Echo, announced: bool) -> None:
    async def exchange() -> Exchange:
        body = [part(b"x" * 1000, more=True), part(b"x" * 1000, more=True), part(b"x" * 1000)]
        headers = [("content-length", "3000")] if announced else [("transfer-encoding", "chunked")]
        return await Exchange(gateway_of(echo, max_body_bytes=1024), body, headers=headers).run()

    answer = asyncio.run(exchange())
    assert (answer.status, answer.problem["code"]) == (413, "request_entity_too_large")
    assert "1,024" in answer.problem["detail"]
    assert answer.headers["connection"] == "close"
    assert not echo.seen


def test_a_client_that_asks_before_it_sends_is_told_at_once(echo: Echo) -> None:
    async def exchange() -> Exchange:
        headers = [("content-length", "3000"), ("expect", "100-continue")]
        waits_for_ever = [part(b"", more=True)]
        return await Exchange(gateway_of(echo, max_body_bytes=1024), waits_for_ever, headers=headers).run()

    assert asyncio.run(exchange()).status == 413


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_is_answered_without_having_sent_a_body_sends_nothing_in_its_place(method: str, echo: Echo) -> None:
    async def exchange() -> tuple[Exchange, Exchange]:
        gateway = gateway_of(echo, queue=1)
        (first,) = await hold(echo, Exchange(gateway, [part(b"x")]))
        headers = [("content-length", "3000"), ("expect", "100-continue")]
        waits = asyncio.create_task(Exchange(gateway, [part(b"", more=True)], method=method, headers=headers).run())
        await asyncio.sleep(0.05)
        echo.open.set()
        return await waits, await first

    asked, other = asyncio.run(exchange())
    assert asked.status == {"GET": 200, "POST": 503}[method]
    assert asked.headers["connection"] == "close"
    assert "connection" not in other.headers


def test_the_time_to_answer_includes_that_to_wait() -> None:
    slow = threading.Event()

    def wait(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        slow.wait(0.2)
        start_response("200 OK", [])
        return [str(time.perf_counter() - environ[STARTED]).encode()]

    async def ask() -> list[float]:
        gateway = Gateway(wait, Settings(), Metrics(), lambda: False)
        asked = [Exchange(gateway, [part(b"x" * (SHORT_BYTES + 1))]).run() for _ in range(COMPUTING_THREADS + 1)]
        return [float(answer.body) for answer in await asyncio.gather(*asked)]

    assert max(asyncio.run(ask())) >= 0.3


def test_a_body_that_trickles_is_refused(echo: Echo) -> None:
    async def exchange() -> Exchange:
        return await Exchange(gateway_of(echo, body_timeout=0.1), [part(b"x", more=True)]).run()

    answer = asyncio.run(exchange())
    assert (answer.status, answer.problem["code"]) == (408, "request_timeout")
    assert not echo.seen


def test_a_body_that_breaks_off_is_not_computed(echo: Echo) -> None:
    async def exchange() -> Exchange:
        return await Exchange(gateway_of(echo), [part(b"x", more=True), {"type": "http.disconnect"}]).run()

    assert asyncio.run(exchange()).status == 0
    assert not echo.seen


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ({"query_string": b"a" * 5000}, 414),
        ({"headers": [("x-large", "a" * 9000)]}, 431),
        ({"headers": [(f"x-{number}", "a") for number in range(120)]}, 431),
        ({"headers": [("host", "b")]}, 400),
    ],
)
def test_framing_that_cannot_be_trusted_is_refused(echo: Echo, scope: dict[str, Any], status: int) -> None:
    async def exchange() -> Exchange:
        return await Exchange(gateway_of(echo), **scope).run()

    answer = asyncio.run(exchange())
    assert (answer.status, answer.problem["status"]) == (status, status)
    assert not echo.seen


def test_a_server_that_drains_closes_connections_after_their_answer(echo: Echo) -> None:
    async def exchange() -> Exchange:
        return await Exchange(gateway_of(echo, draining=True), [part(b"x")]).run()

    answer = asyncio.run(exchange())
    assert (answer.status, answer.headers["connection"]) == (200, "close")


def test_a_request_id_is_kept_where_it_is_safe(echo: Echo) -> None:
    async def exchange(sent: str) -> str:
        scope = {"query_string": b"a" * 5000, "headers": [("x-request-id", sent)]}
        return (await Exchange(gateway_of(echo), **scope).run()).headers["x-request-id"]

    assert asyncio.run(exchange("mine-1")) == "mine-1"
    assert asyncio.run(exchange('"<script>"')) != '"<script>"'


class Where:
    """A WSGI application that remembers the threads that called it; a body of b"wait" waits until it is let."""

    def __init__(self) -> None:
        self.threads: list[int] = []
        self.open = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        self.threads.append(threading.get_ident())
        if environ["wsgi.input"].read() == b"wait":
            assert self.open.wait(10)
        start_response("200 OK", [])
        return [b""]


async def post(gateway: Gateway, body: bytes = b"x", kind: str = "image/jpeg") -> int:
    """Send an image to be classified → the status."""
    scope = {"path": "/v1/predict", "raw_path": b"/v1/predict", "headers": [("content-type", kind)]}
    return (await Exchange(gateway, [part(body)], **scope).run()).status


def test_a_thumbnail_is_classified_in_the_event_loop_and_a_form_in_a_thread() -> None:
    app = Where()
    gateway = Gateway(app, Settings(), Metrics(), lambda: False)
    assert asyncio.run(post(gateway)) == 200
    assert asyncio.run(post(gateway, kind="multipart/form-data; boundary=x")) == 200
    here = threading.get_ident()
    assert app.threads[0] == here
    assert app.threads[1] != here


def test_an_image_of_many_pixels_is_decoded_in_a_thread_however_small_its_file(
    app: APIFlask, encode: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    original = Classifier.read

    def watched(self: Classifier, image: Any) -> Any:
        threads.append(threading.get_ident())
        return original(self, image)

    async def ask(*sides: int) -> list[int]:
        gateway = Gateway(app.wsgi_app, Settings(), Metrics(), lambda: False)
        files = [encode(Image.new("RGB", (side, side), "red"), "PNG") for side in sides]
        assert max(map(len, files)) <= SHORT_BYTES
        return list(await asyncio.gather(*(post(gateway, file, "image/png") for file in files)))

    monkeypatch.setattr(Classifier, "read", watched)
    assert asyncio.run(ask(32, 256, 257, 1500)) == [200] * 4
    assert threads.count(threading.get_ident()) == 2
    assert len(threads) == 4


def test_before_the_models_are_loaded_the_event_loop_waits_for_nothing() -> None:
    app = Where()
    gateway = Gateway(app, Settings(), Metrics(), lambda: False, loaded=lambda: False)
    assert asyncio.run(post(gateway)) == 200
    assert app.threads[0] != threading.get_ident()


def test_a_thumbnail_does_not_wait_for_a_thread_that_computes() -> None:
    async def both() -> list[int]:
        long = asyncio.create_task(post(gateway, b"wait", "application/json"))
        while not app.threads:
            await asyncio.sleep(0.005)
        answers = [await post(gateway)]
        app.open.set()
        return [*answers, await long]

    app = Where()
    gateway = Gateway(app, Settings(), Metrics(), lambda: False)
    assert asyncio.run(both()) == [200, 200]
    here = threading.get_ident()
    assert [thread == here for thread in app.threads] == [False, True]


def test_a_thumbnail_that_waits_for_a_thread_keeps_the_deadline() -> None:
    may_end = threading.Event()

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        turn = current_turn()
        assert turn is not None
        turn.in_thread(lambda: may_end.wait(10))
        start_response("200 OK", [])
        return [b""]

    async def ask() -> list[int]:
        gateway = Gateway(app, Settings(deadline=0.5), Metrics(), lambda: False)
        asked = [asyncio.create_task(post(gateway)) for _ in range(COMPUTING_THREADS + 2)]
        late = [await answer for answer in asked[COMPUTING_THREADS:]]
        may_end.set()
        return [*[await answer for answer in asked[:COMPUTING_THREADS]], *late]

    assert asyncio.run(ask()) == [200] * COMPUTING_THREADS + [503, 503]


def test_what_cannot_be_answered_before_the_server_ends_is_told_to_come_again(echo: Echo) -> None:
    async def exchange() -> Exchange:
        asked = Exchange(gateway_of(echo, draining=True), [part(b"x")])
        (running,) = await hold(echo, asked)
        running.cancel()
        await running
        echo.open.set()
        return asked

    answer = asyncio.run(exchange())
    assert (answer.status, answer.headers["connection"], answer.headers["retry-after"]) == (503, "close", "1")
    assert "this server stops" in answer.problem["detail"]


@pytest.mark.parametrize(
    ("proxies", "forwarded", "client"),
    [
        (0, "198.51.100.1", "192.0.2.7"),
        (1, "203.0.113.5, 198.51.100.1", "198.51.100.1"),
        (2, "203.0.113.5, 198.51.100.1", "203.0.113.5"),
        (2, "198.51.100.1", "192.0.2.7"),
        (1, "", "192.0.2.7"),
        (1, '"x, 198.51.100.1', "198.51.100.1"),
    ],
)
def test_a_refusal_is_logged_with_the_address_that_the_proxy_says(
    proxies: int, forwarded: str, client: str, echo: Echo, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = gateway_of(echo, trusted_proxies=proxies)
    too_large = [("content-length", str(100 * 1024 * 1024)), ("x-forwarded-for", forwarded)]
    with caplog.at_level("INFO", "thumbnet"):
        refused = asyncio.run(Exchange(gateway, [part(b"x")], headers=too_large).run())
        for lines in ([forwarded], forwarded.split(", ")):  # proxies may add to a line, or add a line
            gateway.turn_away("/", [(b"x-forwarded-for", line.encode()) for line in lines], ("192.0.2.7", 1234))
    assert refused.status == 413
    assert [record.fields["client"] for record in caplog.records] == 3 * [client]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://a.example", "https://a.example"),
        ("https://A.example", "https://A.example"),
        ("https://b.example", ""),
    ],
)
def test_a_page_of_an_allowed_origin_may_read_that_there_is_no_room(origin: str, allowed: str) -> None:
    gateway = Gateway(Where(), Settings(cors_origins=("https://a.example",)), Metrics(), lambda: False)
    body = [part(b"x" * 100)]
    too_large = [("content-length", str(100 * 1024 * 1024)), ("origin", origin)]
    refused = asyncio.run(Exchange(gateway, body, path="/v1/predict", headers=too_large).run())
    _, headers, _ = parsed(gateway.turn_away("/v1/predict", [(b"origin", origin.encode())], None))
    assert refused.status == 413
    for answer in (refused.headers, headers):
        assert answer.get("access-control-allow-origin", "") == allowed
        assert ("Retry-After" in answer.get("access-control-expose-headers", "")) == bool(allowed)
        assert answer["x-content-type-options"] == "nosniff"
