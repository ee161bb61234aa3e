"""Every error → application/problem+json (RFC 9457). The only place where exceptions become status codes."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from functools import cache
from random import getrandbits
from typing import Any

from apiflask import APIFlask, HTTPError
from flask import Response, g, jsonify, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.http import HTTP_STATUS_CODES

from thumbnet.model.errors import (
    CorruptImage,
    EmptyImage,
    ImageTooLarge,
    InvalidArgument,
    InvalidImage,
    ThumbnetError,
    UnsupportedFormat,
)

from .schemas import PROBLEM_JSON, explain_validation

logger = logging.getLogger(__name__)

STATUS: dict[type[ThumbnetError], int] = {
    EmptyImage: 400,
    UnsupportedFormat: 415,
    ImageTooLarge: 413,
    CorruptImage: 422,
    InvalidImage: 400,
    InvalidArgument: 422,
}
"""What is the caller's fault; any other ThumbnetError is ours."""

REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


def register_problems(app: APIFlask) -> None:
    """Answer every exception of the application as a problem, and give every answer its request id."""
    app.register_error_handler(Exception, answer)
    app.register_error_handler(HTTPError, answer)  # APIFlask has registered its own
    app.after_request(return_request_id)


def answer(error: Exception) -> Response:
    """The response for an exception."""
    found = fault(error)
    headers: Iterable[tuple[str, str]] = error.get_headers() if isinstance(error, HTTPException) else []
    response = jsonify(problem(found, request_id()))
    response.status_code = found["status"]
    response.headers.extend((name, value) for name, value in headers if name != "Content-Type")
    response.mimetype = PROBLEM_JSON
    return response


def problem(found: dict[str, Any], request_id: str) -> dict[str, Any]:
    """A fault as the whole answer to a request: schemas.Problem."""
    return found | {"request_id": request_id, "error": found["detail"]}


def fault(error: Exception) -> dict[str, Any]:
    """What went wrong: schemas.Fault."""
    status, code, detail = describe(error)
    return describe_fault(status, code, detail)


def describe_fault(status: int, code: str, detail: str) -> dict[str, Any]:
    """Status, code and detail as RFC 9457 has them."""
    return {
        "type": f"urn:thumbnet:problem:{code}",
        "title": HTTP_STATUS_CODES[status],
        "status": status,
        "detail": detail,
        "code": code,
    }


@cache
def code_of(status: int) -> str:
    """The code of an error that has none but its status."""
    return re.sub(r"\W+", "_", HTTP_STATUS_CODES[status]).lower()


def describe(error: Exception) -> tuple[int, str, str]:
    """The status, code and detail of an exception."""
    if isinstance(error, HTTPError) and isinstance(error.__cause__, ValidationError):
        return error.status_code, "invalid_argument", explain_validation(error.__cause__)
    if isinstance(error, HTTPException) and error.code in HTTP_STATUS_CODES:
        return error.code, code_of(error.code), explain(error)
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind], re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower(), str(error)
    logger.error("request %s failed", request_id(), exc_info=error)
    return 500, code_of(500), "something went wrong on our side. Report it with the request_id."


def explain(error: HTTPException) -> str:
    """What was received and what to do instead."""
    if isinstance(error, NotFound) and error.description == NotFound.description:
        return f"there is no {request.path}; /openapi.json lists what there is."
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        return f"{request.path} does not take {request.method}; it takes {allowed}."
    return error.description or error.name


def request_id() -> str:
    """That of the current request."""
    if "request_id" not in g:
        g.request_id = choose_request_id(request.headers.get("X-Request-Id", ""))
    chosen: str = g.request_id
    return chosen


def choose_request_id(received: str) -> str:
    """What a caller has sent where it is safe to log and send back, otherwise a new one."""
    return received if REQUEST_ID.fullmatch(received) else f"{getrandbits(128):032x}"  # a name, no secret


def return_request_id(response: Response) -> Response:
    """Put the request id on an answer."""
    response.headers["X-Request-Id"] = request_id()
    return response
