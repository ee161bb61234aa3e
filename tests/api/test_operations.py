import re

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from thumbnet.api import operations
from thumbnet.api.state import State


def test_metrics_are_text_for_prometheus(client: FlaskClient) -> None:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert "# TYPE thumbnet_predictions_total counter" in answer.get_data(as_text=True)


def test_a_server_that_is_about_to_stop_is_alive_but_not_ready(app: APIFlask) -> None:
    client = app.test_client()
    state: State = app.extensions["thumbnet"]
    state.draining = lambda: True
    for path in ("/readyz", "/v2/health/ready", "/v2/models/cifar10/ready"):
        answer = client.get(path)
        assert (answer.status_code, answer.json["code"]) == (503, "service_unavailable")
        assert "about to stop" in answer.json["detail"]
        assert answer.headers["Retry-After"] == "1"
    assert client.get("/livez").status_code == 200
    assert client.get("/v2/health/live").status_code == 200


def test_what_is_already_accepted_is_answered_while_the_server_stops(app: APIFlask, png: bytes) -> None:
    state: State = app.extensions["thumbnet"]
    state.draining = lambda: True
    assert app.test_client().post("/v1/predict", data=png, content_type="image/png").status_code == 200


def test_the_page_about_the_interface_needs_nothing_but_this_server(client: FlaskClient) -> None:
    page = client.get("/docs")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    links = re.findall(r'(?:src|href)="([^"]+)"', page.get_data(as_text=True))
    assert len(links) == 4
    for link in links:
        answer = client.get(f"/{link}")
        assert answer.status_code == 200, link
        assert answer.headers["Content-Type"].split(";")[0] in ("text/css", "text/javascript", "image/png")
        answer.close()
    assert "<script>" not in page.get_data(as_text=True)  # its policy allows none


def test_what_that_page_needs_is_in_memory_once_and_sent_once(client: FlaskClient) -> None:
    name = "swagger-ui-bundle.js"
    assert operations.swagger_file(name) is operations.swagger_file(name)
    first = client.get(f"/docs/{name}")
    assert first.data == operations.swagger_file(name)
    again = client.get(f"/docs/{name}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert first.headers["Cache-Control"] == "public, max-age=86400"


@pytest.mark.parametrize("name", ["index.html", "swagger-ui.js", "oauth2-redirect.html", "..", "%2e%2e%2fLICENSE"])
def test_nothing_else_is_served_beside_that_page(client: FlaskClient, name: str) -> None:
    assert client.get(f"/docs/{name}").status_code == 404
