import threading
import time
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from thumbnet.api import Settings, create_app
from thumbnet.model import Classifier


def wait_for(client: FlaskClient, wanted: str, seconds: float = 60) -> None:
    """Poll /readyz until its answer contains the wanted text."""
    deadline = time.monotonic() + seconds
    while wanted not in (received := client.get("/readyz").get_data(as_text=True)):
        assert time.monotonic() < deadline, received
        time.sleep(0.02)


def test_a_given_classifier_is_ready_at_once(client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ready"})


def test_while_the_model_loads_the_server_lives_but_is_not_ready(
    monkeypatch: pytest.MonkeyPatch, classifier: Classifier, png: bytes
) -> None:
    may_finish, checked = threading.Event(), threading.Event()

    class Slow(Classifier):
        def check(self) -> None:
            assert may_finish.wait(60)
            super().check()
            checked.set()

    monkeypatch.setattr(Classifier, "load", lambda *_, **__: Slow(classifier.config, classifier))
    client = create_app(Settings(weights=("cifar10",), deadline=0.01)).test_client()
    try:
        assert client.get("/livez").json == {"status": "alive"}
        for answer in (
            client.get("/readyz"),
            client.get("/v2/health/ready"),
            client.get("/v2/models/cifar10/ready"),
            client.get("/v1/model"),
            client.get("/v1/models"),
            client.post("/v1/predict", data=png),
            client.post("/models/cifar10", data=png),
        ):
            assert answer.status_code == 503
            assert "still loading" in answer.json["detail"]
            assert answer.headers["Retry-After"] == "1"
    finally:
        may_finish.set()
    wait_for(client, "ready")
    assert checked.is_set()  # ready means warm, and right


def test_a_prediction_waits_for_a_model_that_is_just_loading(png: bytes, classifier: Classifier) -> None:
    client = create_app(Settings(weights=("cifar10",), threads=1)).test_client()
    answer = client.post("/v1/predict", data=png, content_type="image/png")
    assert answer.status_code == 200
    assert answer.json["predictions"][0]["scores"] == classifier.predict(png).to_dict()["scores"]


def test_a_missing_model_is_told_and_logged(caplog: pytest.LogCaptureFixture, png: bytes) -> None:
    client = create_app(Settings(weights=("cifar11",))).test_client()
    wait_for(client, "Did you mean 'cifar10'?")
    assert client.get("/readyz").status_code == 503
    assert client.post("/v1/predict", data=png, content_type="image/png").status_code == 503
    assert client.get("/livez").status_code == 200
    assert "Did you mean 'cifar10'?" in caplog.text


def test_a_model_that_fails_in_an_unknown_way_is_told_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(Classifier, "load", fail)
    client = create_app(Settings()).test_client()
    wait_for(client, "ZeroDivisionError")
    assert "secret" not in client.get("/readyz").json["detail"]
    assert "secret" in caplog.text


def test_settings_come_from_the_environment_where_none_are_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("THUMBNET_WEIGHTS", str(tmp_path))
    client = create_app().test_client()
    wait_for(client, "is not a weights folder")
