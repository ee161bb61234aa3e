"""What goes in and out, checked by Pydantic and described in the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema
from werkzeug.http import HTTP_STATUS_CODES

PROBLEM_JSON = "application/problem+json"

DESCRIPTION = """\
Send an image, get a label. Every answer carries an `X-Request-Id`: the one you sent, or a new one.
Errors are `application/problem+json` (RFC 9457)."""

SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
REQUEST_ID = "3f0c8f6be7f14c4ab1d5a8f3b1e6f6c2"

PREDICTIONS_EXAMPLE = {
    "predictions": [
        {
            "label": "ship",
            "probability": 0.75,
            "abstained": False,
            "scores": [{"label": "ship", "probability": 0.75}, {"label": "airplane", "probability": 0.125}],
            "milliseconds": 1.5,
        }
    ],
    "model": {"name": "cifar10", "sha256": SHA256},
    "request_id": REQUEST_ID,
}

MODEL_EXAMPLE = {
    "name": "mnist",
    "architecture": "lenet",
    "labels": list("0123456789"),
    "preprocessing": {"image_size": 28, "channels": 1},
    "temperature": 1.25,
    "abstention_score": "max_probability",
    "abstention_threshold": 0.5,
    "files": {"model.onnx": SHA256},
}

PROBLEM_EXAMPLE: dict[str, JsonValue] = {
    "type": "about:blank",
    "title": "Unprocessable Entity",
    "status": 422,
    "detail": "the image cannot be decoded: image file is truncated. Save it again as JPEG or PNG.",
    "code": "corrupt_image",
    "request_id": REQUEST_ID,
    "error": "the image cannot be decoded: image file is truncated. Save it again as JPEG or PNG.",
}


class PredictQuery(BaseModel):
    """The query parameters of `/v1/predict`."""

    model_config = ConfigDict(extra="forbid")  # a misspelt parameter must not go unnoticed

    top_k: Annotated[int | None, WithJsonSchema({"type": "integer", "minimum": 1, "examples": [3]})] = Field(
        default_factory=lambda: None,  # a plain default would be documented, as null
        description="How many classes to return, best first; all by default.",
    )


class Score(BaseModel):
    """A class and its probability."""

    label: str
    probability: float = Field(ge=0, le=1)


class Prediction(BaseModel):
    """The answer for one image."""

    label: str = Field(description="The best class.")
    probability: float = Field(ge=0, le=1, description="Its probability, temperature-scaled.")
    abstained: bool = Field(description="The model is not confident enough: better to say “I don't know”.")
    scores: list[Score] = Field(description="Best first; over all classes their probabilities sum to 1.")
    milliseconds: float = Field(description="Time taken by the model: reading, and a share of the computing.")


class ModelReference(BaseModel):
    """Which model answered."""

    name: str
    sha256: str = Field(description="Of the network that computed the answer, model.onnx.")


class Predictions(BaseModel):
    """The answers, in the order of the images."""

    predictions: list[Prediction]
    model: ModelReference
    request_id: str


class Preprocessing(BaseModel):
    """What the network sees: a square of this size, 1 (grey) or 3 (RGB) channels."""

    image_size: int
    channels: int


class ModelDescription(BaseModel):
    """The model, as its config.json describes it."""

    name: str
    architecture: str
    labels: list[str]
    preprocessing: Preprocessing
    temperature: float = Field(description="Divides the logits before the softmax.")
    abstention_score: str = Field(description="How confidence is measured: max_probability, max_logit or energy.")
    abstention_threshold: float = Field(description="A prediction less confident than this abstains.")
    files: dict[str, str] = Field(description="sha256 of the files of the weights folder.")


class Health(BaseModel):
    """A server that is well."""

    status: Literal["alive", "ready"]


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(json_schema_extra={"examples": [PROBLEM_EXAMPLE]})

    type: str = "about:blank"
    title: str = Field(description="The name of the status.")
    status: int
    detail: str = Field(description="What was received, what is allowed, what to do.")
    code: str = Field(description="What went wrong, for programs.")
    request_id: str
    error: str = Field(description="The same as `detail`, for clients that look here.")


BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}

REQUEST_BODY = {
    "required": True,
    "description": "JPEG, PNG, WebP, GIF (first frame) or BMP: one as the body, or several in a form.",
    "content": {
        "image/*": BINARY,
        "application/octet-stream": BINARY,
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["image"],
                "properties": {"image": {"type": "array", "minItems": 1, "items": BINARY["schema"]}},
            },
            "encoding": {"image": {"contentType": "image/*"}},
        },
    },
}


def problem_responses(*statuses: int) -> dict[int | str, Any]:
    """The error responses of an operation, for the OpenAPI document."""
    content = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTP_STATUS_CODES[status], "content": content} for status in statuses}


def complete_openapi(document: dict[str, Any]) -> dict[str, Any]:
    """Add what APIFlask cannot know: a body that is an image, and the shape of the problems."""
    document["components"]["schemas"]["Problem"] = Problem.model_json_schema()
    document["paths"]["/v1/predict"]["post"]["requestBody"] = REQUEST_BODY
    return document
