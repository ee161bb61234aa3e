"""Step 5: several images in one request, as a form or as JSON.

.venv/bin/python docs/course/day5/step5.py
"""

from __future__ import annotations

import base64
from typing import Any

import step4
from flask import Blueprint, Flask, current_app, request
from problems import explain_errors
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from thumbnet import Classifier, InvalidImage

MOST_IMAGES = 8

blueprint = Blueprint("v1", __name__, url_prefix="/v1")


# --8<-- [start:receive]
def received_images() -> list[bytes]:
    """The images of a request, whichever of three forms it has."""
    if request.mimetype == "multipart/form-data":
        images = [file.read() for file in request.files.getlist("image")]
    elif request.mimetype == "application/json":
        body = request.get_json()
        texts = body.get("inputs") if isinstance(body, dict) else None
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise BadRequest('send {"inputs": ["base64 of an image", …]}.')
        try:
            images = [base64.b64decode(text, validate=True) for text in texts]
        except ValueError as error:
            raise BadRequest(f"inputs: not base64 ({error}).") from error
    else:
        images = [step4.received_image()]
    if not images:
        raise BadRequest("received no image; a form has each in a field named 'image'.")
    if len(images) > MOST_IMAGES:
        raise RequestEntityTooLarge(f"received {len(images)} images; at most {MOST_IMAGES} are allowed.")
    return images


# --8<-- [end:receive]


# --8<-- [start:batch]
@blueprint.post("/predict")
def predict() -> dict[str, Any]:
    """Classify the images of a request; a bad one is an error in its place."""
    classifier: Classifier = current_app.extensions["classifier"]
    top_k = step4.wanted_classes(len(classifier.labels))
    outcomes: list[Any] = []
    for image in received_images():
        try:
            outcomes.append(classifier.read(image))
        except InvalidImage as error:
            outcomes.append(error)
    sound = [outcome for outcome in outcomes if not isinstance(outcome, InvalidImage)]
    predictions = iter(classifier.predict_pixels(sound, top_k=top_k))
    if len(outcomes) == 1 and not sound:
        raise outcomes[0]
    return {
        "predictions": [
            {"error": str(outcome)} if isinstance(outcome, InvalidImage) else next(predictions).to_dict()
            for outcome in outcomes
        ]
    }


# --8<-- [end:batch]


def create_app(classifier: Classifier) -> Flask:
    """Build an application around a classifier."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = step4.MAX_BYTES
    app.extensions["classifier"] = classifier
    app.register_blueprint(blueprint)
    explain_errors(app)
    return app


if __name__ == "__main__":
    create_app(Classifier.load("cifar10")).run(port=8200)
