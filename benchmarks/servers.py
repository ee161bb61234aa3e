"""The servers that benchmarks put under load: how each is started, asked and stopped."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

HERE = Path(__file__).parent
HOST = "127.0.0.1"
BOUNDARY = "thumbnet-benchmark"
START_SECONDS, STOP_SECONDS = 120, 10


@dataclass(frozen=True)
class Server:
    """How to talk to one kind of server.

    command       starts it, given weights and a port
    health        path that answers 200 as soon as it can predict
    path          where images are sent
    wrap          the bytes of an image → the content type and the body of a request
    label         the best class of an answer
    environment   variables that it gets
    """

    command: Callable[[str, int], list[str]]
    health: str
    path: str
    wrap: Callable[[bytes], tuple[str, bytes]]
    label: Callable[[Any], str]
    environment: Mapping[str, str] = field(default_factory=dict)


def as_form(image: bytes) -> tuple[str, bytes]:
    """An image as a file in a form."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="image.jpg"\r\n\r\n'
    return f"multipart/form-data; boundary={BOUNDARY}", head.encode() + image + f"\r\n--{BOUNDARY}--\r\n".encode()


def as_json(image: bytes) -> tuple[str, bytes]:
    """An image as base64 in JSON."""
    return "application/json", json.dumps({"image_data": base64.b64encode(image).decode()}).encode()


OURS, OURS_FP32, TUTORIAL, LITSERVE = "thumbnet", "thumbnet fp32", "Flask + torch", "LitServe"
THUMBNET = Server(
    lambda weights, port: ["-m", "thumbnet", "serve", "--weights", weights, "--port", str(port)],
    "/readyz",
    "/v1/predict",
    lambda image: ("image/jpeg", image),
    lambda answer: str(answer["predictions"][0]["label"]),
)
SERVERS = {
    OURS: THUMBNET,
    OURS_FP32: replace(THUMBNET, environment={"THUMBNET_PRECISION": "fp32"}),
    TUTORIAL: Server(
        lambda weights, port: [str(HERE / "tutorial_server.py"), weights, str(port)],
        "/",
        "/predict",
        as_form,
        lambda answer: str(answer["class_name"]),
    ),
    LITSERVE: Server(
        lambda weights, port: [str(HERE / "litserve_server.py"), weights, str(port)],
        "/health",
        "/predict",
        as_json,
        lambda answer: str(answer["class_name"]),
    ),
}


@dataclass(frozen=True)
class Running:
    """A server that is ready."""

    server: Server
    port: int
    process: subprocess.Popen[bytes]

    def request(self, image: bytes) -> bytes:
        """A whole HTTP request that asks about an image."""
        kind, body = self.server.wrap(image)
        head = f"POST {self.server.path} HTTP/1.1\r\nHost: {HOST}:{self.port}\r\n"
        return f"{head}Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    def label(self, image: bytes) -> str:
        """The best class of an image. Raises SystemExit where the answer is not 200."""
        kind, body = self.server.wrap(image)
        status, answer = ask(self.port, "POST", self.server.path, body, {"Content-Type": kind})
        if status != 200:
            raise SystemExit(f"{self.server.path} answered {status}: {answer[:500]!r}")
        return self.server.label(json.loads(answer))


@contextmanager
def running(name: str, weights: str, **environment: str) -> Iterator[Running]:
    """A server of SERVERS on a free port, ready to predict; stopped at the end. What it logs goes to a file.

    environment   variables that it gets in addition

    Raises SystemExit, with the end of its log, where it does not get ready.
    """
    server, port = SERVERS[name], free_port()
    with tempfile.TemporaryFile() as log:
        command = [sys.executable, *server.command(weights, port)]
        variables = {**os.environ, **server.environment, **environment}
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=variables)
        try:
            if not becomes_ready(process, port, server.health):
                log.seek(0)
                raise SystemExit(f"{name} did not get ready:\n{log.read()[-2000:].decode(errors='replace')}")
            yield Running(server, port, process)
        finally:
            stop(process)


def becomes_ready(process: subprocess.Popen[bytes], port: int, path: str) -> bool:
    """Wait until a path answers 200; false where the process ends before, or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if ask(port, "GET", path)[0] == 200:
                return True
        except OSError:
            pass  # does not listen yet
        time.sleep(0.05)
    return False


def ask(
    port: int, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """Status and body of the answer to one request. Raises OSError where there is no connection."""
    connection = http.client.HTTPConnection(HOST, port, timeout=START_SECONDS)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as error:
        raise OSError(f"no HTTP on port {port}: {error}") from error
    finally:
        connection.close()


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """A process and all its descendants."""
    try:
        parent = psutil.Process(process.pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server politely, and what it leaves behind by force."""
    members = family(process)
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
    process.wait()
    for member in members:
        with suppress(psutil.NoSuchProcess):  # psutil also notices where the number belongs to another process by now
            member.kill()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port
