import re

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from thumbnet.api.problems import STATUS
from thumbnet.model import errors

MEMBERS = {"type", "title", "status", "detail", "code", "request_id", "error"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/predict", 405), ("GET", "/nothing", 404), ("POST", "/v1/predict", 400), ("DELETE", "/readyz", 405)],
)
def test_every_error_is_a_problem(client: FlaskClient, method: str, path: str, status: int) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == answer.json["status"] == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert set(answer.json) == MEMBERS
    assert answer.json["error"] == answer.json["detail"]
    assert answer.json["type"] == f"urn:thumbnet:problem:{answer.json['code']}"
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]


def test_a_missing_page_is_named(client: FlaskClient) -> None:
    assert client.get("/v1/predcit").json["detail"] == "there is no /v1/predcit; /openapi.json lists what there is."


def test_a_wrong_method_says_which_are_right(client: FlaskClient) -> None:
    answer = client.get("/v1/predict")
    assert "it takes OPTIONS, POST" in answer.json["detail"]
    assert set(answer.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


@pytest.mark.parametrize("method", ["TRACE", "PUT", "PATCH", "DELETE", "BREW"])
@pytest.mark.parametrize("path", ["/v1/predict", "/v1/model", "/models/cifar10", "/v2/models/cifar10/infer", "/docs"])
def test_a_method_that_a_path_does_not_know_is_not_allowed(client: FlaskClient, path: str, method: str) -> None:
    answer = client.open(path, method=method)
    assert (answer.status_code, answer.json["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"]


def test_a_head_is_a_get_without_its_body(client: FlaskClient) -> None:
    answer = client.head("/v1/model")
    assert (answer.status_code, answer.data) == (200, b"")
    assert client.head("/v1/predict").status_code == 405


@pytest.mark.parametrize(
    "path", ["/v1/predict/", "/v1//predict", "/V1/predict", "/%00", "/\xff", "/v1/../v1/model", "/"]
)
def test_a_path_that_is_almost_one_is_missing_and_leads_nowhere_else(client: FlaskClient, path: str) -> None:
    answer = client.post("/x", environ_overrides={"PATH_INFO": path})
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")


def test_every_image_error_has_a_status() -> None:
    image_errors = [errors.InvalidImage, *errors.InvalidImage.__subclasses__()]
    assert set(STATUS) == {*image_errors, errors.InvalidArgument}
    assert all(400 <= status < 500 for status in STATUS.values())


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.EmptyImage("x"), 400, "empty_image"),
        (errors.UnsupportedFormat("x"), 415, "unsupported_format"),
        (errors.ImageTooLarge("x"), 413, "image_too_large"),
        (errors.CorruptImage("x"), 422, "corrupt_image"),
        (errors.InvalidImage("x"), 400, "invalid_image"),
        (errors.InvalidArgument("x"), 422, "invalid_argument"),
        (errors.UnknownName("colour", "x", ["red"]), 422, "invalid_argument"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_the_callers_errors_are_explained(app: APIFlask, error: Exception, status: int, code: str) -> None:
    raise_at(app, error)
    answer = app.test_client().get("/raise")
    assert (answer.status_code, answer.json["code"], answer.json["detail"]) == (status, code, str(error))


@pytest.mark.parametrize("error", [RuntimeError("/etc/secret"), errors.WeightsCorrupt("/etc/secret")], ids=type)
def test_our_errors_are_logged_and_not_told(app: APIFlask, caplog: pytest.LogCaptureFixture, error: Exception) -> None:
    raise_at(app, error)
    answer = app.test_client().get("/raise", headers={"X-Request-Id": "look-for-me"})
    assert (answer.status_code, answer.json["code"]) == (500, "internal_server_error")
    assert "secret" not in answer.get_data(as_text=True)
    assert "secret" in caplog.text
    assert "look-for-me" in caplog.text


@pytest.mark.parametrize("received", ["a", "3f0c-8f6b", "Root=1-67891233-abcdef012345678912345678", "x" * 128])
def test_a_request_id_comes_back(client: FlaskClient, received: str) -> None:
    assert client.get("/livez", headers={"X-Request-Id": received}).headers["X-Request-Id"] == received


@pytest.mark.parametrize("received", ["", "x" * 129, "two words", "<script>", "ümlaut", None])
def test_a_request_without_a_usable_id_gets_a_new_one(client: FlaskClient, received: str | None) -> None:
    headers = {} if received is None else {"X-Request-Id": received}
    ids = [client.get("/livez", headers=headers).headers["X-Request-Id"] for _ in range(2)]
    assert ids[0] != ids[1]
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


def raise_at(app: APIFlask, error: Exception) -> None:
    @app.get("/raise")
    def view() -> str:
        raise error
