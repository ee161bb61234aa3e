"""/models: Hugging Face's image-classification task, for `huggingface_hub.InferenceClient(model=url)`."""

from __future__ import annotations

import numpy as np
from apiflask import APIBlueprint
from flask import Response, jsonify

from .openapi import TRANSFORMERS_EXAMPLE, answers, image_body, reference
from .predictions import classify_one, wanted_model
from .schemas import NoQuery, TransformersBody, TransformersScore
from .uploads import receive

USUAL_TOP_K = 5
"""As many as transformers' own pipeline returns."""

blueprint = APIBlueprint(
    "huggingface",
    __name__,
    tag={"name": "Hugging Face", "description": "For `huggingface_hub.InferenceClient(model=url)`."},
)


@blueprint.post("/models/<name>")
@blueprint.input(NoQuery, location="query", arg_name="_")
@blueprint.doc(
    responses=answers(
        {"type": "array", "items": reference(TransformersScore)}, TRANSFORMERS_EXAMPLE, 400, 404, 413, 415, 422
    ),
    extensions=image_body(TransformersBody),
)
def classify_image(name: str, _: NoQuery) -> Response:
    """Classify one image, as Hugging Face's inference clients ask for it."""
    model = wanted_model(name)
    received = receive(TransformersBody)
    parameters = received.parameters
    top_k = min(USUAL_TOP_K, len(model.labels)) if parameters.top_k is None else parameters.top_k
    prediction = classify_one(model, received.inputs[0], top_k)
    scores = {score.label: score.probability for score in prediction.scores}
    if parameters.function_to_apply not in (None, "softmax"):
        row = model.scale(model.logits(prediction.pixels[None]))[0]
        if parameters.function_to_apply == "sigmoid":
            row = 1 / (1 + np.exp(-row))
        scores = {label: float(row[model.labels.index(label)]) for label in scores}  # in the same order
    return jsonify([{"label": label, "score": score} for label, score in scores.items()])
