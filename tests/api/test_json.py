"""JSON bodies: what is none, what says nothing we know, and what would cost too much."""

import json
from base64 import b64encode

import pytest
from flask.testing import FlaskClient

from thumbnet.model import Classifier

PATHS = ("/v1/predict", "/v1/explain", "/models/cifar10", "/v2/models/cifar10/infer")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"inputs",
        b'{"inputs": NaN}',
        b'{"inputs": "", "parameters": {"top_k": Infinity}}',
        b'{"inputs": 1e999}',
        b'{"inputs": "\xff"}',
        b'{"inputs": "\xed\xa0\x80"}',
        rb'{"inputs": "\ud800"}',
        rb'{"\udfff": 1}',
        b'\xef\xbb\xbf{"inputs": ""}',
        '{"inputs": ""}'.encode("utf-16"),
        b"[" * 100_000,
        b'{"inputs":' * 100_000 + b"1" + b"}" * 100_000,
        b"[" * 2000 + b"]" * 2000,
        b"1" * 5000,
        b"[" + b"[]," * 2_000_000 + b"[]]",
    ],
    ids=lambda body: body[:16].decode("latin-1"),
)
def test_what_is_no_json_is_a_bad_request(client: FlaskClient, path: str, body: bytes) -> None:
    answer = client.post(path, data=body, content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (400, "bad_request")
    assert "JSON" in answer.json["detail"]


@pytest.mark.parametrize("path", PATHS[:3])
@pytest.mark.parametrize(
    "body",
    [
        None,
        5,
        "text",
        [],
        {},
        {"inputs": None},
        {"inputs": 5},
        {"inputs": True},
        {"inputs": {}},
        {"inputs": []},
        {"inputs": [None]},
        {"inputs": ["", 5]},
        {"inputs": [[""]]},
        {"inputs": "not base64"},
        {"inputs": "é"},
        {"inputs": "AAA"},
        {"inputs": "AA\nAA"},
        {"inputs": "data:image/png,AAAA"},
        {"inputs": "data:"},
        {"inputs": "http://127.0.0.1:1/a.png"},
        {"inputs": ["https://example.org/a.png"]},
        {"inputs": "file:///etc/passwd"},
        {"inputs": "/etc/passwd"},
        {"inputs": "data:;base64,http://127.0.0.1:1/"},
        {"inputs": "iVBORw0KGgo=", "parameters": 5},
        {"inputs": "iVBORw0KGgo=", "parameters": None},
        {"inputs": "iVBORw0KGgo=", "parameters": {"unknown": 5}},
        {"inputs": "iVBORw0KGgo=", "surplus": 5},
    ],
    ids=str,
)
def test_json_that_holds_no_image_is_refused_with_what_came(client: FlaskClient, path: str, body: object) -> None:
    answer = client.post(path, data=json.dumps(body), content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_argument")
    assert "inputs" in answer.json["detail"] or "parameters" in answer.json["detail"] or "body" in answer.json["detail"]
    assert len(answer.json["detail"]) < 500


def test_base64_of_nothing_is_an_empty_image(client: FlaskClient) -> None:
    answer = client.post("/v1/predict", json={"inputs": ""})
    assert (answer.status_code, answer.json["code"]) == (400, "empty_image")


def test_a_url_is_never_fetched(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: object) -> None:
        raise AssertionError("it was asked for")

    monkeypatch.setattr("socket.socket.connect", connect)
    answer = client.post("/v1/predict", json={"inputs": ["http://127.0.0.1/a.png", "http://127.0.0.1/b.png"]})
    assert answer.status_code == 200
    for prediction in answer.json["predictions"]:
        assert "nothing is fetched" in prediction["error"]["detail"]


@pytest.mark.parametrize(
    "head", ["", "data:image/png;base64,", "data:image/jpeg;charset=utf-8;base64,", "data:;base64,"]
)
def test_an_image_may_be_base64_or_a_data_url(
    client: FlaskClient, classifier: Classifier, png: bytes, head: str
) -> None:
    answer = client.post("/v1/predict", json={"inputs": head + b64encode(png).decode()})
    assert answer.status_code == 200
    assert answer.json["predictions"][0]["scores"] == classifier.predict(png).to_dict()["scores"]


def test_a_long_text_is_not_repeated(client: FlaskClient) -> None:
    long = "?" * 1_000_000
    for body in ({"inputs": long}, {"inputs": {long: [long]}}, {"inputs": "", long: 1}):
        answer = client.post("/v1/predict", json=body)
        assert answer.status_code == 422
        assert len(answer.data) < 2000


def test_many_unknown_parameters_are_told_in_few_words(client: FlaskClient) -> None:
    answer = client.post("/v1/predict", json={"inputs": "", "parameters": dict.fromkeys(map(str, range(9000)), 0)})
    assert answer.status_code == 422
    assert len(answer.data) < 2000
