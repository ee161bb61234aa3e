"""Exercise 5: an answer that has not changed need not be sent again.

.venv/bin/python docs/course/day5/solutions/not_modified.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from flask import Flask, Response, jsonify, request

from thumbnet import Classifier


def create_app(classifier: Classifier) -> Flask:
    """An application that describes its model, and says 304 to whoever has the description already."""
    app = Flask(__name__)

    @app.get("/v1/model")
    def describe_model() -> Response:
        answer = jsonify({"name": classifier.name, "labels": list(classifier.labels)})
        answer.set_etag(classifier.config.files["model.onnx"])  # other weights, other description
        return answer.make_conditional(request)

    return app


if __name__ == "__main__":
    create_app(Classifier.load("cifar10")).run(port=8200)
