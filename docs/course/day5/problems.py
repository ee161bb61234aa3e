"""Errors say whose fault they are, in one form (RFC 9457). Steps 2 to 5 and 7 answer with it."""

from __future__ import annotations

from http import HTTPStatus

from flask import Flask, Response, current_app, json
from werkzeug.exceptions import HTTPException

from thumbnet import InvalidImage


# --8<-- [start:problem]
def problem(status: int, detail: str) -> Response:
    """An answer for programs (status) and people (detail), RFC 9457."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return Response(json.dumps(body), status, content_type="application/problem+json")


# --8<-- [end:problem]


# --8<-- [start:handlers]
def refuse_image(error: InvalidImage) -> Response:
    """The bytes are no image that we take: the caller's fault."""
    return problem(422, str(error))


def explain(error: HTTPException) -> Response:
    """What Flask raises itself, and what a view does: no such URL, wrong method, no room, and so on."""
    answer = problem(error.code or 500, error.description or error.name)
    answer.headers.extend((name, value) for name, value in error.get_headers() if name != "Content-Type")
    return answer


def admit(error: Exception) -> Response:
    """Our fault. The log gets everything, the caller nothing of it."""
    current_app.logger.error("a request failed", exc_info=error)
    return problem(500, "something went wrong on our side.")


def explain_errors(app: Flask) -> None:
    """Make exceptions of an application answers."""
    for kind, handler in {InvalidImage: refuse_image, HTTPException: explain, Exception: admit}.items():
        app.register_error_handler(kind, handler)


# --8<-- [end:handlers]
