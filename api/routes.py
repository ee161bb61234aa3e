"""/v1: the endpoints of our own interface."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from apiflask import APIBlueprint
from flask import Response, jsonify

from thumbnet.model import Prediction
from thumbnet.model.explain import explain

from .loading import ServedModel
from .openapi import MODEL_EXAMPLE, PREDICTIONS_EXAMPLE, answers, image_body
from .predictions import Fault, classify, classify_one, wanted_model
from .problems import fault, request_id
from .schemas import (
    ExplainBody,
    ExplainQuery,
    ModelDescription,
    ModelList,
    ModelQuery,
    PredictBody,
    Predictions,
    PredictQuery,
)
from .state import current_state
from .uploads import image_bytes, receive

HEATMAP = {"type": "string", "format": "binary"}
HEATMAP_HEADERS = {
    "X-Label": {"description": "The class, percent-encoded UTF-8.", "schema": {"type": "string"}, "example": "cat"},
    "X-Probability": {"description": "Of that class.", "schema": {"type": "number"}, "example": 0.75},
}

blueprint = APIBlueprint(
    "v1", __name__, url_prefix="/v1", tag={"name": "images", "description": "Classify and explain images."}
)


@blueprint.post("/predict")
@blueprint.input(PredictQuery, location="query")
@blueprint.doc(
    responses=answers(Predictions, PREDICTIONS_EXAMPLE, 400, 404, 413, 415, 422), extensions=image_body(PredictBody)
)
def predict(query_data: PredictQuery) -> Response:
    """Classify one image, or several of one form or JSON list.

    One image that cannot be used is a problem. Among several it is an `error` in its place; the others are answered.
    """
    model = wanted_model(query_data.model)
    received = receive(PredictBody)
    top_k = query_data.top_k if received.parameters.top_k is None else received.parameters.top_k
    images = received.inputs
    outcomes = [classify_one(model, images[0], top_k)] if len(images) == 1 else classify(model, images, top_k)
    return jsonify(
        {
            "predictions": [describe_outcome(outcome) for outcome in outcomes],
            "model": refer_to(model),
            "request_id": request_id(),
        }
    )


@blueprint.post("/explain")
@blueprint.input(ExplainQuery, location="query")
@blueprint.doc(
    responses=answers(HEATMAP, None, 400, 404, 413, 415, 422, kind="image/png", headers=HEATMAP_HEADERS),
    extensions=image_body(ExplainBody),
)
def explain_image(query_data: ExplainQuery) -> Response:
    """Show where the network looks to find a class in one image.

    The heatmap lies over what the network sees. `X-Label` says for which class it is, `X-Probability` how sure that is.
    """
    model = wanted_model(query_data.model)
    received = receive(ExplainBody)
    label = query_data.label if received.parameters.label is None else received.parameters.label
    explanation = explain(model, image_bytes(received.inputs[0]), label)
    headers = {"X-Label": quote(explanation.label), "X-Probability": str(explanation.probability)}
    return Response(explanation.png(), content_type="image/png", headers=headers)


@blueprint.get("/model")
@blueprint.input(ModelQuery, location="query")
@blueprint.doc(responses=answers(ModelDescription, MODEL_EXAMPLE, 404, 422))
def describe_model(query_data: ModelQuery) -> Response:
    """Say what a model knows and what it wants to see."""
    return jsonify(describe(wanted_model(query_data.model)))


@blueprint.get("/models")
@blueprint.doc(responses=answers(ModelList, {"models": [MODEL_EXAMPLE]}))
def list_models() -> Response:
    """Say which models there are. The first answers where a request names none."""
    wanted_model(None)
    return jsonify({"models": [describe(model) for model in current_state().models.all().values()]})


def describe_outcome(outcome: Prediction | Fault) -> dict[str, Any]:
    """A prediction, or an error in its place."""
    return outcome.to_dict() if isinstance(outcome, Prediction) else {"error": fault(outcome)}


def refer_to(model: ServedModel) -> dict[str, str]:
    """Which model answered."""
    return {"name": model.name, "version": model.version, "sha256": model.sha256}


def describe(model: ServedModel) -> dict[str, Any]:
    """What a model's config.json says of it, as far as callers need it."""
    config = model.config.to_dict()
    return refer_to(model) | {name: config[name] for name in ModelDescription.model_fields if name in config}
