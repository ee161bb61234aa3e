import logging
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from thumbnet.api import Settings
from thumbnet.api.logs import register_access_log
from thumbnet.api.metrics import Metrics
from thumbnet.api.problems import register_problems
from thumbnet.api.security import register_security
from thumbnet.api.state import State
from thumbnet.model import InvalidArgument

KEYS = ("correct horse", "schlüssel", "k" * 500)
ORIGIN = "https://example.org"
OPEN = ["/livez", "/readyz", "/openapi.json", "/docs", "/docs/app.js", "/v2/health/live", "/v2/health/ready"]


@cache
def guarded(**values: Any) -> FlaskClient:
    """An application with these settings, whose views do nothing."""
    settings = Settings(**values)
    app = APIFlask(__name__, json_errors=False, docs_path=None, spec_path=None)
    app.extensions["thumbnet"] = State(settings, None, Metrics())  # type: ignore[arg-type]  # nobody predicts
    register_access_log(app)
    register_problems(app)
    register_security(app, settings)
    for rule in ["/v1/model", "/metrics", "/v2", "/docs/<path:name>", *OPEN]:
        app.add_url_rule(rule, rule.replace(".", "_"), lambda **_: "")
    app.add_url_rule("/v1/predict", endpoint="predict", view_func=lambda: "", methods=["POST"])
    return app.test_client()


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    ("name", "value"), [("Authorization", "Bearer {}"), ("authorization", "bearer  {} "), ("X-API-Key", "{}")]
)
def test_any_accepted_key_opens_in_either_header(key: str, name: str, value: str) -> None:
    sent = value.format(key).encode().decode("latin-1")  # how a server hands on bytes
    assert guarded(api_keys=KEYS).get("/v1/model", headers={name: sent}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": ""},
        {"X-API-Key": "wrong"},
        {"X-API-Key": "correct horse,correct horse"},
        {"X-API-Key": "schl\xfcssel"},
        {"X-API-Key": "\xff\x80"},
        {"X-API-Key": "ключ"},
        {"X-API-Key": "k" * 499},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearercorrect horse"},
        {"Authorization": "Basic Y29ycmVjdCBob3JzZQ=="},
        {"Authorization": "correct horse"},
        {"Authorization": "Bearer wrong", "X-API-Key": "correct horse"},
        {"Authorization": "\xe9\xff \x80"},
    ],
)
def test_without_an_accepted_key_nobody_gets_in(headers: dict[str, str]) -> None:
    answer = guarded(api_keys=KEYS).get("/v1/model", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json is not None
    assert answer.json["code"] == "unauthorized"
    assert "send one that is accepted" in answer.json["detail"]


def test_a_key_counts_beside_another_kind_of_authorization() -> None:
    headers = {"Authorization": "Basic Y29ycmVjdCBob3JzZQ==", "X-API-Key": KEYS[0]}
    assert guarded(api_keys=KEYS).get("/v1/model", headers=headers).status_code == 200


def test_keys_may_come_from_a_file_too(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("from file\n\nanother\n", encoding="utf-8")
    client = guarded(api_keys=("from variable",), api_keys_file=str(tmp_path / "keys"))
    found = [
        client.get("/v1/model", headers={"X-API-Key": key}) for key in ("from file", "another", "from variable", "x")
    ]
    assert [answer.status_code for answer in found] == [200, 200, 200, 401]


@pytest.mark.parametrize("path", OPEN)
def test_health_and_documents_need_no_key(path: str) -> None:
    assert guarded(api_keys=KEYS).get(path).status_code == 200


@pytest.mark.parametrize("path", ["/", "/v1/model", "/metrics", "/v2", "//v1/model", "/livez/x", "/nothing"])
def test_everything_else_needs_one(path: str) -> None:
    assert guarded(api_keys=KEYS).get(path).status_code == 401


def test_without_keys_everything_is_open() -> None:
    assert guarded().get("/v1/model").status_code == 200
    assert guarded().get("/v1/model", headers={"X-API-Key": "any"}).status_code == 200


def test_no_key_is_logged_or_sent_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = guarded(api_keys=("swordfish",))
    for headers in ({"X-API-Key": "swordfish"}, {"X-API-Key": "tunafish"}, {"Authorization": "Bearer tunafish"}):
        assert "fish" not in client.get("/v1/model", headers=headers).text
    assert "fish" not in " ".join(str(vars(record)) for record in caplog.records)


def test_other_origins_get_nothing_by_default() -> None:
    answers = [
        guarded().get("/v1/model", headers={"Origin": ORIGIN}),
        guarded().options("/v1/predict", headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}),
    ]
    assert not [name for answer in answers for name, _ in answer.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize(("origins", "expected"), [((ORIGIN, "http://localhost:3000"), ORIGIN), (("*",), "*")])
def test_an_allowed_origin_may_read_answers_and_errors(origins: tuple[str, ...], expected: str) -> None:
    client = guarded(cors_origins=origins, api_keys=KEYS)
    for headers, status in (({"X-API-Key": KEYS[0]}, 200), ({}, 401)):
        answer = client.get("/v1/model", headers={"Origin": ORIGIN, **headers})
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == expected
        assert {"X-Request-Id", "Retry-After"} <= set(answer.headers["Access-Control-Expose-Headers"].split(", "))
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_preflight_needs_no_key() -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type, x-other",
    }
    answer = guarded(cors_origins=(ORIGIN,), api_keys=KEYS).options("/v1/predict", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization, content-type"


@pytest.mark.parametrize(
    "origin", ["https://example.org.evil.test", "http://example.org", "https://example.orgx", "null", ""]
)
def test_no_other_origin_is_allowed(origin: str) -> None:
    answer = guarded(cors_origins=(ORIGIN,)).get("/v1/model", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    "origin", ["example.org", "https://example.org/", "https://*.example.org", "null", "https://a b"]
)
def test_what_is_no_origin_is_refused_at_the_start(origin: str) -> None:
    with pytest.raises(InvalidArgument, match="THUMBNET_CORS_ORIGINS"):
        guarded(cors_origins=(origin,))


@pytest.mark.parametrize("path", ["/v1/model", "/nothing", "/metrics"])
def test_answers_are_not_stored_sniffed_or_framed(path: str) -> None:
    headers = guarded().get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize("path", ["/docs", "/docs/app.js"])
def test_the_documents_may_run_their_own_scripts_and_nobody_elses(path: str) -> None:
    policy = guarded().get(path).headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "connect-src 'self';" in policy
    assert "http" not in policy
