"""Exercise 4: the caller says what it can read, the server picks.

.venv/bin/python docs/course/day5/solutions/negotiate.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from flask import Flask, Response, jsonify, request
from step4 import received_image
from werkzeug.exceptions import NotAcceptable

from thumbnet import Classifier


def create_app(classifier: Classifier) -> Flask:
    """An application that answers in JSON or in one word."""
    app = Flask(__name__)

    @app.post("/v1/predict")
    def predict() -> Response:
        kind = request.accept_mimetypes.best_match(["application/json", "text/plain"])
        if kind is None:
            raise NotAcceptable("this answers in application/json or text/plain.")
        prediction = classifier.predict(received_image())
        answer = jsonify(prediction.to_dict()) if kind == "application/json" else Response(prediction.label)
        answer.content_type = kind
        answer.vary.add("Accept")  # or a cache would give one caller's form to another
        return answer

    return app


if __name__ == "__main__":
    create_app(Classifier.load("cifar10")).run(port=8200)
