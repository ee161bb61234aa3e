"""What the server writes to stderr: one JSON object a line, for every request and whatever else happens.

Never in it: what an image shows, keys, and query strings.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, g, request

from .framing import STARTED
from .metrics import OTHER
from .problems import request_id
from .state import current_state

logger = logging.getLogger(__name__)

QUIET = frozenset({"/livez", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"})
"""Asked every few seconds by machines: a request that went well is not worth a line."""
LONGEST_PATH = 200

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "thumbnet.api.logs.choose_formatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {"thumbnet": {"level": "INFO"}},
}
"""For logging.config.dictConfig."""


class JSONFormatter(logging.Formatter):
    """A record → a line with `time`, `level`, `logger`, `message`, its `fields`, and `exception` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """ASCII without line breaks, whatever the record holds."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": moment.removesuffix("+00:00") + "Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **fields_of(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TerminalFormatter(logging.Formatter):
    """The same for eyes: `12:30:01 info thumbnet.api.logs: request method=POST path=/v1/predict status=200`."""

    def format(self, record: logging.LogRecord) -> str:
        """A line, and a traceback under it where there is one."""
        moment = time.strftime("%H:%M:%S", time.localtime(record.created))
        fields = "".join(f" {name}={value}" for name, value in fields_of(record).items())
        line = printable(f"{moment} {record.levelname.lower()} {record.name}: {record.getMessage()}{fields}")
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def choose_formatter(**_: Any) -> logging.Formatter:
    """Lines for eyes on a terminal, JSON everywhere else."""
    return TerminalFormatter() if sys.stderr.isatty() else JSONFormatter()


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What was logged with `extra={"fields": {…}}`."""
    fields: dict[str, Any] = getattr(record, "fields", {})
    return fields


def printable(text: str) -> str:
    """Control characters written out: a path must not move the cursor of whoever reads along."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def register_access_log(app: Flask) -> None:
    """Count and log every request. Register it first, so that it sees every other answer."""
    app.before_request(remember_start)
    app.after_request(record_request)


def remember_start() -> None:
    """The time is that from when the request was there, or from here, to the end of `record_request`."""
    g.started = request.environ.get(STARTED) or time.perf_counter()


def record_request(response: Response) -> Response:
    """Count and log an answer."""
    seconds = time.perf_counter() - g.started if "started" in g else 0.0
    endpoint = request.url_rule.rule if request.url_rule else OTHER
    current_state().metrics.request(endpoint, request.method, response.status_code, seconds)
    log_request(
        method=request.method,
        path=request.path,
        status=response.status_code,
        seconds=seconds,
        request_id=request_id(),
        client=request.remote_addr or "",
        size=request.content_length or 0,
    )
    return response


def log_request(
    *, method: str, path: str, status: int, seconds: float, request_id: str, client: str, size: int
) -> None:
    """One line for an answered request.

    path   without the query string
    size   bytes of the request's body
    """
    level = logging.WARNING if status >= 500 else logging.DEBUG if status < 400 and path in QUIET else logging.INFO
    if not logger.isEnabledFor(level):
        return
    fields = {
        "request_id": request_id,
        "method": method,
        "path": path[:LONGEST_PATH],
        "status": status,
        "milliseconds": round(1000 * seconds, 3),
        "client": client,
        "bytes": size,
    }
    logger.log(level, "request", extra={"fields": fields})
