"""Day 5: every step runs and answers as the page says; the measured parts are run in a tiny form."""

from __future__ import annotations

import base64
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

from thumbnet import Classifier

from .conftest import COURSE, Load

CAT = (COURSE.parents[1] / "demo" / "examples" / "cat.png").read_bytes()


def test_ten_lines_classify_a_picture(load: Load, cifar10: Classifier) -> None:
    answer = load("step1").app.test_client().post("/predict", data=CAT)
    assert answer.json["scores"] == cifar10.predict(CAT).to_dict()["scores"]


@pytest.mark.parametrize(
    ("step", "path", "body", "kind", "status"),
    [
        ("step2", "/predict", b"no image", "image/png", 422),
        ("step2", "/nowhere", CAT, "image/png", 404),
        ("step3", "/v1/predict", b"", "image/png", 422),
        ("step4", "/v1/predict?top_k=11", CAT, "image/png", 422),
        ("step4", "/v1/predict", CAT, "text/plain", 415),
        ("step4", "/v1/predict", b"a" * 2_097_153, "image/png", 413),
        ("step5", "/v1/predict", b"{}", "application/json", 400),
        ("step7", "/v1/predict?top_k=0", CAT, "image/png", 422),
    ],
)
def test_a_mistake_is_answered_with_its_status_as_a_problem(
    load: Load, cifar10: Classifier, step: str, path: str, body: bytes, kind: str, status: int
) -> None:
    module = load(step)
    app = module.app if step == "step2" else module.create_app(cifar10)
    answer = app.test_client().post(path, data=body, content_type=kind)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert answer.get_json(force=True)["status"] == status


def test_an_error_keeps_the_headers_that_its_status_asks_for(load: Load, cifar10: Classifier) -> None:
    class FullRoom:
        def predict(self, pixels: Any) -> None:
            raise step.ServiceUnavailable("all places are taken; come again.", retry_after=1)

    step = load("step7")
    app = step.create_app(cifar10)
    assert "POST" in app.test_client().get("/v1/predict").headers["Allow"]
    app.extensions["room"] = FullRoom()
    answer = app.test_client().post("/v1/predict", data=CAT, content_type="image/png")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.content_type == "application/problem+json"


def test_importing_a_later_step_loads_no_network(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Classifier, "load", lambda *_, **__: pytest.fail("a network was loaded"))
    for step in ("step3", "step4", "step5", "step7"):
        load(step)


def test_our_own_mistake_tells_the_caller_nothing(load: Load) -> None:
    class Broken:
        def predict(self, image: bytes) -> None:
            raise RuntimeError("a secret")

    answer = load("step3").create_app(Broken()).test_client().post("/v1/predict", data=CAT)
    assert answer.status_code == 500
    assert b"secret" not in answer.data


@pytest.mark.parametrize("step", ["step5", "step7"])
def test_later_steps_give_the_classifiers_answer(load: Load, cifar10: Classifier, step: str) -> None:
    client = load(step).create_app(cifar10).test_client()
    answer = client.post("/v1/predict?top_k=2", data=CAT, content_type="image/png")
    assert answer.json["predictions"][0]["scores"] == cifar10.predict(CAT, top_k=2).to_dict()["scores"]


def test_json_and_bytes_are_the_same_request(load: Load, cifar10: Classifier) -> None:
    client = load("step5").create_app(cifar10).test_client()
    answer = client.post("/v1/predict", json={"inputs": [base64.b64encode(CAT).decode()] * 2})
    assert [each["label"] for each in answer.json["predictions"]] == ["cat", "cat"]


def test_the_tests_of_the_page_pass(load: Load, cifar10: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(COURSE.parents[1])
    module = load("test_app")
    tests = [test for name, test in vars(module).items() if name.startswith("test_")]
    assert len(tests) == 3
    for test in tests:
        test(module.create_app(cifar10).test_client())


def test_bytes_on_a_socket_are_a_request(load: Load, cifar10: Classifier) -> None:
    wire = load("wire")
    with wire.serving(load("step4").create_app(cifar10)) as port:
        status, headers, body = wire.parse(wire.exchange(port, wire.post("/v1/predict", CAT, "image/png")))
    assert (status, headers["content-type"]) == (200, "application/json")
    assert int(headers["content-length"]) == len(body)


def test_the_recorded_conversation_is_what_the_code_says(folder: Path) -> None:
    recorded = (folder / "wire.txt").read_text("utf-8")
    assert "HTTP/1.1 200 OK" in recorded
    assert "HTTP/1.1 422 " in recorded
    assert "application/problem+json" in recorded


def test_python_and_a_browser_call_the_app(load: Load, cifar10: Classifier, folder: Path, chromium: str | None) -> None:
    call = """async ([source, image]) => {
        const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
        const { classify } = await import(url);
        return classify(location.origin, new Uint8Array(image));
    }"""
    source = (folder / "client.js").read_text("utf-8")
    with load("wire").serving(load("step5").create_app(cifar10)) as port, sync_playwright() as playwright:
        url = f"http://127.0.0.1:{port}"
        classify = load("client").classify
        assert classify(url, CAT) == "cat"
        assert classify(url, b"hello").startswith("the bytes are not an image")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(f"{url}/v1/model")
        assert page.evaluate(call, [source, list(CAT)]) == "cat"
        browser.close()


def test_damaged_requests_never_fail_on_our_side(load: Load, cifar10: Classifier) -> None:
    found = load("fuzz").fuzz(load("step5").create_app(cifar10), 100, seed=3)
    assert sum(found.values()) == 100
    assert max(found) < 500


def test_what_waits_is_computed_together(load: Load) -> None:
    sizes = load("step7").timeline(12, 50, 8)
    assert sum(sizes) == 12
    assert max(sizes) <= 8
    assert len(sizes) < 12


def test_a_full_room_and_a_late_turn_are_refused_and_an_error_reaches_its_caller(load: Load) -> None:
    step = load("step7")
    go, entered = threading.Event(), threading.Event()

    def compute(images: list[Any]) -> list[Any]:
        entered.set()
        assert go.wait(20)
        if "bad" in images:
            raise ValueError("bad")
        return images

    room = step.WaitingRoom(compute, places=1, batch=1)
    answers: list[Any] = []
    first = threading.Thread(target=lambda: answers.append(room.predict("first", 20.0)))
    first.start()
    assert entered.wait(20)
    with pytest.raises(step.ServiceUnavailable, match="no turn"):
        room.predict("late", 0.01)
    with pytest.raises(step.ServiceUnavailable, match="all places"):
        room.predict("one too many", 0.01)
    go.set()
    first.join()
    assert answers == ["first"]
    fresh = step.WaitingRoom(compute)
    with pytest.raises(ValueError, match="bad"):
        fresh.predict("bad", 20.0)


def test_a_measurement_has_what_the_page_shows(load: Load, cifar10: Classifier, results: Any) -> None:
    measure = load("measure")
    with load("wire").serving(load("step5").create_app(cifar10)) as port:
        found = load("load").load(port, 2, 0.3)
    assert set(found["statuses"]) == {"200"}
    for name in measure.SERVERS:
        assert all(set(row) == set(found) for row in results["servers"][name].values())
    assert load("threads").measure(times=1).keys() == results["threads"].keys()
    assert results["fuzz"].keys() <= {"200", "400", "413", "415", "422"}


@pytest.mark.parametrize("name", ["threads", "callers", "batches"])
def test_a_committed_figure_is_what_its_code_draws(load: Load, folder: Path, name: str, tmp_path: Path) -> None:
    figures = load("figures")
    for path in load("style").draw(tmp_path, name, *figures.FIGURES[name]):
        assert path.read_text("utf-8") == (folder / "images" / path.name).read_text("utf-8")


def test_parse_request(load: Load) -> None:
    parse, request = load("parse_request").parse_request, load("wire").post("/a", b"12345", "text/plain")
    assert parse(request)[:2] == ("POST", "/a")
    assert parse(request + b"more")[3] == b"12345"
    with pytest.raises(ValueError, match="3 of 5"):
        parse(request[:-2])


def test_statuses(load: Load) -> None:
    solution = load("statuses")
    assert solution.ask() == {name: case[-1] for name, case in solution.CASES.items()}


def test_retry(load: Load) -> None:
    retry = load("retry").with_retries
    answers = iter([(503, 1.0), (503, 0.0), (200, 0.0)])
    slept: list[float] = []
    assert retry(lambda: next(answers), slept.append) == (200, slept)
    assert 1.0 < slept[0] <= 1.1
    assert 0 <= slept[1] <= 0.2
    assert retry(lambda: (422, 0.0), slept.append) == (422, [])
    assert len(retry(lambda: (503, 0.0), slept.append)[1]) == 4


def test_negotiate(load: Load, cifar10: Classifier) -> None:
    client = load("negotiate").create_app(cifar10).test_client()
    answers = {
        kind: client.post("/v1/predict", data=CAT, content_type="image/png", headers={"Accept": kind})
        for kind in ("text/plain", "application/json", "image/png")
    }
    assert answers["text/plain"].data == b"cat"
    assert answers["application/json"].json["label"] == "cat"
    assert answers["image/png"].status_code == 406
    assert answers["text/plain"].headers["Vary"] == "Accept"


def test_not_modified(load: Load, cifar10: Classifier) -> None:
    client = load("not_modified").create_app(cifar10).test_client()
    first = client.get("/v1/model")
    again = client.get("/v1/model", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, again.data) == (200, 304, b"")


def test_token_bucket(load: Load) -> None:
    now = [0.0]
    bucket = load("token_bucket").TokenBucket(rate=2, burst=3, clock=lambda: now[0])
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 0.5]
    now[0] = 0.5
    assert [bucket.take(), bucket.take()] == pytest.approx([0, 0.5])


def test_littles_law(load: Load, results: Any) -> None:
    by_law = load("littles_law").callers_by_the_law
    assert by_law({"per_second": 100, "p50_ms": 80}) == 8
    for rows in (results["servers"][name] for name in load("measure").SERVERS):
        assert np.isfinite([by_law(row) for row in rows.values()]).all()
