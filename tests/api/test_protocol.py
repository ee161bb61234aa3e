"""Raw bytes against the real server: what is no HTTP, too much of it, or too slow."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

HOST = "Host: localhost\r\n"
POST = f"POST /v1/predict HTTP/1.1\r\n{HOST}Content-Type: image/png\r\n"
PATIENCE = 15.0


def exchange(server: str, request: str | bytes, *, answers: int = 1) -> bytes:
    """Send bytes and read until the server closes, or has sent whole answers on a connection that it keeps."""
    data = request.encode("latin-1") if isinstance(request, str) else request
    address = urlsplit(server)
    with socket.create_connection((address.hostname, address.port), timeout=PATIENCE) as connection:
        connection.sendall(data)
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
            head, separator, body = received.partition(b"\r\n\r\n")
            lengths = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            whole = separator and lengths and len(body) >= lengths[0] and b"connection: close" not in head.lower()
            if answers == 1 and whole:
                break
    return received


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("request_text", "expected"),
    [
        (f"{POST}Content-Length: -1\r\n\r\n", 400),
        (f"{POST}Content-Length: ten\r\n\r\n", 400),
        (f"{POST}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
        (f"{POST}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
        (f"{POST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 400),
        (f"{POST}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 400),
        (f"{POST}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", 400),
        ("GET /livez HTTP/1.1\r\n\r\n", 400),
        (f"GET /livez HTTP/1.1\r\n{HOST}Host: other\r\n\r\n", 400),
        ("GET /livez HTTP/1.0\r\n\r\n", 200),
        ("GET /livez HTTP/1.1\r\nHost:\r\n\r\n", 200),
        ("GET /livez HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n", 200),
        ("GET /livez HTTP/1.1\r\nHost: a/b@c d\r\n\r\n", 400),
        ("GET /livez HTTP/1.1\r\nHost: a:99999999\r\n\r\n", 400),
        (f"{POST}Transfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 415),
        (f"{POST}Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", 400),
        (f"GET /livez?{'a' * 5000} HTTP/1.1\r\n{HOST}\r\n", 414),
        (f"GET /livez?{'a' * 100_000} HTTP/1.1\r\n{HOST}\r\n", 414),
        (f"GET /livez HTTP/1.1\r\n{HOST}X: {'a' * 9000}\r\n\r\n", 431),
        (f"GET /livez HTTP/1.1\r\n{HOST}X: {'a' * 100_000}", 431),
        (f"GET /livez HTTP/1.1\r\n{HOST}{''.join(f'X-{n}: a{chr(13)}{chr(10)}' for n in range(120))}\r\n", 431),
        (f"NONSENSE /livez HTTP/1.1\r\n{HOST}\r\n", 405),
        (f"TRACE /v1/predict HTTP/1.1\r\n{HOST}\r\n", 405),
        (f"GET / no HTTP at all\r\n{HOST}\r\n", 400),
        (f"{POST}Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n", 413),
        (f"GET /livez HTTP/1.1\r\n{HOST}Connection: upgrade\r\nUpgrade: websocket\r\n\r\n", 200),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else value,
)
def test_http_that_is_malformed_or_too_much_gets_its_status(server: str, request_text: str, expected: int) -> None:
    answer = exchange(server, request_text)
    assert status(answer) == expected
    if expected >= 400:
        problem = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert problem["status"] == expected
        assert problem["detail"]


def test_a_refusal_names_the_request_and_the_methods(server: str) -> None:
    answer = exchange(server, f"GET /livez HTTP/1.1\r\nX-Request-Id: mine\r\n{HOST}Content-Length: x\r\n\r\n")
    assert b"x-request-id: mine\r\n" in answer
    assert b"allow: GET, HEAD, OPTIONS, POST\r\n" in exchange(server, f"NONSENSE / HTTP/1.1\r\n{HOST}\r\n")


def test_chunks_over_the_limit_are_refused_although_no_length_was_announced(server: str) -> None:
    chunk = b"%x\r\n%s\r\n" % (2**20, b"\0" * 2**20)
    form = POST.replace("image/png", "multipart/form-data; boundary=b")
    for head in (POST, form):
        answer = exchange(server, f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + 11 * chunk + b"0\r\n\r\n")
        assert status(answer) == 413


STALLED = ("", "GET /livez HTT", f"GET /livez HTTP/1.1\r\n{HOST}X-Slow: ", f"{POST}Content-Length: 100\r\n\r\nabc")


def test_a_connection_that_stalls_or_trickles_is_closed_within_ten_seconds(server: str) -> None:
    def stall(start: str) -> tuple[bytes, float]:
        started = time.monotonic()
        return exchange(server, start), time.monotonic() - started

    with ThreadPoolExecutor(len(STALLED) + 1) as pool:  # at once, as each takes seconds
        trickling = pool.submit(trickle, server)
        for start, (answer, seconds) in zip(STALLED, pool.map(stall, STALLED), strict=True):
            assert seconds <= 10, start
            assert answer == b"" or status(answer) == 408, start
        assert trickling.result() <= 10


def trickle(server: str) -> float:
    """Send headers without end; the seconds until the server closes the connection."""
    address = urlsplit(server)
    started = time.monotonic()
    with socket.create_connection((address.hostname, address.port), timeout=PATIENCE) as connection:
        connection.sendall(f"GET /livez HTTP/1.1\r\n{HOST}".encode())
        connection.settimeout(0.5)
        while time.monotonic() - started < PATIENCE:
            try:
                connection.sendall(b"X-A: b\r\n")
                if connection.recv(10) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
    return time.monotonic() - started


def test_what_is_no_valid_request_is_counted_too(server: str) -> None:
    series = 'thumbnet_requests_total{endpoint="gateway",method="other",status="405"}'

    def counted() -> float:
        page = exchange(server, b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").decode()
        return sum(float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith(series))

    before = counted()
    assert status(exchange(server, b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n")) == 405
    assert counted() == before + 1


def test_a_tls_hello_ends_the_connection(server: str) -> None:
    assert status(exchange(server, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100))) in (400, 405)


def test_requests_that_follow_each_other_on_a_connection_are_all_answered(server: str) -> None:
    one = f"GET /livez HTTP/1.1\r\n{HOST}\r\n"
    last = f"GET /livez HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n"
    answer = exchange(server, one + one + last, answers=3)
    assert answer.count(b"HTTP/1.1 200 OK") == 3
