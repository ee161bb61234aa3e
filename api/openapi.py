"""The OpenAPI document: what APIFlask reads off the routes, and what it cannot know."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from werkzeug.http import HTTP_STATUS_CODES

from . import schemas, tensors
from .schemas import PROBLEM_JSON
from .security import OPEN, OPEN_BELOW
from .uploads import FIELD, FORM, JSON, OCTETS

DESCRIPTION = """\
Send an image, get a label. Every answer carries an `X-Request-Id`: the one you sent, or a new one.
Errors are `application/problem+json` (RFC 9457)."""

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQD3A0FDAAAAAElFTkSuQmCC"
"""The smallest PNG there is, one red pixel, as base64."""
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
REQUEST_ID = "3f0c8f6be7f14c4ab1d5a8f3b1e6f6c2"
DAMAGED = "the image cannot be decoded: image file is truncated. Save it again as JPEG or PNG."

FAULT_EXAMPLE: dict[str, Any] = {
    "type": "urn:thumbnet:problem:corrupt_image",
    "title": "Unprocessable Entity",
    "status": 422,
    "detail": DAMAGED,
    "code": "corrupt_image",
}
PROBLEM_EXAMPLE = FAULT_EXAMPLE | {"request_id": REQUEST_ID, "error": DAMAGED}

PREDICTIONS_EXAMPLE: dict[str, Any] = {
    "predictions": [
        {
            "label": "ship",
            "probability": 0.75,
            "abstained": False,
            "scores": [{"label": "ship", "probability": 0.75}, {"label": "airplane", "probability": 0.125}],
            "milliseconds": 1.5,
        },
        {"error": FAULT_EXAMPLE},
    ],
    "model": {"name": "cifar10", "version": SHA256[:12], "sha256": SHA256},
    "request_id": REQUEST_ID,
}
TRANSFORMERS_EXAMPLE = [{"label": "ship", "score": 0.75}, {"label": "airplane", "score": 0.125}]
MODEL_EXAMPLE: dict[str, Any] = {
    "name": "mnist",
    "version": SHA256[:12],
    "sha256": SHA256,
    "architecture": "lenet",
    "labels": list("0123456789"),
    "preprocessing": {"image_size": 28, "channels": 1},
    "temperature": 1.25,
    "abstention_score": "max_probability",
    "abstention_threshold": 0.5,
    "files": {"model.onnx": SHA256},
}

BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
BODIES: dict[str, Any] = {"image/*": BINARY, OCTETS: BINARY}
FORM_BODY: dict[str, Any] = {
    "schema": {
        "type": "object",
        "required": [FIELD],
        "properties": {FIELD: {"type": "array", "minItems": 1, "items": BINARY["schema"]}},
    },
    "encoding": {FIELD: {"contentType": "image/*"}},
}
IMAGE_FORMATS = "JPEG, PNG, WebP, GIF (first frame) or BMP"

SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, where the server asks for one."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same, in a header of its own."},
}


def reference(schema: type[BaseModel]) -> dict[str, Any]:
    """Where the document describes a schema."""
    return {"$ref": f"#/components/schemas/{schema.__name__}"}


def body(description: str, **content: Any) -> dict[str, Any]:
    """The request body of an operation, for `doc(extensions=…)`: APIFlask knows one kind of body only."""
    return {"requestBody": {"required": True, "description": description, "content": content}}


def image_body(schema: type[BaseModel]) -> dict[str, Any]:
    """A body that is an image, or holds images in a form or in JSON."""
    content = {**BODIES, FORM: FORM_BODY, JSON: {"schema": reference(schema), "example": {"inputs": PIXEL}}}
    return body(f"{IMAGE_FORMATS}; the bytes decide, not their `Content-Type`.", **content)


def answers(
    schema: dict[str, Any] | type[BaseModel], example: Any, *problems: int, kind: str = JSON, headers: Any = None
) -> dict[int | str, Any]:
    """The responses of an operation: the one when all is well, and the errors beside 401, 429 and 503."""
    content = {"schema": schema if isinstance(schema, dict) else reference(schema)}
    if example is not None:
        content["example"] = example
    found: dict[int | str, Any] = {200: {"description": "Successful response", "content": {kind: content}}}
    if headers:
        found[200]["headers"] = headers
    return found | {status: problem_response(status) for status in problems}


def problem_response(status: int) -> dict[str, Any]:
    """An error response."""
    return {"description": HTTP_STATUS_CODES[status], "content": {PROBLEM_JSON: {"schema": reference(schemas.Problem)}}}


def complete_openapi(document: dict[str, Any], *, keys: bool) -> dict[str, Any]:
    """Add what all operations have in common.

    keys   whether the server asks for API keys
    """
    components = document["components"]
    components["schemas"] = component_schemas(schemas, tensors)
    components["headers"] = {"RequestId": {"description": "Yours, or a new one.", "schema": {"type": "string"}}}
    document["security"] = ([] if keys else [{}]) + [{name: []} for name in SECURITY_SCHEMES]
    for path, operations in document["paths"].items():
        anybody = path in OPEN or path.startswith(OPEN_BELOW)
        for method, operation in operations.items():
            operation["operationId"] = re.sub(r"\W+", "_", f"{method}{path}").strip("_")
            if anybody:
                operation["security"] = []
            for status in (503,) if anybody else (401, 429, 503):
                operation["responses"].setdefault(str(status), problem_response(status))
            operation["responses"]["default"] = problem_response(500) | {"description": "Any other error"}
            for response in operation["responses"].values():
                response.setdefault("headers", {})["X-Request-Id"] = {"$ref": "#/components/headers/RequestId"}
    return document


def component_schemas(*modules: ModuleType) -> dict[str, Any]:
    """Every schema of these modules under its own name."""
    kinds = {
        kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, BaseModel) and kind is not BaseModel
    }
    documented = [(kind, "validation") for kind in sorted(kinds, key=lambda kind: kind.__name__)]
    _, definitions = models_json_schema(documented, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    found: dict[str, Any] = definitions["$defs"]
    found["Problem"]["examples"] = [PROBLEM_EXAMPLE]
    return found
