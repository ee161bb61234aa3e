"""Raw bytes against the real server: what is no HTTP, too much of it, or too slow."""

from __future__ import annotations

import json
import socket
import time
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


def test_chunks_over_the_limit_are_refused_although_no_length_was_announced(server: str) -> None:
    chunk = b"%x\r\n%s\r\n" % (2**20, b"\0" * 2**20)
    form = POST.replace("image/png", "multipart/form-data; boundary=b")
    for head in (POST, form):
        answer = exchange(server, f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + 11 * chunk + b"0\r\n\r\n")
        assert status(answer) == 413


@pytest.mark.parametrize(
    "start",
    ["", "GET /livez HTT", f"GET /livez HTTP/1.1\r\n{HOST}X-Slow: ", f"{POST}Content-Length: 100\r\n\r\nabc"],
    ids=["nothing", "a line", "headers", "a body"],
)
def test_a_connection_that_stalls_is_closed_within_ten_seconds(server: str, start: str) -> None:
    started = time.monotonic()
    answer = exchange(server, start)
    assert time.monotonic() - started <= 10
    assert answer == b"" or status(answer) == 408


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


def test_a_slow_header_does_not_last_longer_by_trickling(server: str) -> None:
    address = urlsplit(server)
    started = time.monotonic()
    with socket.create_connection((address.hostname, address.port), timeout=PATIENCE) as connection:
        connection.sendall(f"GET /livez HTTP/1.1\r\n{HOST}".encode())
        connection.settimeout(0.5)
        closed = False
        while not closed and time.monotonic() - started < PATIENCE:
            try:
                connection.sendall(b"X-A: b\r\n")
                closed = connection.recv(10) == b""
            except TimeoutError:
                continue
            except OSError:
                closed = True
    assert closed
    assert time.monotonic() - started <= 10


def test_requests_that_follow_each_other_on_a_connection_are_all_answered(server: str) -> None:
    one = f"GET /livez HTTP/1.1\r\n{HOST}\r\n"
    last = f"GET /livez HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n"
    answer = exchange(server, one + one + last, answers=3)
    assert answer.count(b"HTTP/1.1 200 OK") == 3
