"""Who may ask: API keys, pages of other origins, and what browsers may do with an answer."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence

from flask import Flask, Response, current_app, g, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from thumbnet.model import InvalidArgument

from .framing import SAFE_HEADERS, Headers
from .settings import Settings, variable

OPEN = frozenset({"/livez", "/readyz", "/openapi.json", "/docs"})
OPEN_BELOW = ("/docs/", "/v2/health/")
"""URLs that need no key and have no rate limit."""

ORIGIN = re.compile(r"https?://[\w.-]+(:\d+)?", re.ASCII)
SENT_HEADERS = ("Authorization", "Content-Type", "Inference-Header-Content-Length", "X-API-Key", "X-Request-Id")
EXPOSED_HEADERS = (
    *("Inference-Header-Content-Length", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Label", "X-Probability"),
    "X-Request-Id",
)
"""What pages of other origins may send and read, beside what they always may."""
PREFLIGHT_SECONDS = 600

DOCS_POLICY = (
    "default-src 'none'; connect-src 'self'; font-src 'self'; img-src 'self' blob: data:; script-src 'self'; "
    "style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

Digest = bytes


class Keys:
    """The accepted keys, as hashes: their lengths are equal, so a comparison tells nothing of theirs."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = [digest(key.encode()) for key in keys]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def accepted(self, received: bytes) -> Digest | None:
        """The hash of a received key where it is one of them. Takes equally long whichever it is, and for any other."""
        found = digest(received)
        matches = [hmac.compare_digest(found, known) for known in self._digests]
        return found if any(matches) else None


def digest(key: bytes) -> Digest:
    """What is kept and compared instead of a key."""
    return hashlib.sha256(key).digest()


def register_security(app: Flask, settings: Settings) -> None:
    """Ask for keys, answer other origins, and set the security headers, as the settings say.

    Raises InvalidArgument where the file of keys cannot be used, or an origin is none.
    """
    app.extensions[__name__] = Keys(settings.accepted_keys())
    app.before_request(check_key)
    if settings.cors_origins:
        allow_origins(app, settings.cors_origins)
    app.after_request(set_headers)


def check_key() -> None:
    """Raise Unauthorized where the current request needs a key and has none that is accepted."""
    keys: Keys = current_app.extensions[__name__]
    if keys and not is_open() and accepted_key() is None:
        raise unauthorized()


def accepted_key() -> Digest | None:
    """The hash of the current request's key, where it is an accepted one."""
    if "accepted_key" not in g:
        keys: Keys = current_app.extensions[__name__]
        received = received_key() if keys else b""
        g.accepted_key = keys.accepted(received) if received else None
    accepted: Digest | None = g.accepted_key
    return accepted


def is_open() -> bool:
    """Whether anybody may make the current request. An OPTIONS request only asks what may be asked."""
    rule = request.url_rule.rule if request.url_rule else ""
    return request.method == "OPTIONS" or rule in OPEN or rule.startswith(OPEN_BELOW)


def received_key() -> bytes:
    """The key of `Authorization: Bearer KEY`, otherwise of `X-API-Key: KEY`, as the bytes that were sent."""
    return key_of(request.headers.get("Authorization", ""), request.headers.get("X-API-Key", ""))


def key_of(authorization: str, x_api_key: str) -> bytes:
    """The key in the values of these two headers, "" for one that was not sent."""
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer":
        key = x_api_key
    return key.strip().encode("latin-1", "backslashreplace")


def unauthorized() -> Unauthorized:
    """Says what is missing, and never what was received."""
    problem = "the API key that was sent is not known here" if received_key() else "this needs an API key"
    return Unauthorized(
        f"{problem}; send one that is accepted, as `Authorization: Bearer KEY` or `X-API-Key: KEY`.",
        www_authenticate=WWWAuthenticate("bearer"),
    )


def check_origins(origins: Iterable[str]) -> None:
    """Raise InvalidArgument for what is no origin."""
    for origin in origins:
        if origin != "*" and not ORIGIN.fullmatch(origin):
            raise InvalidArgument(
                f"cors_origins ({variable('cors_origins')}) must be origins like https://example.org or "
                f"http://localhost:3000, without a path, or *; received {origin!r}."
            )


def allow_origins(app: Flask, origins: Sequence[str]) -> None:
    """Let pages of these origins ("*" for all) call and read the answers. Raises InvalidArgument for what is none."""
    from flask_cors import CORS

    check_origins(origins)
    CORS(
        app,
        origins=list(origins),
        methods=["GET", "HEAD", "POST"],
        allow_headers=list(SENT_HEADERS),
        expose_headers=list(EXPOSED_HEADERS),
        max_age=PREFLIGHT_SECONDS,
        send_wildcard=True,
        always_send=False,
        intercept_exceptions=False,  # errors become answers before that
    )


def cors_headers(origins: Sequence[str], origin: str) -> Headers:
    """What `allow_origins` adds, for answers that are not Flask's. `origin` is that of the page, "" for none."""
    allowed = "*" if "*" in origins else origin if origin.lower() in map(str.lower, origins) else ""
    if not origin or not allowed:
        return []
    return [
        ("access-control-allow-origin", allowed),
        ("access-control-expose-headers", ", ".join(EXPOSED_HEADERS)),
        ("vary", "Origin"),
    ]


def set_headers(response: Response) -> Response:
    """What browsers may do with an answer; a view that says otherwise itself is left alone."""
    docs = request.url_rule is not None and request.url_rule.rule.startswith("/docs")
    if docs:
        response.headers.setdefault("Content-Security-Policy", DOCS_POLICY)
    for name, value in SAFE_HEADERS:
        response.headers.setdefault(name, value)
    return response
