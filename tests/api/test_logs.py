import json
import logging
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from thumbnet.api import Settings
from thumbnet.api.framing import STARTED
from thumbnet.api.logs import JSONFormatter, TerminalFormatter, register_access_log
from thumbnet.api.metrics import Metrics
from thumbnet.api.problems import register_problems
from thumbnet.api.state import State

CONFIGURED = """
import logging, logging.config
from thumbnet.api.logs import LOGGING
logging.config.dictConfig(LOGGING)
logging.getLogger("thumbnet.api").info("ready in %d s", 2)
logging.getLogger("other").info("not shown")
logging.getLogger("other").warning("shown")
"""


@pytest.fixture
def client(caplog: pytest.LogCaptureFixture) -> FlaskClient:
    caplog.set_level(logging.INFO)
    app = APIFlask(__name__, json_errors=False)
    app.extensions["thumbnet"] = State(Settings(), None, Metrics())  # type: ignore[arg-type]  # nobody predicts
    register_access_log(app)
    register_problems(app)
    app.add_url_rule("/livez", "livez", lambda: "")
    app.add_url_rule("/readyz", "readyz", lambda: ("", 503))
    app.add_url_rule("/models/<name>", "models", lambda name: name, methods=["POST"])
    app.add_url_rule("/broken", "broken", lambda: str(1 / 0))
    return app.test_client()


def record(message: str = "hello", *arguments: object, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("thumbnet.api", logging.INFO, "file.py", 1, message, arguments, None)
    vars(made).update(created=1_800_000_000.25, **extra)
    return made


def requests(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The access lines, as they would be written."""
    formatter = JSONFormatter()
    return [json.loads(formatter.format(each)) for each in caplog.records if each.name == "thumbnet.api.logs"]


def test_a_line_is_an_object() -> None:
    line = json.loads(JSONFormatter().format(record("%d models", 2, fields={"seconds": 0.5})))
    assert line == {
        "time": "2027-01-15T08:00:00.250Z",
        "level": "info",
        "logger": "thumbnet.api",
        "message": "2 models",
        "seconds": 0.5,
    }


@pytest.mark.parametrize("text", ["two\nlines", "\x1b[31m", "\ud800", "\u2028", "ключ"])
def test_whatever_is_logged_stays_on_one_ascii_line(text: str) -> None:
    line = JSONFormatter().format(record(text, fields={"path": text}))
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["message"] == json.loads(line)["path"] == text


def test_an_exception_is_a_field() -> None:
    try:
        raise ValueError("what went wrong")
    except ValueError:
        line = json.loads(JSONFormatter().format(record(exc_info=sys.exc_info())))
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ValueError: what went wrong")


def test_a_terminal_gets_plain_lines_that_cannot_move_its_cursor() -> None:
    line = TerminalFormatter().format(record("request", fields={"path": "/\x1b[2J\n", "status": 200}))
    assert line.endswith(r" info thumbnet.api: request path=/\x1b[2J\n status=200")


def test_a_request_is_logged_without_its_query_and_counted(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = client.post("/models/toys?top_k=3&token=secret", data=b"12345", headers={"X-Request-Id": "mine"})
    assert answer.status_code == 200
    (line,) = requests(caplog)
    assert line.pop("milliseconds") >= 0
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "thumbnet.api.logs",
        "message": "request",
        "request_id": "mine",
        "method": "POST",
        "path": "/models/toys",
        "status": 200,
        "client": "127.0.0.1",
        "bytes": 5,
    }
    page = client.application.extensions["thumbnet"].metrics.text()[0].decode()
    assert 'thumbnet_requests_total{endpoint="/models/<name>",method="POST",status="200"} 1.0' in page


def test_the_time_begins_when_the_request_was_there(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    client.post("/models/toys", environ_overrides={STARTED: time.perf_counter() - 60})
    (line,) = requests(caplog)
    assert 60_000 <= line["milliseconds"] < 90_000
    page = client.application.extensions["thumbnet"].metrics.text()[0].decode()
    assert float(re.findall(r'thumbnet_request_seconds_sum{endpoint="/models/<name>"} (\S+)', page)[0]) >= 60


def test_paths_that_callers_make_up_are_counted_together_and_cut_short(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(10):
        client.get(f"/{number}" + "x" * 3000)
    assert {len(line["path"]) for line in requests(caplog)} == {200}
    page = client.application.extensions["thumbnet"].metrics.text()[0].decode()
    assert 'thumbnet_requests_total{endpoint="other",method="GET",status="404"} 10.0' in page


def test_health_is_logged_only_where_it_is_bad(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    client.get("/livez")
    client.get("/readyz")
    assert [(line["path"], line["level"]) for line in requests(caplog)] == [("/readyz", "warning")]


def test_a_failure_is_logged_with_the_id_that_the_caller_was_told(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = client.get("/broken")
    (line,) = requests(caplog)
    assert (line["status"], line["level"]) == (500, "warning")
    assert line["request_id"] == answer.headers["X-Request-Id"]


def test_everything_the_server_logs_is_json_on_stderr() -> None:
    done = subprocess.run([sys.executable, "-c", CONFIGURED], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["logger"], line["message"]) for line in lines] == [
        ("thumbnet.api", "ready in 2 s"),
        ("other", "shown"),
    ]


def test_the_documented_line_has_the_fields_of_a_real_one(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    client.post("/models/toys")
    text = (Path(__file__).parents[2] / "docs" / "how-to" / "operate-the-api.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    assert list(json.loads(shown)) == list(requests(caplog)[0])
