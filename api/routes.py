"""The endpoints."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from apiflask import APIBlueprint
from flask import current_app

from thumbnet.model import Classifier, InvalidImage, Pixels
from thumbnet.model.weights import ONNX

from .loading import PATIENCE_SECONDS, ModelLoader
from .problems import request_id
from .schemas import (
    MODEL_EXAMPLE,
    PREDICTIONS_EXAMPLE,
    Health,
    ModelDescription,
    Predictions,
    PredictQuery,
    problem_responses,
)
from .uploads import received_images

blueprint = APIBlueprint("thumbnet", __name__)


@blueprint.post("/v1/predict")
@blueprint.input(PredictQuery, location="query")
@blueprint.output(Predictions, example=PREDICTIONS_EXAMPLE)
@blueprint.doc(responses=problem_responses(400, 413, 415, 422, 503))
def predict(query_data: PredictQuery) -> dict[str, Any]:
    """Classify one image, or several of one form."""
    classifier = loader().classifier(PATIENCE_SECONDS)
    images = received_images()
    started = time.perf_counter()
    pixels = read_all(classifier, images)
    milliseconds = 1000 * (time.perf_counter() - started) / len(images)
    predictions = classifier.predict_pixels(pixels, top_k=query_data.top_k, milliseconds=milliseconds)
    return {
        "predictions": [prediction.to_dict() for prediction in predictions],
        "model": {"name": classifier.name, "sha256": classifier.config.files[ONNX]},
        "request_id": request_id(),
    }


@blueprint.get("/v1/model")
@blueprint.output(ModelDescription, example=MODEL_EXAMPLE)
@blueprint.doc(responses=problem_responses(503))
def describe_model() -> dict[str, Any]:
    """Say which model answers, what it knows and what it wants to see."""
    return loader().classifier(PATIENCE_SECONDS).config.to_dict()


@blueprint.get("/livez")
@blueprint.output(Health, example={"status": "alive"})
def livez() -> dict[str, str]:
    """Say that the server runs: restart it where this does not answer."""
    return {"status": "alive"}


@blueprint.get("/readyz")
@blueprint.output(Health, example={"status": "ready"})
@blueprint.doc(responses=problem_responses(503))
def readyz() -> dict[str, str]:
    """Say whether the model is loaded and warm: send requests only where it is."""
    loader().classifier()
    return {"status": "ready"}


def loader() -> ModelLoader:
    """The model loader of the current application."""
    found: ModelLoader = current_app.extensions["thumbnet"]
    return found


def read_all(classifier: Classifier, images: Sequence[bytes]) -> list[Pixels]:
    """What the network sees of each image. Raises InvalidImage, and says which one where there are several."""
    pixels = []
    for number, image in enumerate(images, start=1):
        try:
            pixels.append(classifier.read(image))
        except InvalidImage as error:
            if len(images) == 1:
                raise
            raise type(error)(f"image {number} of {len(images)}: {error}") from error
    return pixels
