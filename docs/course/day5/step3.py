"""Step 3: an application factory and a blueprint.

.venv/bin/python docs/course/day5/step3.py
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, current_app, request
from problems import explain_errors

from thumbnet import Classifier

# --8<-- [start:blueprint]
blueprint = Blueprint("v1", __name__, url_prefix="/v1")


@blueprint.post("/predict")
def predict() -> dict[str, Any]:
    """Classify the image that is the body."""
    return current_app.extensions["classifier"].predict(request.get_data()).to_dict()


@blueprint.get("/model")
def describe_model() -> dict[str, Any]:
    """Say what the model knows."""
    classifier = current_app.extensions["classifier"]
    return {"name": classifier.name, "labels": list(classifier.labels)}


# --8<-- [end:blueprint]


# --8<-- [start:factory]
def create_app(classifier: Classifier) -> Flask:
    """Build an application around a classifier."""
    app = Flask(__name__)
    app.extensions["classifier"] = classifier
    app.register_blueprint(blueprint)
    explain_errors(app)
    return app


# --8<-- [end:factory]

if __name__ == "__main__":
    create_app(Classifier.load("cifar10")).run(port=8200)
