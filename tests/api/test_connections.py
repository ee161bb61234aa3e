"""What a connection may do to the server: hold it open, leave its answers unread, break off."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import pytest
import uvloop
from uvicorn import Config
from uvicorn.server import ServerState

import thumbnet.api.protocol as protocol
from thumbnet.api.gateway import Gateway
from thumbnet.api.metrics import Metrics
from thumbnet.api.settings import Settings

HOST = b"Host: localhost\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
IDLE_SECONDS = 1
Result = TypeVar("Result")
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Answers with what it received, /large with four megabytes, /headers with the names of the headers."""
    start_response("200 OK", [])
    if environ["PATH_INFO"] == "/large":
        return [bytes(4 * 2**20)]
    if environ["PATH_INFO"] == "/headers":
        return [json.dumps(sorted(name for name in environ if name.startswith("HTTP_"))).encode()]
    return [json.dumps([environ["REQUEST_METHOD"], environ["wsgi.input"].read().decode()]).encode()]


def run(exchange: Coroutine[Any, Any, Result]) -> Result:
    """In the event loop that the server uses."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(exchange)


@asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[tuple[Callable[[], Awaitable[Streams]], Gateway]]:
    """`async with serving() as (connect, gateway)`."""
    gateway = Gateway(application, Settings(**settings), Metrics(), lambda: False)
    config = Config(
        gateway,
        http=protocol.LimitedProtocol,
        ws="none",
        proxy_headers=False,
        timeout_keep_alive=IDLE_SECONDS,
        log_config=None,
    )
    config.load()
    loop, state = asyncio.get_running_loop(), ServerState()
    server = await loop.create_server(lambda: protocol.LimitedProtocol(config, state, {}), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def connect() -> Streams:
        return await asyncio.open_connection("127.0.0.1", port)

    async with server:
        yield connect, gateway


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The status and body of the next answer."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    if lengths:
        return int(head.split()[1]), await reader.readexactly(int(lengths[0][15:]))
    body = b""
    while (size := int(await asyncio.wait_for(reader.readline(), 10), 16)) > 0:
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return int(head.split()[1]), body


async def closed_in(reader: asyncio.StreamReader, seconds: float) -> bool:
    """Whether the server closes the connection in that time."""
    try:
        await asyncio.wait_for(reader.read(), seconds)
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize(
    ("first", "trickle"),
    [
        (b"GET / HTTP/1.1\r\n" + HOST + b"\r\n", b"\r\n"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n\r\n", b"x"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["empty lines", "a body", "chunks"],
)
def test_bytes_that_are_no_new_request_do_not_keep_a_connection_open(first: bytes, trickle: bytes) -> None:
    async def hold() -> bool:
        async with serving() as (connect, _):
            reader, writer = await connect()
            writer.write(first)
            assert (await answer(reader))[0] == 200
            closing = asyncio.create_task(closed_in(reader, 10 * IDLE_SECONDS))
            while not closing.done():
                writer.write(trickle)
                await asyncio.sleep(IDLE_SECONDS / 5)
            writer.close()
            return await closing

    assert run(hold())


@pytest.mark.parametrize("protocol_name", [b"h2c", b"websocket"])
def test_a_wish_for_another_protocol_is_passed_over_and_the_body_stays_a_body(protocol_name: bytes) -> None:
    body = b"GET /v1/model HTTP/1.1\r\nHost: a\r\n\r\n"
    head = b"POST / HTTP/1.1\r\n" + HOST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: " + protocol_name
    head += b"\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nContent-Length: %d\r\n\r\n" % len(body)

    async def ask(*segments: bytes) -> list[tuple[int, bytes]]:
        async with serving() as (connect, _):
            reader, writer = await connect()
            for segment in segments:
                writer.write(segment)
                await asyncio.sleep(0.05)
            answers = [await answer(reader)]
            writer.write(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
            answers.append(await answer(reader))
            writer.close()
            return answers

    expected = [(200, json.dumps(["POST", body.decode()]).encode()), (200, json.dumps(["GET", ""]).encode())]
    for segments in ([head + body], [head, body], [head[:50], head[50:] + body[:5], body[5:]]):
        assert run(ask(*segments)) == expected


def test_two_wishes_for_another_protocol_in_one_segment_are_both_passed_over() -> None:
    request = b"POST / HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc"
    connect_to = b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n"

    async def ask(data: bytes, count: int) -> list[tuple[int, bytes]]:
        async with serving() as (connect, _):
            reader, writer = await connect()
            writer.write(data)
            answers = [await answer(reader) for _ in range(count)]
            writer.close()
            return answers

    expected = (200, json.dumps(["POST", "abc"]).encode())
    assert run(ask(request + request + request, 3)) == [expected] * 3
    assert [status for status, _ in run(ask(request + connect_to, 2))] == [200, 405]


async def converse(*segments: bytes, answers: int) -> list[tuple[int, bytes]]:
    """So many answers to segments that are sent one after the other."""
    async with serving() as (connect, _):
        reader, writer = await connect()
        for segment in segments:
            writer.write(segment)
            await asyncio.sleep(0.02)
        found = [await answer(reader) for _ in range(answers)]
        writer.close()
        return found


@pytest.mark.parametrize("apart", [False, True])
def test_fields_after_the_body_are_no_headers(apart: bool) -> None:
    start = b"POST /headers HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    end = b"0\r\nX-API-Key: secret\r\nX-Forwarded-For: 192.0.2.1\r\nHost: other\r\n\r\n"
    segments = (start, end) if apart else (start + end,)
    assert run(converse(*segments, answers=1)) == [(200, b'["HTTP_HOST", "HTTP_TRANSFER_ENCODING"]')]


FRAMED = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "more",
    [b"1\r\nx\r\n" * 60_000, b"0\r\n" + b"a:b\r\n" * 60_000, b"0\r\na: " + b"b" * 300_000, b"1;" + b"a" * 300_000],
    ids=["small chunks", "trailers", "a long trailer", "an extension"],
)
def test_a_body_that_is_all_framing_is_refused(more: bytes) -> None:
    parts = [more[start : start + 50_000] for start in range(0, len(more), 50_000)]
    ((status, problem),) = run(converse(FRAMED, *parts, answers=1))
    assert status == 400
    assert b"more framing than content" in problem


def test_a_body_in_small_chunks_is_received() -> None:
    body = FRAMED + b"1\r\nx\r\n" * 1000 + b"0\r\n\r\n"
    assert run(converse(body, answers=1)) == [(200, json.dumps(["POST", "x" * 1000]).encode())]


def test_requests_that_wait_on_a_connection_are_limited_in_number_and_answered_in_order() -> None:
    most = protocol.MOST_WAITING
    request = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
    answers = run(converse(request * (most + 30), answers=most + 2))
    assert [status for status, _ in answers] == [200] * (most + 1) + [429]


def test_who_reads_the_answers_may_send_requests_without_end() -> None:
    request = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"

    async def ask() -> list[int]:
        async with serving() as (connect, _):
            reader, writer = await connect()
            found = []
            for _ in range(20):
                writer.write(request * 50 + request[:10])
                found += [(await answer(reader))[0] for _ in range(50)]
                writer.write(request[10:])
                found.append((await answer(reader))[0])
            writer.close()
            return found

    assert run(ask()) == [200] * 20 * 51


@pytest.mark.parametrize("bad", [b"GARBAGE\r\n\r\n", b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: -5\r\n\r\n"])
@pytest.mark.parametrize("good", [1, 3])
def test_what_is_no_request_is_refused_after_the_answers_to_those_before_it(bad: bytes, good: int) -> None:
    answers = run(converse(POST + b"hello" + (POST + b"hello") * (good - 1) + bad, answers=good + 1))
    assert [status for status, _ in answers[:-1]] == [200] * good
    assert answers[-1][0] in (400, 405)


def test_a_body_that_breaks_off_badly_is_refused_after_the_answers_before_it() -> None:
    answers = run(converse(POST + b"hello" + FRAMED + b"5\r\nhello\r\nzz\r\n", answers=2))
    assert [status for status, _ in answers] == [200, 400]


async def sent_back(data: bytes) -> bytes:
    """Everything until the server ends the connection."""
    async with serving() as (connect, _):
        reader, writer = await connect()
        writer.write(data)
        received = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        await asyncio.sleep(0.05)
        return received


def test_who_waits_for_leave_to_send_and_sends_nonsense_is_refused_once(caplog: pytest.LogCaptureFixture) -> None:
    received = run(sent_back(FRAMED[:-2] + b"Expect: 100-continue\r\n\r\nZZ\r\n"))
    assert received.startswith(b"HTTP/1.1 400")
    assert received.count(b"HTTP/1.1 ") == 1
    assert "Traceback" not in caplog.text


def test_an_old_client_is_not_told_to_continue() -> None:
    data = b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"
    assert run(sent_back(data)).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("target", [b"http://localhost", b"http://localhost?a=b", b"http://localhost/"])
def test_a_whole_address_is_understood(target: bytes) -> None:
    assert run(converse(b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n", answers=1))[0][0] == 200


def test_a_request_that_began_before_the_last_answer_may_take_longer_than_an_idle_connection() -> None:
    async def ask() -> tuple[int, bytes]:
        async with serving() as (connect, _):
            reader, writer = await connect()
            writer.write(b"GET / HTTP/1.1\r\n" + HOST + b"\r\nPOST / HT")
            await answer(reader)
            writer.write(b"TP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\n")
            await asyncio.sleep(1.5 * IDLE_SECONDS)
            writer.write(b"abc")
            result = await answer(reader)
            writer.close()
            return result

    assert run(ask()) == (200, json.dumps(["POST", "abc"]).encode())


def test_connect_is_no_method_here() -> None:
    async def ask() -> int:
        async with serving() as (connect, _):
            reader, writer = await connect()
            writer.write(b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n")
            status, _ = await answer(reader)
            writer.close()
            return status

    assert run(ask()) == 405


def test_who_leaves_an_answer_unread_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "UNREAD_SECONDS", 0.3)

    async def ignore() -> tuple[int, int]:
        async with serving() as (connect, _):
            reader, writer = await connect()
            writer.write(8 * (b"GET /large HTTP/1.1\r\n" + HOST + b"\r\n"))
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.sleep(1.5)
            reader._transport.resume_reading()  # type: ignore[attr-defined]
            received = 0
            with suppress(ConnectionError):
                while chunk := await reader.read(2**20):
                    received += len(chunk)
            writer.close()

            reader, writer = await connect()
            writer.write(b"GET /large HTTP/1.1\r\n" + HOST + b"\r\n")
            _, body = await answer(reader)
            writer.close()
            return received, len(body)

    unread, read = run(ignore())
    assert unread < 4 * 2**20 == read


def test_of_those_that_leave_too_much_unread_the_first_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ignore() -> list[bool]:
        async with serving() as (connect, _):
            clients = []
            for _ in range(4):
                reader, writer = await connect()
                reader._transport.pause_reading()  # type: ignore[attr-defined]
                writer.write(b"GET /large HTTP/1.1\r\n" + HOST + b"\r\n")
                clients.append((reader, writer))
                async with asyncio.timeout(30):
                    while len(protocol.LimitedProtocol._unread) < min(2, len(clients)):
                        await asyncio.sleep(0.01)
                if len(clients) == 2:  # as much as these have left beside what the system holds for them
                    left = sum(each.transport.get_write_buffer_size() for each in protocol.LimitedProtocol._unread)
                    monkeypatch.setattr(protocol, "UNREAD_BYTES", left + left // 5)
            await asyncio.sleep(0.2)
            whole = []
            for reader, writer in clients:
                reader._transport.resume_reading()  # type: ignore[attr-defined]
                try:
                    _, body = await asyncio.wait_for(answer(reader), 30)
                    whole.append(len(body) == 4 * 2**20)
                except (ConnectionError, asyncio.IncompleteReadError):
                    whole.append(False)
                writer.close()
            return whole

    assert run(ignore()) == [False, False, True, True]


def test_refusals_that_nobody_reads_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def flood() -> int:
        async with serving() as (connect, gateway):
            monkeypatch.setattr(gateway, "is_full", lambda: True)
            monkeypatch.setattr(gateway, "_check_room", lambda: None)
            written = 0
            original = gateway.turn_away

            def counted(*request: Any) -> bytes:
                nonlocal written
                data = original(*request)
                written += len(data)
                return data

            monkeypatch.setattr(gateway, "turn_away", counted)
            reader, writer = await connect()
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            request = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n"
            for _ in range(200):
                writer.write(500 * request)
                await asyncio.sleep(0.001)
            writer.transport.abort()
            return written

    assert run(flood()) < 20 * 2**20  # what the kernel's buffers hold, and one segment's


def test_who_hangs_up_in_the_middle_of_a_pipeline_leaves_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async def hang_up() -> None:
        async with serving() as (connect, _):
            for _ in range(20):
                _, writer = await connect()
                writer.write(5 * (b"GET /large HTTP/1.1\r\n" + HOST + b"\r\n"))
                await asyncio.sleep(0.005)
                writer.transport.abort()
            await asyncio.sleep(0.3)

    with caplog.at_level(logging.ERROR):
        run(hang_up())
    assert not caplog.records


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        ([POST + b"hello"], [503]),
        ([POST + b"hello"] * 3, [503, 503, 503]),
        ([POST, b"hello"], [503]),
        ([POST + b"he", b"llo" + POST + b"hello"], [503, 503]),
        ([2 * (POST + b"hello")], [503, 503]),
        ([POST + b"hello", POST[:20], POST[20:] + b"hello"], [503, 503]),
        ([b"\r\n" + POST + b"hello"], [503]),
        ([CHUNKED], [503]),
        ([CHUNKED[:-5], CHUNKED[-5:]], [503]),
        ([b"GET / HTTP/1.1\r\n" + HOST + b"\r\n", POST + b"hello"], [200, 503]),
        ([POST + b"hello", b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"], [503, 200]),
        ([POST.replace(HOST, HOST + b"X-Request-Id: mine\r\n") + b"hello"], [503]),
        ([POST.replace(HOST, HOST + b"Upgrade: h2c\r\nConnection: Upgrade\r\n") + b"hello"], [503]),
    ],
)
def test_who_finds_no_room_is_told_so_and_is_understood_afterwards(segments: list[bytes], expected: list[int]) -> None:
    async def exchange() -> tuple[list[int], tuple[int, bytes]]:
        async with serving(queue=1) as (connect, gateway):
            reader, writer = await connect()
            gateway._held = 1
            for segment in segments:
                writer.write(segment)
                await asyncio.sleep(0.02)
            statuses = [(await answer(reader))[0] for _ in expected]
            gateway._held = 0
            writer.write(POST + b"again")
            later = await answer(reader)
            writer.close()
            return statuses, later

    statuses, (status, body) = run(exchange())
    assert statuses == expected
    assert (status, json.loads(body)) == (200, ["POST", "again"])


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (POST.replace(HOST, HOST + b"Connection: close\r\n") + b"hello", 503),
        (POST.replace(b"HTTP/1.1", b"HTTP/1.0") + b"hello", 503),
        (POST.replace(HOST, HOST + b"Content-Length: 6\r\n") + b"hello!", 400),
        (POST.replace(HOST, HOST + b"Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n", 400),
        (POST.replace(HOST, HOST + b"no header\r\n") + b"hello", 400),
        (POST.replace(b"POST", b"POKE") + b"hello", 405),
    ],
)
def test_where_there_is_no_room_the_connection_of_a_last_or_broken_request_is_closed_as_ever(
    request_: bytes, expected: int
) -> None:
    async def exchange() -> tuple[int, bool]:
        async with serving(queue=1) as (connect, gateway):
            gateway._held = 1
            reader, writer = await connect()
            writer.write(request_)
            status, _ = await answer(reader)
            closed = await closed_in(reader, IDLE_SECONDS / 2)
            writer.close()
            return status, closed

    assert run(exchange()) == (expected, True)


def test_a_connection_that_was_turned_away_and_stays_idle_is_closed() -> None:
    async def exchange() -> tuple[int, bool]:
        async with serving(queue=1) as (connect, gateway):
            gateway._held = 1
            reader, writer = await connect()
            writer.write(POST + b"hello")
            status, _ = await answer(reader)
            closed = await closed_in(reader, 5 * IDLE_SECONDS)
            writer.close()
            return status, closed

    assert run(exchange()) == (503, True)
