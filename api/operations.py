"""For whoever runs the server: health, metrics, and the pages about the interface."""

from __future__ import annotations

import mimetypes
from functools import cache
from importlib.resources import files

from apiflask import APIBlueprint
from flask import Response, jsonify, request
from werkzeug.exceptions import NotFound, ServiceUnavailable
from werkzeug.http import generate_etag

from .openapi import answers
from .schemas import Health
from .state import current_state

TEXT = {"type": "string"}
METRICS_EXAMPLE = 'thumbnet_requests_total{endpoint="/v1/predict",method="POST",status="200"} 3.0\n'

SWAGGER_UI = "flask_swagger_ui"
"""The package whose `dist` holds Swagger UI; nothing of it comes from the network."""
SWAGGER_FILES = frozenset({"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"})
KEEP_SECONDS = 86_400

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>thumbnet API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" href="docs/favicon-32x32.png">
</head>
<body>
<main id="page"></main>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
START = 'SwaggerUIBundle({url: "openapi.json", dom_id: "#page", deepLinking: true, validatorUrl: null});\n'

blueprint = APIBlueprint(
    "operation", __name__, tag={"name": "operation", "description": "For whoever runs the server."}
)


@blueprint.get("/livez")
@blueprint.doc(responses=answers(Health, {"status": "alive"}))
def livez() -> Response:
    """Say that the server runs: restart it where this does not answer."""
    return jsonify({"status": "alive"})


@blueprint.get("/readyz")
@blueprint.doc(responses=answers(Health, {"status": "ready"}))
def readyz() -> Response:
    """Say whether the models are loaded and warm: send requests only where they are."""
    check_ready()
    return jsonify({"status": "ready"})


@blueprint.get("/metrics")
@blueprint.doc(responses=answers(TEXT, METRICS_EXAMPLE, kind="text/plain"))
def metrics() -> Response:
    """Counts of requests and predictions, for Prometheus."""
    page, kind = current_state().metrics.text()
    return Response(page, content_type=kind)


@blueprint.get("/docs")
@blueprint.doc(hide=True)
def docs() -> Response:
    """Show the OpenAPI document, to read and to try."""
    return Response(PAGE, content_type="text/html; charset=utf-8")


@blueprint.get("/docs/<name>")
@blueprint.doc(hide=True)
def docs_file(name: str) -> Response:
    """Serve what that page needs."""
    if name == "start.js":
        return Response(START, content_type="text/javascript; charset=utf-8")
    if name not in SWAGGER_FILES:
        raise NotFound
    response = Response(swagger_file(name), mimetype=mimetypes.guess_type(name)[0])
    response.cache_control.public, response.cache_control.max_age = True, KEEP_SECONDS
    response.set_etag(etag_of(name))
    response.make_conditional(request)
    del response.headers["Date"]  # the server has its own
    return response


@cache
def swagger_file(name: str) -> bytes:
    """A file of Swagger UI, in memory once for all who are being sent it."""
    return (files(SWAGGER_UI) / "dist" / name).read_bytes()


@cache
def etag_of(name: str) -> str:
    """By which a browser asks whether it has that file already."""
    return generate_etag(swagger_file(name))


def check_ready() -> None:
    """Raise ServiceUnavailable while the models are loading, and once the server is about to stop."""
    state = current_state()
    if state.draining():
        raise ServiceUnavailable("the server is about to stop; ask another one.", retry_after=1)
    state.models.all()
