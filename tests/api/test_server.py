"""The production server: its settings, its start, its end, and what it survives."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from uvicorn import Config

from thumbnet.api import Settings, server
from thumbnet.api.sharing import Shares
from thumbnet.model import Classifier, InvalidArgument, WeightsError
from thumbnet.model.weights import SHIPPED_ROOT, read_config, write_config


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
    assert server.available_processors(tmp_path) == (expected or everything)


@pytest.mark.parametrize(("quota", "expected"), [("150000", 1), ("-1", None)])
def test_so_does_that_of_an_older_kernel(tmp_path: Path, quota: str, expected: int | None) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert server.available_processors(tmp_path) == (expected or server.available_processors(tmp_path / "missing"))


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
        server.serve(Settings(weights=("cifar11",)))


def test_two_models_of_one_name_stop_the_server_before_it_starts() -> None:
    with pytest.raises(InvalidArgument, match="two models are named 'mnist'"):
        server.serve(Settings(weights=("mnist", "cifar10", "mnist")))


@pytest.mark.parametrize("name", ["a/b", ".", ".."])
def test_a_model_that_no_url_could_name_stops_the_server_before_it_starts(name: str, tmp_path: Path) -> None:
    folder = shutil.copytree(SHIPPED_ROOT / "mnist", tmp_path / "weights")
    write_config(folder, replace(read_config(folder), name=name))
    with pytest.raises(InvalidArgument, match="cannot be part of a URL"):
        server.serve(Settings(weights=(str(folder),)))


def test_a_machine_without_room_for_temporary_files_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: Any, **__: Any) -> None:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.TemporaryDirectory", nowhere)
    with pytest.raises(InvalidArgument, match=r"No usable temporary directory found.*Set TMPDIR"):
        server.serve(Settings(weights=("mnist",)))


def test_a_disk_without_room_for_the_weights_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(InvalidArgument, match=r"No space left on device.*Set TMPDIR"):
        server.serve(Settings(weights=("mnist",)))


def test_a_server_that_stops_before_it_listens_turns_nobody_away() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server.turn_away(listener)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can")
def test_before_a_server_stops_to_listen_who_has_connected_is_answered_and_nobody_else_begins() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with socket.create_connection(address) as early:
            server.ignore_newcomers(listener)
            with pytest.raises(TimeoutError):
                socket.create_connection(address, timeout=0.2)
            connection, _ = listener.accept()
            with connection:
                early.sendall(b"question")
                assert connection.recv(100) == b"question"
                connection.sendall(b"answer")
            assert early.recv(100) == b"answer"


def test_a_system_without_socket_filters_stops_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SO_ATTACH_FILTER", 9999)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.turn_away(listener)
        assert listener.fileno() == -1


def test_who_sends_byte_by_byte_does_not_keep_a_server_from_stopping() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        clients = [socket.create_connection(listener.getsockname()) for _ in range(50)]
        started = time.monotonic()
        stopping = pool.submit(server.turn_away, listener)
        while not stopping.done() and time.monotonic() - started < 10:
            for client in clients:
                with suppress(OSError):
                    client.sendall(b"x")
            time.sleep(0.1)
        stopping.result(timeout=10)
        assert time.monotonic() - started < 3
        for client in clients:
            client.close()


def test_serve_starts_workers_with_these_settings(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, find_free_port: Callable[[], int]
) -> None:
    started: dict[str, Any] = {}

    class Recorder:
        failed = False

        def __init__(self, config: Config, sockets: list[socket.socket], draining: Any, drain: float) -> None:
            started.update(config=config, address=sockets[0].getsockname(), drain=drain)

        def run(self) -> None:
            started["shared"] = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).is_dir()

    monkeypatch.setattr(server, "Supervisor", Recorder)
    monkeypatch.setattr(server, "LOGGING", {"version": 1, "disable_existing_loggers": False})
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    monkeypatch.setenv("THUMBNET_RATE_FILE", "")
    caplog.set_level("INFO")
    port = find_free_port()
    settings = Settings(weights=("mnist",), port=port, workers=2, threads=3, drain=0.5)
    server.serve(settings)
    assert started["address"] == ("127.0.0.1", port)
    assert (started["config"].workers, started["drain"]) == (2, 0.5)
    kept = started["config"].app.args[0]
    assert kept == replace(settings, weights=kept.weights)
    assert started["shared"]
    assert not Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).exists()
    assert f"mnist on http://127.0.0.1:{port} (2 workers × 3 threads, no API keys)" in caplog.text


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


def ask(url: str, data: bytes, seconds: float = 30) -> int:
    """The status of a prediction, on a connection of its own; 0 where there is no connection."""
    request = urllib.request.Request(f"{url}/v1/predict", data, {"Content-Type": "image/jpeg"})
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except urllib.error.URLError as error:
        if isinstance(error.reason, ConnectionRefusedError):
            return 0
        raise


def readiness(url: str) -> int:
    """The status of /readyz."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


class Load:
    """Some clients that ask one after another until they are stopped."""

    def __init__(self, url: str, data: bytes, clients: int = 4) -> None:
        self.statuses: list[int] = []
        self.failures: list[Exception] = []
        self._url, self._data = url, data
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                status = ask(self._url, self._data)
            except OSError as error:
                self.failures.append(error)
                continue
            self.statuses.append(status)
            if status == 0:
                return

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_sigterm_drains_under_load_and_no_accepted_request_fails(serve: Any, jpeg: bytes) -> None:
    with serve(workers=2) as (url, process), Load(url, jpeg) as load:
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        told = time.monotonic()
        while readiness(url) != 503:
            time.sleep(0.02)
        assert time.monotonic() - told <= 1
        assert process.wait(timeout=30) == 0
        assert time.monotonic() - told <= 5
    assert not load.failures
    assert set(load.statuses) <= {0, 200, 503}
    assert load.statuses.count(200) > 10


def test_a_signal_to_every_process_lets_no_accepted_request_fail(serve: Any, jpeg: bytes) -> None:
    """As systemd ends a service. Other signals to the group of the supervisor do not reach its workers."""
    with serve(workers=2) as (url, process), Load(url, jpeg) as load:
        time.sleep(1)
        workers = workers_of(process)
        assert not {os.getpgid(worker) for worker in workers} & {os.getpgid(process.pid)}
        for each in (process.pid, *workers):
            os.kill(each, signal.SIGTERM)
        told = time.monotonic()
        assert process.wait(timeout=30) == 0
        assert time.monotonic() - told <= 5
    assert not load.failures
    assert set(load.statuses) <= {0, 200, 503}


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no such signal")
@pytest.mark.parametrize("handed_down", [signal.SIG_DFL, signal.SIG_IGN], ids=["", "nohup"])
def test_a_server_ends_with_its_terminal_unless_it_was_told_not_to(serve: Any, handed_down: signal.Handlers) -> None:
    before = signal.signal(signal.SIGHUP, handed_down)
    try:
        with serve(workers=1, drain=0) as (url, process):
            process.send_signal(signal.SIGTTIN)
            process.send_signal(signal.SIGHUP)
            if handed_down == signal.SIG_DFL:
                assert process.wait(timeout=15) == 0
            else:
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(timeout=2)
                assert readiness(url) == 200
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_worker_that_cannot_begin_says_so_in_a_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Settings) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "setpgid", lambda *_: None)
    monkeypatch.setattr(sys, "setswitchinterval", lambda _: None)
    monkeypatch.setattr(server, "create_app", broken)
    monkeypatch.setattr("warnings.filterwarnings", lambda *_, **__: None)
    with pytest.raises(SystemExit) as ended:
        server.build_gateway(Settings(), None, Shares(1))
    assert ended.value.code == 1
    (record,) = [record for record in caplog.records if record.name == server.logger.name]
    assert (record.getMessage(), record.exc_info is not None) == ("this worker cannot begin", True)


def test_a_server_whose_workers_cannot_start_ends_with_a_failure(
    monkeypatch: pytest.MonkeyPatch, find_free_port: Callable[[], int]
) -> None:
    class Failing:
        failed = True

        def __init__(self, *_: Any) -> None:
            pass

        def run(self) -> None:
            pass

    monkeypatch.setattr(server, "Supervisor", Failing)
    monkeypatch.setattr(server, "LOGGING", {"version": 1, "disable_existing_loggers": False})
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    monkeypatch.setenv("THUMBNET_RATE_FILE", "")
    with pytest.raises(SystemExit) as ended:
        server.serve(Settings(weights=("mnist",), port=find_free_port()))
    assert ended.value.code != 0


def test_a_worker_that_hangs_does_not_keep_the_server_from_ending(serve: Any) -> None:
    with serve(workers=2) as (_, process):
        os.kill(workers_of(process)[0], signal.SIGSTOP)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) == 0


def test_what_a_killed_server_has_left_is_removed_by_the_next(
    serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    (tmp_path / "thumbnet-of-somebody").mkdir()
    with serve(weights="mnist") as (_, process):
        process.kill()
        process.wait()
        (left,) = set(tmp_path.iterdir()) - {tmp_path / "thumbnet-of-somebody"}
    with serve(weights="mnist"), serve(weights="mnist"):
        found = {path.name for path in tmp_path.glob("thumbnet-*")}
        assert left.name not in found
        assert len(found) == 3
    assert [path.name for path in tmp_path.glob("thumbnet-*")] == ["thumbnet-of-somebody"]


def test_a_folder_that_only_looks_like_one_of_ours_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "thumbnet-x"
    assert not server.is_abandoned(folder)
    folder.mkdir()
    assert not server.is_abandoned(folder)
    (folder / server.LOCK).touch()
    assert server.is_abandoned(folder)
    (tmp_path / "thumbnet-link").symlink_to(folder)
    assert not server.is_abandoned(tmp_path / "thumbnet-link")


def test_what_takes_longer_than_the_server_has_left_is_told_to_come_again(serve: Any) -> None:
    buffer = io.BytesIO()
    Image.new("L", (3990, 3990)).save(buffer, "JPEG", progressive=True)  # half a second each, and not shrunk
    boundary = b"--b\r\nContent-Disposition: form-data; name=image; filename=a.jpg\r\n\r\n%b\r\n" % buffer.getvalue()
    kind = {"Content-Type": "multipart/form-data; boundary=b"}

    def ask_for_many() -> int:
        request = urllib.request.Request(f"{url}/v1/predict", boundary * 32 + b"--b--\r\n", kind)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    with serve() as (url, process), ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask_for_many) for _ in range(4)]
        while not waiting(url):
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        statuses = {each.result() for each in asked}
        assert process.wait(timeout=30) == 0
    assert 503 in statuses
    assert statuses <= {200, 503}


def waiting(url: str) -> float:
    """The requests that a server holds."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as page:
        series = {line.split(b" ")[0]: float(line.split(b" ")[1]) for line in page if not line.startswith(b"#")}
    return series[b"thumbnet_requests_waiting"]


def workers_of(process: Any) -> list[int]:
    """The workers of a server: its children that answer to SIGTERM, without multiprocessing's resource tracker."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in command_of(child)]


def command_of(process: str) -> bytes:
    """Its command line; empty where it has ended meanwhile."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def sockets_of(process: int) -> int:
    """The sockets that a process has open."""
    sockets = 0
    for link in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            sockets += str(link.readlink()).startswith("socket:")
    return sockets


def test_clients_that_stay_find_every_worker(serve: Any) -> None:
    with serve(workers=2) as (url, process):
        workers = workers_of(process)
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        deadline = time.monotonic() + 30
        shares = [0, 0]
        while min(shares) < 4:  # as soon as both have loaded their models
            assert time.monotonic() < deadline, f"accepted: {shares}"
            before = [sockets_of(worker) for worker in workers]
            clients = [socket.create_connection(address) for _ in range(16)]
            time.sleep(0.3)
            shares = [sockets_of(worker) - most for worker, most in zip(workers, before, strict=True)]
            for client in clients:
                client.close()
            time.sleep(0.1)
        assert sum(shares) == 16


def test_a_killed_worker_is_replaced_and_the_others_go_on(serve: Any, jpeg: bytes) -> None:
    with serve(workers=2) as (url, process):
        victim, other = workers_of(process)
        with Load(url, jpeg, clients=2) as load:
            os.kill(victim, signal.SIGKILL)
            killed = time.monotonic()
            while len([worker for worker in workers_of(process) if worker != victim]) < 2:
                assert time.monotonic() - killed < 30, "never replaced"
                time.sleep(0.05)
            time.sleep(2)
        assert other in workers_of(process)
        assert len(load.failures) <= 2, "only what the killed worker held"
        assert set(load.statuses) == {200}
        assert ask(url, jpeg) == 200


def test_a_worker_that_begins_later_serves_what_the_server_was_started_with(
    serve: Any, jpeg: bytes, tmp_path: Path
) -> None:
    folder = shutil.copytree(SHIPPED_ROOT / "mnist", tmp_path / "weights")
    keys = tmp_path / "keys"
    keys.write_text("old\n")
    with serve(workers=1, weights=folder, api_keys_file=keys) as (url, process):
        (victim,) = workers_of(process)
        shutil.rmtree(folder)
        keys.write_text("new\n")
        os.kill(victim, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while victim in workers_of(process) or readiness(url) != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        asked = urllib.request.Request(f"{url}/v1/predict", jpeg, {"Content-Type": "image/jpeg", "X-API-Key": "old"})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            assert json.load(answer)["model"]["name"] == "mnist"
        assert ask(url, jpeg) == 401


def test_workers_do_not_outlive_their_supervisor(serve: Any) -> None:
    with serve(workers=2) as (_, process):
        workers = workers_of(process)
        assert len(workers) == 2
        process.kill()
        process.wait()
        deadline = time.monotonic() + 15
        while any(Path(f"/proc/{worker}/stat").exists() for worker in workers):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_healthy_clients_are_answered_while_two_hundred_slow_clients_are_connected(server: str, jpeg: bytes) -> None:
    address = urlsplit(server)
    head = b"POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\nabc"
    slow = [socket.create_connection((address.hostname, address.port)) for _ in range(200)]
    try:
        for number, connection in enumerate(slow):
            connection.sendall(head if number % 2 else head[:40])
        assert [ask(server, jpeg, seconds=5) for _ in range(20)] == [200] * 20
    finally:
        for connection in slow:
            connection.close()
