import threading
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from thumbnet.api import Settings, rate_limit
from thumbnet.api.metrics import Metrics
from thumbnet.api.problems import register_problems
from thumbnet.api.rate_limit import FILE, FILE_BYTES, RateLimiter, network, register_rate_limit
from thumbnet.api.security import register_security
from thumbnet.api.state import State


class Clock:
    """Stands still unless it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def allowed(limiter: RateLimiter, client: bytes, requests: int) -> int:
    return sum(not limiter.take(client).wait for _ in range(requests))


def test_a_burst_is_twice_the_rate_and_then_the_rate_holds(clock: Clock) -> None:
    limiter = RateLimiter(5, clock=clock)
    assert allowed(limiter, b"a", 50) == 10
    for _ in range(20):
        clock.now += 1
        assert allowed(limiter, b"a", 50) == 5


def test_who_waits_as_long_as_told_is_let_in(clock: Clock) -> None:
    limiter = RateLimiter(0.3, clock=clock)
    assert limiter.take(b"a").wait == 0
    turn = limiter.take(b"a")
    assert turn.wait == pytest.approx(1 / 0.3)
    clock.now += turn.wait / 2
    assert limiter.take(b"a").wait == pytest.approx(turn.wait / 2)
    clock.now += turn.wait / 2
    assert limiter.take(b"a").wait == 0


def test_a_client_is_told_what_it_has_left(clock: Clock) -> None:
    limiter = RateLimiter(2, clock=clock)
    turns = [limiter.take(b"a") for _ in range(5)]
    assert [turn.left for turn in turns] == [3, 2, 1, 0, 0]
    assert [turn.reset for turn in turns] == [0.5, 1.0, 1.5, 2.0, 2.0]


def test_clients_do_not_share_a_limit(clock: Clock) -> None:
    limiter = RateLimiter(1, clock=clock)
    assert [allowed(limiter, client.to_bytes(4), 5) for client in range(2000)] == [2] * 2000


def test_processes_that_share_a_file_share_the_limit_exactly(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "rates"
    limiters = [RateLimiter(50, path, clock) for _ in range(2)]
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda limiter=limiter: counts.append(allowed(limiter, b"a", 60)))
        for limiter in limiters * 2
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 100
    assert path.stat().st_size == FILE_BYTES
    assert allowed(RateLimiter(50, path, clock), b"a", 5) == 0


def test_a_crowd_makes_it_forget_but_refuses_no_newcomer(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(rate_limit, "SLOTS", 16)
    limiter = RateLimiter(1, clock=clock)
    for number in range(500):
        clock.now += 0.01
        assert limiter.take(number.to_bytes(4)).wait == 0
    assert allowed(limiter, (499).to_bytes(4), 5) == 1


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", network("2001:db8:1:2::")),
        ("fe80::1%eth0", network("fe80::2")),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("[2001:db8:1:2::1]:4711", network("2001:db8:1:2::")),
        ("[2001:db8:1:2::1]", network("2001:db8:1:2::")),
        ("somewhere", "somewhere"),
        ("", ""),
    ],
)
def test_ipv6_is_counted_by_its_network(address: str, expected: str) -> None:
    assert network(address) == expected
    assert network("2001:db8:1:2::") != network("2001:db8:1:3::")


def limited(clock: Clock, *keys: str, rate: float = 1) -> FlaskClient:
    """An application with this limit, one view, and health."""
    settings = Settings(rate_limit=rate, api_keys=keys)
    app = APIFlask(__name__, json_errors=False)
    app.extensions["thumbnet"] = State(settings, None, Metrics())  # type: ignore[arg-type]  # nobody predicts
    register_problems(app)
    register_rate_limit(app, settings, clock)
    register_security(app, settings)
    for rule in ("/v1/model", "/livez"):
        app.add_url_rule(rule, rule, lambda: "")
    return app.test_client()


def statuses(client: FlaskClient, requests: int, key: str = "", address: str = "192.0.2.1") -> list[int]:
    headers = {"X-API-Key": key} if key else {}
    environment = {"REMOTE_ADDR": address}
    return [client.get("/v1/model", headers=headers, environ_base=environment).status_code for _ in range(requests)]


def test_over_the_limit_it_says_when_to_come_again(clock: Clock) -> None:
    client = limited(clock, rate=0.1)
    first, second = client.get("/v1/model"), client.get("/v1/model")
    assert (first.status_code, second.status_code) == (200, 429)
    assert first.headers["RateLimit-Policy"] == second.headers["RateLimit-Policy"] == '"client";q=1;w=10'
    assert first.headers["RateLimit"] == second.headers["RateLimit"] == '"client";r=0;t=10'
    assert second.headers["Retry-After"] == "10"
    assert second.json is not None
    assert second.json["code"] == "too_many_requests"
    assert "Wait 10 s" in second.json["detail"]
    page = client.application.extensions["thumbnet"].metrics.text()[0].decode()
    assert 'thumbnet_requests_rejected_total{reason="rate_limit"} 1.0' in page


def test_addresses_are_limited_one_by_one(clock: Clock) -> None:
    client = limited(clock)
    assert statuses(client, 3) == [200, 200, 429]
    assert statuses(client, 3, address="192.0.2.2") == [200, 200, 429]
    assert statuses(client, 3, address="2001:db8::1") == [200, 200, 429]
    assert statuses(client, 1, address="2001:db8::2") == [429]


def test_keys_are_limited_one_by_one_wherever_they_come_from(clock: Clock) -> None:
    client = limited(clock, "one", "two")
    assert statuses(client, 3, "one") == [200, 200, 429]
    assert statuses(client, 1, "one", address="192.0.2.2") == [429]
    assert statuses(client, 3, "two") == [200, 200, 429]


def test_keys_cannot_be_guessed_faster_than_the_limit(clock: Clock) -> None:
    client = limited(clock, "secret")
    assert [statuses(client, 1, f"guess{number}") for number in range(4)] == [[401], [401], [429], [429]]
    assert statuses(client, 1, "secret") == [200]


def test_health_is_never_limited(clock: Clock) -> None:
    client = limited(clock)
    assert statuses(client, 3) == [200, 200, 429]
    answers = [client.get("/livez") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}
    assert not any("RateLimit" in answer.headers for answer in answers)


def test_without_a_setting_there_is_no_limit(clock: Clock) -> None:
    assert statuses(limited(clock, rate=0), 50) == [200] * 50


def test_applications_share_the_file_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setenv(FILE, str(tmp_path / "rates"))
    assert [statuses(limited(clock), 1) for _ in range(3)] == [[200], [200], [429]]
