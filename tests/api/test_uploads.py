import io
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from thumbnet.api import Settings, create_app
from thumbnet.model import Classifier
from thumbnet.model.images import MAX_BYTES

CHUNK = 65_536
LIMITS = (MAX_BYTES, MAX_BYTES + 1)
FORM = "multipart/form-data; boundary=frontier"


def test_a_body_without_content_type_is_refused_with_advice(client: FlaskClient, png: bytes) -> None:
    answer = client.post("/v1/predict", data=png)
    assert answer.status_code == 415
    assert "no Content-Type" in answer.json["detail"]
    assert "image/*" in answer.json["detail"]


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/x-www-form-urlencoded"])
def test_another_content_type_is_refused(client: FlaskClient, png: bytes, kind: str) -> None:
    answer = client.post("/v1/predict", data=png, content_type=kind)
    assert (answer.status_code, answer.json["code"]) == (415, "unsupported_media_type")
    assert kind in answer.json["detail"]


def test_the_bytes_decide_and_not_the_content_type(client: FlaskClient, png: bytes) -> None:
    assert client.post("/v1/predict", data=png, content_type="image/webp").status_code == 200


@pytest.mark.parametrize(
    "form",
    [{}, {"file": (io.BytesIO(b"x"), "a.png")}, {"image": "text without a file name"}],
    ids=["empty", "another field", "no file name"],
)
def test_a_form_without_an_image_says_what_was_in_it(client: FlaskClient, form: dict[str, object]) -> None:
    answer = client.post("/v1/predict", data=form, content_type="multipart/form-data")
    assert answer.status_code == 400
    assert all(name in answer.json["detail"] for name in form)


def test_a_form_that_is_none_holds_no_image(client: FlaskClient) -> None:
    answer = client.post("/v1/predict", data=b"--x\r\nnonsense", content_type="multipart/form-data; boundary=x")
    assert (answer.status_code, answer.json["code"]) == (400, "bad_request")


@pytest.mark.parametrize("count", [33, 65, 2000])
def test_more_images_than_allowed_are_refused(client: FlaskClient, png: bytes, count: int) -> None:
    answer = client.post("/v1/predict", data=form_of(*[png] * count), content_type=FORM)
    assert answer.status_code == 413
    assert "32" in answer.json["detail"]


def test_a_broken_image_among_others_is_named(client: FlaskClient, png: bytes) -> None:
    form = {"image": [(io.BytesIO(data), "a.png") for data in (png, png[:-40], png)]}
    answer = client.post("/v1/predict", data=form)
    assert (answer.status_code, answer.json["code"]) == (422, "corrupt_image")
    assert answer.json["detail"].startswith("image 2 of 3: ")


def test_a_body_of_the_limit_is_read_and_one_byte_more_is_not(client: FlaskClient) -> None:
    at_limit, over = (client.post("/v1/predict", data=b"\0" * size, content_type="image/png") for size in LIMITS)
    assert at_limit.json["code"] == "unsupported_format"
    assert (over.status_code, over.json["code"]) == (413, "image_too_large")
    assert f"{MAX_BYTES + 1:,}" in over.json["detail"]


def test_a_part_over_the_limit_of_one_image_is_refused(client: FlaskClient) -> None:
    answer = client.post("/v1/predict", data=form_of(b"\0" * (MAX_BYTES + 1)), content_type=FORM)
    assert (answer.status_code, answer.json["code"]) == (413, "image_too_large")


def test_a_form_over_the_limit_is_refused(classifier: Classifier) -> None:
    client = create_app(Settings(max_body_bytes=2000), classifier).test_client()
    answer = client.post("/v1/predict", data=form_of(b"\0" * 3000), content_type=FORM)
    assert answer.status_code == 413
    assert "2,000" in answer.json["detail"]


def test_uploads_touch_no_file(client: FlaskClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    answer = client.post("/v1/predict", data=form_of(b"\0" * 1_000_000), content_type=FORM)
    assert answer.json["code"] == "unsupported_format"


def test_a_smaller_limit_holds_for_a_single_image_too(classifier: Classifier) -> None:
    client = create_app(Settings(max_body_bytes=2000), classifier).test_client()
    assert client.post("/v1/predict", data=b"\0" * 2001, content_type="image/png").status_code == 413


def test_a_body_of_unannounced_length_is_refused_and_not_cut(client: FlaskClient) -> None:
    answer = client.post(
        "/v1/predict",
        input_stream=io.BytesIO(b"\0" * (MAX_BYTES + 2)),
        content_type="image/png",
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert (answer.status_code, answer.json["code"]) == (413, "image_too_large")


@pytest.mark.parametrize("size", [MAX_BYTES + 1, 2 * MAX_BYTES])
def test_a_chunked_body_over_the_limit_is_refused_and_not_cut(server: str, size: int) -> None:
    assert post_chunked(server, b"\0" * size)[0] == 413


def test_a_chunked_body_under_the_limit_is_answered(server: str, classifier: Classifier, png: bytes) -> None:
    status, answer = post_chunked(server, png)
    assert status == 200
    assert answer["predictions"][0]["scores"] == classifier.predict(png).to_dict()["scores"]


def test_an_announced_body_over_the_limit_is_refused_before_it_is_sent(server: str) -> None:
    with connect(server) as connection:
        connection.sendall(head(f"Content-Length: {MAX_BYTES + 1}"))
        assert read_answer(connection)[0] == 413


def form_of(*images: bytes) -> bytes:
    """A form as it is sent (Werkzeug's test client would use a temporary file)."""
    part = b'--frontier\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    return b"".join(part + image + b"\r\n" for image in images) + b"--frontier--\r\n"


def connect(server: str) -> socket.socket:
    address = urlsplit(server)
    return socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=60)


def head(*headers: str) -> bytes:
    lines = ["POST /v1/predict HTTP/1.1", "Host: localhost", "Content-Type: image/png", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), CHUNK):
        part = body[start : start + CHUNK]
        yield f"{len(part):x}\r\n".encode() + part + b"\r\n"
    yield b"0\r\n\r\n"


def post_chunked(server: str, body: bytes) -> tuple[int, dict[str, object]]:
    with connect(server) as connection:
        connection.sendall(head("Transfer-Encoding: chunked", "Connection: close"))
        try:
            for chunk in chunks(body):
                connection.sendall(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server may answer and close before it has everything
        return read_answer(connection)


def read_answer(connection: socket.socket) -> tuple[int, dict[str, object]]:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65_536)
    headers, _, body = received.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in headers.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65_536)
    answer: dict[str, object] = json.loads(body)
    return int(headers.split()[1]), answer
