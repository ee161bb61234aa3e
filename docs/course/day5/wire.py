"""What is on the wire: a request and an answer, through a raw socket.

.venv/bin/python docs/course/day5/wire.py
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from werkzeug.serving import make_server

CAT = Path(__file__).parents[3] / "demo" / "examples" / "cat.png"


# --8<-- [start:request]
def post(path: str, body: bytes, kind: str) -> bytes:
    """A request as bytes: a line, headers, an empty line, the body."""
    head = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def exchange(port: int, request: bytes) -> bytes:
    """Send bytes, and read until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        received = b""
        while part := connection.recv(65_536):
            received += part
    return received


# --8<-- [end:request]


# --8<-- [start:parse]
def parse(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(first.split()[1]), {name.lower(): value for name, value in headers.items()}, body


# --8<-- [end:parse]


@contextmanager
def serving(app: Flask, *, threaded: bool = True) -> Iterator[int]:
    """Run an application on Flask's development server, on a free port, for as long as the block lasts."""
    server = make_server("127.0.0.1", 0, app, threaded=threaded)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def show(message: bytes) -> str:
    """A message as text, where what is no text is only counted."""
    head, _, body = message.partition(b"\r\n\r\n")
    text = body.decode("latin-1").strip()
    shown = text if text.isprintable() and len(text) < 2000 else f"({len(body)} bytes)"
    return head.decode("latin-1").replace("\r\n", "\n") + "\n\n" + shown


def conversation() -> str:
    """A good request and a bad one to step 4, with the answers."""
    from step4 import create_app

    from thumbnet import Classifier

    parts = []
    with serving(create_app(Classifier.load("cifar10", threads=1))) as port:
        for body, path in ((CAT.read_bytes(), "/v1/predict?top_k=2"), (b"not an image", "/v1/predict")):
            request = post(path, body, "image/png")
            parts += [show(request), show(exchange(port, request))]
    return "\n\n----\n\n".join(parts) + "\n"


def main() -> None:
    """Print a conversation."""
    print(conversation())


if __name__ == "__main__":
    main()
