import gzip
import io
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from thumbnet.api import Settings, create_app
from thumbnet.model import Classifier
from thumbnet.model.encoded import MAX_BYTES

LIMITS = (MAX_BYTES, MAX_BYTES + 1)
FORM = "multipart/form-data; boundary=frontier"


@pytest.mark.parametrize("kind", [None, "image/webp", "IMAGE/PNG", "image/*", "image/png; charset=utf-8"])
def test_the_bytes_decide_and_not_the_content_type(client: FlaskClient, png: bytes, kind: str | None) -> None:
    assert client.post("/v1/predict", data=png, content_type=kind).status_code == 200
    answer = client.post("/v1/predict", data=b"text", content_type=kind)
    assert (answer.status_code, answer.json["code"]) == (415, "unsupported_format")


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/explain", "/models/cifar10", "/v2/models/cifar10/infer"])
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "nonsense"])
def test_another_content_type_is_refused_with_advice(client: FlaskClient, png: bytes, path: str, kind: str) -> None:
    answer = client.post(path, data=png, content_type=kind)
    assert (answer.status_code, answer.json["code"]) == (415, "unsupported_media_type")
    assert kind in answer.json["detail"]
    assert "application/octet-stream" in answer.json["detail"]


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/explain", "/models/cifar10", "/v2/models/cifar10/infer"])
@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "br", "identity, gzip"])
def test_a_compressed_body_is_refused(client: FlaskClient, png: bytes, path: str, encoding: str) -> None:
    body = gzip.compress(png)
    answer = client.post(path, data=body, content_type="image/png", headers={"Content-Encoding": encoding})
    assert (answer.status_code, answer.json["code"]) == (415, "unsupported_media_type")
    assert encoding in answer.json["detail"]


def test_a_body_may_say_that_it_is_not_compressed(client: FlaskClient, png: bytes) -> None:
    headers = {"Content-Encoding": "identity"}
    assert client.post("/v1/predict", data=png, content_type="image/png", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "form",
    [{}, {"file": (io.BytesIO(b"x"), "a.png")}, {"image": "text without a file name"}],
    ids=["empty", "another field", "no file name"],
)
def test_a_form_without_an_image_says_what_was_in_it(client: FlaskClient, form: dict[str, object]) -> None:
    answer = client.post("/v1/predict", data=form, content_type="multipart/form-data")
    assert answer.status_code == 400
    assert all(name in answer.json["detail"] for name in form)


PART = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'


@pytest.mark.parametrize(
    ("body", "boundary"),
    [
        (b"--x\r\nnonsense", "; boundary=x"),
        (b"--x\r\nContent-Type: image/png\r\n\r\nimage\r\n--x--\r\n", "; boundary=x"),
        (PART + b"image\r\n--x--\r\n", ""),
        (PART + b"image\r\n--x--\r\n", "; boundary="),
        (PART + b"image\r\n--x--\r\n", "; boundary=y"),
        (PART + b"image\r\n--x--\r\n", "; boundary=\xe9"),
        (PART + b"image\r\n--x\r\n", "; boundary=x"),
        (PART + b"image", "; boundary=x"),
        (PART.replace(b"a.png", b"\xff.png") + b"image\r\n--x--\r\n", "; boundary=x"),
        (b"", "; boundary=x"),
    ],
    ids=[
        "nonsense",
        "a part without a name",
        "no boundary",
        "empty boundary",
        "another boundary",
        "boundary that is not ASCII",
        "a part that never comes",
        "no end",
        "a name that is not UTF-8",
        "empty",
    ],
)
def test_a_broken_form_is_a_bad_request(client: FlaskClient, body: bytes, boundary: str) -> None:
    answer = client.post("/v1/predict", data=body, content_type=f"multipart/form-data{boundary}")
    assert (answer.status_code, answer.json["code"]) == (400, "bad_request")
    assert "form" in answer.json["detail"]


def test_parts_without_names_are_listed_beside_others(client: FlaskClient) -> None:
    nameless = b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n"
    body = nameless + nameless.replace(b"data", b'data; name="note"', 1) + b"--x--\r\n"
    answer = client.post("/v1/predict", data=body, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 400
    assert "note" in answer.json["detail"]


@pytest.mark.parametrize("count", [33, 65, 1500])
def test_more_images_than_allowed_are_refused(client: FlaskClient, png: bytes, count: int) -> None:
    answer = client.post("/v1/predict", data=form_of(*[png] * count), content_type=FORM)
    assert answer.status_code == 413
    assert "32" in answer.json["detail"]


@pytest.mark.parametrize("name", ["image", "note"])
def test_more_parts_than_allowed_are_refused_before_they_are_kept(client: FlaskClient, name: str) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="' + name.encode() + b'"\r\n\r\n1\r\n'
    answer = client.post("/v1/predict", data=part * 1500 + b"--x--\r\n", content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 413


def test_a_body_of_the_limit_is_read_and_one_byte_more_is_not(client: FlaskClient) -> None:
    at_limit, over = (client.post("/v1/predict", data=b"\0" * size, content_type="image/png") for size in LIMITS)
    assert at_limit.json["code"] == "unsupported_format"
    assert (over.status_code, over.json["code"]) == (413, "request_entity_too_large")
    assert f"{MAX_BYTES + 1:,}" in over.json["detail"]


@pytest.mark.parametrize("kind", [FORM, "image/png", "application/json", "application/octet-stream"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_refused_whatever_it_is(client: FlaskClient, kind: str, chunked: bool) -> None:
    body = form_of(b"\0" * (MAX_BYTES + 1))
    answer = client.post("/v1/predict", content_type=kind, **(in_chunks(body) if chunked else {"data": body}))
    assert (answer.status_code, answer.json["code"]) == (413, "request_entity_too_large")


def test_an_image_over_the_limit_is_refused_where_a_body_may_be_larger(classifier: Classifier) -> None:
    client = create_app(Settings(max_body_bytes=2 * MAX_BYTES), classifier).test_client()
    image = b"\0" * (MAX_BYTES + 1)
    for answer in (
        client.post("/v1/predict", data=image, content_type="image/png"),
        client.post("/v1/predict", data=form_of(image), content_type=FORM),
        client.post("/v1/predict", json={"inputs": b64encode(image).decode()}),
    ):
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


def test_a_body_of_unannounced_length_is_read_to_its_end(client: FlaskClient, png: bytes) -> None:
    assert client.post("/v1/predict", content_type="image/png", **in_chunks(png)).status_code == 200
    assert client.post("/v1/predict", content_type=FORM, **in_chunks(form_of(png, png))).status_code == 200


def form_of(*images: bytes) -> bytes:
    """A form as it is sent (Werkzeug's test client would use a temporary file)."""
    part = b'--frontier\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    return b"".join(part + image + b"\r\n" for image in images) + b"--frontier--\r\n"


def in_chunks(body: bytes) -> dict[str, Any]:
    """How the test client sends a body without its length."""
    return {
        "input_stream": io.BytesIO(body),
        "headers": {"Transfer-Encoding": "chunked"},
        "environ_overrides": {"wsgi.input_terminated": True},
    }
