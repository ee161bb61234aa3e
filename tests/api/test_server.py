import json
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from thumbnet.api import Settings, server
from thumbnet.model import Classifier, InvalidArgument, WeightsError


@pytest.mark.parametrize(
    ("processors", "workers", "threads", "expected"),
    [
        (1, None, None, (1, 1)),
        (2, None, None, (2, 1)),
        (4, None, None, (4, 1)),
        (9, None, None, (4, 2)),
        (64, None, None, (4, 16)),
        (8, 2, None, (2, 4)),
        (8, None, 3, (2, 3)),
        (1, None, 8, (1, 8)),
        (2, 3, None, (3, 1)),
        (2, 5, 6, (5, 6)),
    ],
)
def test_workers_and_threads_share_the_processors_unless_told_otherwise(
    processors: int, workers: int | None, threads: int | None, expected: tuple[int, int]
) -> None:
    shared = server.share_processors(Settings(workers=workers, threads=threads), processors)
    assert (shared.workers, shared.threads) == expected


@pytest.mark.parametrize(
    ("quota", "expected"), [("150000 100000", 1), ("50000 100000", 1), ("max 100000", None), ("nonsense", None)]
)
def test_the_quota_of_a_container_limits_the_processors(tmp_path: Path, quota: str, expected: int | None) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    everything = server.available_processors(tmp_path / "missing")
    assert everything >= 1
    assert server.available_processors(tmp_path / "cpu.max") == (expected or everything)


def test_a_port_in_use_is_refused_although_it_could_be_shared() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InvalidArgument, match=r"cannot listen on 127\.0\.0\.1, port .*Choose another port"):
            server.serve(Settings(port=taken.getsockname()[1]))


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"cannot listen on 192\.0\.2\.1"):
        server.usable_address("192.0.2.1", 8000)


def test_a_host_may_be_a_name(find_free_port: Callable[[], int]) -> None:
    assert server.usable_address("localhost", find_free_port()) in ("127.0.0.1", "::1")


def test_missing_weights_stop_the_server_before_it_starts() -> None:
    with pytest.raises(WeightsError, match="Did you mean 'cifar10'"):
        server.serve(Settings(weights="cifar11"))


def test_serve_starts_workers_with_these_settings(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    started: dict[str, Any] = {}

    class Recorder:
        def __init__(self, target: str, **options: Any) -> None:
            started.update(options)

        def on_startup(self, hook: Any) -> None:
            started["hook"] = hook

        def serve(self, target_loader: Any, wrap_loader: bool) -> None:
            started["loader"] = target_loader

    monkeypatch.setattr(server, "Granian", Recorder)
    monkeypatch.setattr(server, "usable_address", lambda host, _: host)
    caplog.set_level("INFO")
    server.serve(Settings(weights="mnist", host="::1", port=8001, workers=2, threads=3))
    assert (started["address"], started["port"], started["workers"]) == ("::1", 8001, 2)
    assert started["interface"] == "wsgi"
    assert started["loader"].args == (Settings(weights="mnist", host="::1", port=8001, workers=2, threads=3),)
    started["hook"]()
    assert "mnist on http://[::1]:8001 (2 workers × 3 threads)" in caplog.text


def test_the_real_server_answers_like_the_classifier_and_stops_when_told(
    serve: Any, classifier: Classifier, jpeg: bytes
) -> None:
    expected = classifier.predict(jpeg).to_dict()["scores"]
    with serve(workers=2) as (url, process):
        for _ in range(4):  # whichever worker answers
            request = urllib.request.Request(f"{url}/v1/predict", jpeg, {"Content-Type": "image/jpeg"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert json.load(answer)["predictions"][0]["scores"] == expected
        process.terminate()
        assert process.wait(timeout=30) == 0
