"""Step 2: errors say whose fault they are, in one form (RFC 9457).

.venv/bin/python docs/course/day5/step2.py
"""

from __future__ import annotations

from typing import Any

from flask import Flask, request
from problems import explain_errors

from thumbnet import Classifier

app = Flask(__name__)
explain_errors(app)
classifier = Classifier.load("cifar10")


@app.post("/predict")
def predict() -> dict[str, Any]:
    """Classify the image that is the body."""
    return classifier.predict(request.get_data()).to_dict()


if __name__ == "__main__":
    app.run(port=8200)
