"""Step 4: nothing is believed: size, type and numbers are checked before anybody computes.

.venv/bin/python docs/course/day5/step4.py
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, current_app, request
from problems import explain_errors
from werkzeug.exceptions import UnprocessableEntity, UnsupportedMediaType

from thumbnet import Classifier

MAX_BYTES = 2 * 1024 * 1024

blueprint = Blueprint("v1", __name__, url_prefix="/v1")


# --8<-- [start:checks]
def wanted_classes(most: int) -> int:
    """`?top_k=3`: how many classes to return, 1 … most; all of them where it is not given."""
    text = request.args.get("top_k", str(most))
    if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= most):
        raise UnprocessableEntity(f"top_k must be 1 … {most}; received {text[:20]!r}.")
    return int(text)


def received_image() -> bytes:
    """The body, where it says that it is an image."""
    if not (request.mimetype.startswith("image/") or request.mimetype == "application/octet-stream"):
        raise UnsupportedMediaType(f"received {request.mimetype or 'no type'}; send an image with image/*.")
    return request.get_data()


# --8<-- [end:checks]


@blueprint.post("/predict")
def predict() -> dict[str, Any]:
    """Classify the image that is the body."""
    classifier: Classifier = current_app.extensions["classifier"]
    top_k = wanted_classes(len(classifier.labels))
    return classifier.predict(received_image(), top_k=top_k).to_dict()


def create_app(classifier: Classifier) -> Flask:
    """Build an application around a classifier."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BYTES  # more is 413, before it is read
    app.extensions["classifier"] = classifier
    app.register_blueprint(blueprint)
    explain_errors(app)
    return app


if __name__ == "__main__":
    create_app(Classifier.load("cifar10")).run(port=8200)
