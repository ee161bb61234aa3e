"""A request as the server has parsed it: is it sound, what WSGI makes of it, and what a refused one is answered."""

from __future__ import annotations

import io
import re
import sys
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import httptools
import orjson

from .problems import choose_request_id, code_of, describe_fault, problem
from .schemas import PROBLEM_JSON

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication
    from uvicorn._types import HTTPScope

URI_BYTES = 4096
HEADER_BYTES = 8192
HEADER_COUNT = 100

SAFE_HEADERS = (
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
)
"""What browsers may do with an answer, where nothing else is said."""

HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(:\d{0,5})?")
"""RFC 9110, 7.2."""

STARTED = "thumbnet.started"
"""In the WSGI environment: when a request was there as a whole, of time.perf_counter."""

Headers = list[tuple[str, str]]
Answer = tuple[int, Headers, bytes]


class Rejected(Exception):
    """A request that Flask never sees. `reason` is for the metrics, "" where it is the caller's mistake."""

    def __init__(self, status: int, detail: str, reason: str = "") -> None:
        super().__init__(detail)
        self.status, self.detail, self.reason = status, detail, reason


def check_framing(scope: HTTPScope, headers: Headers) -> None:
    """What the HTTP parser lets pass and should not be trusted. Raises Rejected."""
    uri = len(scope["raw_path"]) + len(scope["query_string"])
    if uri > URI_BYTES:
        raise Rejected(414, f"the address has {uri:,} characters; at most {URI_BYTES:,} are allowed.")
    size = sum(len(name) + len(value) + 4 for name, value in headers)
    if size > HEADER_BYTES or len(headers) > HEADER_COUNT:
        raise Rejected(
            431,
            f"received {len(headers)} headers of {size:,} bytes; at most {HEADER_COUNT} headers of {HEADER_BYTES:,} "
            "bytes in all are allowed.",
        )
    if scope["http_version"] not in ("1.0", "1.1"):
        raise Rejected(400, f"received HTTP/{scope['http_version']}; send HTTP/1.1.")
    hosts = sum(name == "host" for name, _ in headers)
    if hosts > 1 or (hosts == 0 and scope["http_version"] == "1.1"):
        raise Rejected(400, f"received {hosts} Host headers; send one.")
    for name, value in headers:
        if name == "host" and not HOST.fullmatch(value):
            raise Rejected(
                400, f"received the Host {value[:60]!r}; send the name or address of this server, and a port."
            )
        if name == "transfer-encoding" and value.lower() != "chunked":
            raise Rejected(415, f"received the Transfer-Encoding {value[:60]!r}; send the body chunked, or its length.")


def origin_form(target: bytes) -> bytes:
    """Path and query of a target that is a whole address, which a server must understand (RFC 9112, 3.2.2)."""
    try:
        parsed = httptools.parse_url(target)
    except httptools.HttpParserError:
        return target
    return (parsed.path or b"/") + (b"?" + parsed.query if parsed.query else b"")


def client_address(peer: str, forwarded: str, trusted: int) -> str:
    """Who asks, where so many proxies in front each append whom they were asked by to X-Forwarded-For."""
    hops = [hop.strip() for hop in forwarded.split(",")]
    return (hops[-trusted] if 0 < trusted <= len(hops) else "") or peer


def with_client_address(app: WSGIApplication, trusted: int) -> WSGIApplication:
    """A WSGI application that is told the client's address rather than that of a proxy.

    werkzeug's ProxyFix would believe a client that begins the header with a quotation mark.
    """

    def asked(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        peer, forwarded = environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_FOR", "")
        environ["REMOTE_ADDR"] = client_address(peer, forwarded, trusted)
        return app(environ, start_response)

    return asked


def environ(scope: HTTPScope, headers: Headers, body: bytes, started: float) -> dict[str, Any]:
    """The WSGI environment of a request (PEP 3333), and since when it has been waiting."""
    server, port = scope["server"] or ("", None)
    client, client_port = scope["client"] or ("", 0)
    variables: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server,
        "SERVER_PORT": str(port or 80),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client,
        "REMOTE_PORT": str(client_port),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        STARTED: started,
    }
    if body:
        variables["CONTENT_LENGTH"] = str(len(body))
    for name, value in headers:
        if "_" in name:  # in WSGI it would pass for the one with hyphens, which a proxy or the server has checked
            continue
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        variables[key] = f"{variables[key]}, {value}" if key in variables and key != "CONTENT_LENGTH" else value
    return variables


def describe(rejected: Rejected, headers: Headers) -> Answer:
    """The problem that a rejected request is answered with; the connection ends, as its body may be unread."""
    request_id = choose_request_id(next((value for name, value in headers if name == "x-request-id"), ""))
    found = describe_fault(rejected.status, code_of(rejected.status), rejected.detail)
    body = orjson.dumps(problem(found, request_id))
    answer_headers = [
        ("content-type", PROBLEM_JSON),
        ("content-length", str(len(body))),
        *SAFE_HEADERS,
        ("x-request-id", request_id),
        ("retry-after", "1") if rejected.status == 503 else ("connection", "close"),
        *([("allow", "GET, HEAD, OPTIONS, POST")] if rejected.status == 405 else []),
    ]
    return rejected.status, answer_headers, body


def as_http(answer: Answer) -> bytes:
    """An answer as it goes over the wire, dated where it must be (RFC 9110, 6.6.1)."""
    status, headers, body = answer
    if status < 500:
        headers = [*headers, ("date", formatdate(usegmt=True))]
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
