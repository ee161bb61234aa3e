"""Many callers at once, against the real server: no answer is swapped, none that was accepted fails.

The numbers are small where the tests have to be quick; those marked long are the same with large ones.
"""

from __future__ import annotations

import http.client
import io
import json
import random
import signal
import socket
import threading
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from thumbnet.model import Classifier

PATIENCE_SECONDS = 30.0
MODELS = ("cifar10", "mnist")
FORM = "multipart/form-data; boundary=frontier"
Scores = list[dict[str, Any]]


class Answer(NamedTuple):
    """`status` is 0 where the server takes no more connections."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float


class Caller:
    """A client that keeps its connection; makes a new one where the server has said that it closes it."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE_SECONDS)

    def post(self, path: str, body: bytes, **headers: str) -> Answer:
        """Raises OSError or HTTPException where a request that was accepted is not answered."""
        started = time.perf_counter()
        try:
            if self._connection.sock is None:
                self._connection.connect()
        except ConnectionRefusedError:
            return Answer(0, {}, b"", 0.0)
        self._connection.request("POST", path, body, {name.replace("_", "-"): text for name, text in headers.items()})
        with self._connection.getresponse() as answer:
            received = answer.read()
            found = {name.lower(): text for name, text in answer.getheaders()}
            return Answer(answer.status, found, received, time.perf_counter() - started)

    def close(self) -> None:
        self._connection.close()


def together(url: str, work: Sequence[Callable[[Caller], None]], callers: int) -> None:
    """Do the work with so many callers at once. Raises what went wrong."""
    waiting = iter(work)
    guard = threading.Lock()

    def run(_: int) -> None:
        with closing(Caller(url)) as caller:
            while True:
                with guard:
                    job = next(waiting, None)
                if job is None:
                    return
                job(caller)

    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(run, range(callers)))


@contextmanager
def under_load(url: str, body: bytes, callers: int) -> Iterator[list[Answer]]:
    """Callers that ask one after another, to the end or until nobody answers; yields their answers so far."""
    answers: list[Answer] = []
    stop = threading.Event()

    def ask() -> None:
        with closing(Caller(url)) as caller:
            while not stop.is_set():
                answers.append(caller.post("/v1/predict", body, Content_Type="image/jpeg"))
                if answers[-1].status == 0:
                    return

    with ThreadPoolExecutor(callers) as pool:
        running = [pool.submit(ask) for _ in range(callers)]
        try:
            yield answers
        finally:
            stop.set()
    for each in running:
        each.result()


def pictures(count: int) -> list[bytes]:
    """Files of different images in different formats and sizes."""
    rng = np.random.default_rng(0)
    files = []
    for number in range(count):
        colours = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        image = Image.fromarray(colours).resize((30 + number, 50), Image.Resampling.BICUBIC)
        buffer = io.BytesIO()
        image.save(buffer, ("PNG", "JPEG", "WEBP", "BMP")[number % 4])
        files.append(buffer.getvalue())
    return files


def form_of(images: Sequence[bytes]) -> bytes:
    part = b'--frontier\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    return b"".join(part + image + b"\r\n" for image in images) + b"--frontier--\r\n"


def some_request(rng: random.Random, files: list[bytes], answers: dict[str, list[Scores]]) -> Callable[[Caller], None]:
    """A request of a random kind, which checks its answer."""
    name = rng.choice(MODELS)
    kind = rng.choice(("raw", "form", "json", "task"))
    count = rng.choice((1, 1, 2, 5)) if kind in ("form", "json") else 1
    chosen = [rng.choice([*range(len(files)), None]) for _ in range(count)]  # None is no image
    images = [b"no image" if place is None else files[place] for place in chosen]
    expected = [None if place is None else answers[name][place] for place in chosen]
    request_id = f"{rng.getrandbits(64):x}"
    path = f"/models/{name}" if kind == "task" else f"/v1/predict?model={name}"
    if kind == "json":
        body = json.dumps({"inputs": [b64encode(image).decode() for image in images]}).encode()
    else:
        body = form_of(images) if kind == "form" else images[0]
    content_type = {"json": "application/json", "form": FORM}.get(kind, "application/octet-stream")

    def ask(caller: Caller) -> None:
        answer = caller.post(path, body, Content_Type=content_type, X_Request_Id=request_id)
        assert answer.headers["x-request-id"] == request_id
        received = json.loads(answer.body)
        if expected == [None]:
            assert (answer.status, received["code"]) == (415, "unsupported_format")
            return
        assert answer.status == 200
        if kind == "task":
            scores = [{"label": each["label"], "probability": each["score"]} for each in received]
            assert scores == (expected[0] or [])[: len(scores)]
            return
        assert (received["model"]["name"], received["request_id"]) == (name, request_id)
        assert [each.get("scores") for each in received["predictions"]] == expected
        assert [each["error"]["status"] for each in received["predictions"] if "error" in each] == [
            415 for scores in expected if scores is None
        ]

    return ask


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.long)])
def test_every_caller_gets_the_answer_to_the_own_request(serve: Any, count: int) -> None:
    files = pictures(60)
    answers: dict[str, list[Scores]] = {}
    for name in MODELS:
        classifier = Classifier.load(name, threads=1)
        answers[name] = [classifier.predict(file).to_dict()["scores"] for file in files]
        assert len({json.dumps(scores) for scores in answers[name]}) == len(files)
    rng = random.Random(0)
    with serve(workers=2, weights=",".join(MODELS), deadline=PATIENCE_SECONDS) as (url, _):
        together(url, [some_request(rng, files, answers) for _ in range(count)], callers=16)


@pytest.mark.long
@pytest.mark.parametrize("restarts", [20])
def test_no_accepted_request_fails_however_often_the_server_is_restarted(
    serve: Any, jpeg: bytes, restarts: int
) -> None:
    for _ in range(restarts):
        with serve(workers=2) as (url, process), under_load(url, jpeg, callers=8) as answers:
            time.sleep(1)
            process.send_signal(signal.SIGTERM)
            told = time.monotonic()
            assert process.wait(timeout=PATIENCE_SECONDS) == 0
            assert time.monotonic() - told <= 5
        statuses = [answer.status for answer in answers]
        assert set(statuses) <= {0, 200, 503}
        assert statuses.count(200) > 10


@contextmanager
def slow_clients(url: str, count: int) -> Iterator[None]:
    """Clients that send a byte of a header or of a body now and then, and come again when they are sent away."""
    address = (urlsplit(url).hostname or "", urlsplit(url).port)
    head = b"POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n"
    stop = threading.Event()
    crowd: list[socket.socket | None] = [None] * count

    def trickle() -> None:
        while not stop.wait(0.5):
            for place, connection in enumerate(crowd):
                try:
                    if connection is None:
                        connection = crowd[place] = socket.create_connection(address, timeout=5)
                        connection.sendall(head + b"\r\n" if place % 2 else head)
                    connection.sendall(b"a")
                except OSError:
                    if connection is not None:
                        connection.close()
                    crowd[place] = None

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        while None in crowd:
            assert thread.is_alive()
            time.sleep(0.05)
        yield
    finally:
        stop.set()
        thread.join()
        for connection in crowd:
            if connection is not None:
                connection.close()


def latencies(url: str, body: bytes, count: int) -> list[float]:
    """Seconds of so many requests, one after another."""
    with closing(Caller(url)) as caller:
        answers = [caller.post("/v1/predict", body, Content_Type="image/jpeg") for _ in range(count)]
    assert {answer.status for answer in answers} == {200}
    return [answer.seconds for answer in answers]


@pytest.mark.parametrize("count", [50, pytest.param(2000, marks=pytest.mark.long)])
def test_two_hundred_slow_clients_do_not_slow_the_others_down(server: str, jpeg: bytes, count: int) -> None:
    latencies(server, jpeg, 20)
    before = latencies(server, jpeg, count)
    with slow_clients(server, 200):
        beside = latencies(server, jpeg, count)
    if count >= 1000:  # of fewer there is no 99th percentile
        assert np.percentile(beside, 99) < 2 * np.percentile(before, 99)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"queue": 4}, "queue_full"), ({"queue": 100, "deadline": 0.1}, "deadline")],
    ids=["a full queue", "a missed deadline"],
)
@pytest.mark.parametrize("count", [200, pytest.param(5000, marks=pytest.mark.long)])
def test_too_many_callers_are_told_to_come_again_and_the_server_stays_well(
    serve: Any, settings: dict[str, Any], reason: str, count: int
) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((1200, 900), 50).save(buffer, "PNG", compress_level=1)
    answers: list[Answer] = []

    def ask(caller: Caller) -> None:
        answers.append(caller.post("/v1/predict", buffer.getvalue(), Content_Type="image/png"))

    with serve(workers=1, **settings) as (url, _):
        together(url, [ask] * count, callers=40)
        assert {answer.status for answer in answers} == {200, 503}
        refused = [answer for answer in answers if answer.status == 503]
        assert all(answer.headers["retry-after"] == "1" for answer in refused)
        assert all(json.loads(answer.body)["status"] == 503 for answer in refused)
        answers.clear()
        together(url, [ask] * 5, callers=1)
        assert [answer.status for answer in answers] == [200] * 5
        with urllib.request.urlopen(f"{url}/metrics", timeout=PATIENCE_SECONDS) as page:
            counted = page.read().decode()
    assert f'thumbnet_requests_rejected_total{{reason="{reason}"}} {float(len(refused))}' in counted
    assert "thumbnet_requests_waiting 0.0" in counted
