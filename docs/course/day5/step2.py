"""Step 2: errors say whose fault they are, in one form (RFC 9457).

.venv/bin/python docs/course/day5/step2.py
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Flask, Response, json, request
from werkzeug.exceptions import HTTPException

from thumbnet import Classifier, InvalidImage

app = Flask(__name__)
classifier = Classifier.load("cifar10")


@app.post("/predict")
def predict() -> dict[str, Any]:
    """Classify the image that is the body."""
    return classifier.predict(request.get_data()).to_dict()


# --8<-- [start:problem]
def problem(status: int, detail: str) -> Response:
    """An answer for programs (status) and people (detail), RFC 9457."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return Response(json.dumps(body), status, content_type="application/problem+json")


# --8<-- [end:problem]


# --8<-- [start:handlers]
@app.errorhandler(InvalidImage)
def refuse_image(error: InvalidImage) -> Response:
    """The bytes are no image that we take: the caller's fault."""
    return problem(422, str(error))


@app.errorhandler(HTTPException)
def explain(error: HTTPException) -> Response:
    """What Flask raises itself: no such URL, wrong method, and so on."""
    return problem(error.code or 500, error.description or error.name)


@app.errorhandler(Exception)
def admit(error: Exception) -> Response:
    """Our fault. The log gets everything, the caller nothing of it."""
    app.logger.error("a request failed", exc_info=error)
    return problem(500, "something went wrong on our side.")


# --8<-- [end:handlers]

if __name__ == "__main__":
    app.run(port=8200)
