"""Exercise 2: which status for which mistake; the project's own API is asked.

.venv/bin/python docs/course/day5/solutions/statuses.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from wire import CAT

from thumbnet import Classifier
from thumbnet.api import Settings, create_app

CASES = {
    "an image": ("POST", "/v1/predict", CAT.read_bytes(), "image/png", 200),
    "a text that says it is an image": ("POST", "/v1/predict", b"hello", "image/png", 415),
    "half an image": ("POST", "/v1/predict", CAT.read_bytes()[:1200], "image/png", 422),
    "nothing": ("POST", "/v1/predict", b"", "image/png", 400),
    "an image as text/plain": ("POST", "/v1/predict", CAT.read_bytes(), "text/plain", 415),
    "eleven of ten classes": ("POST", "/v1/predict?top_k=11", CAT.read_bytes(), "image/png", 422),
    "a GET": ("GET", "/v1/predict", b"", "image/png", 405),
    "a URL that is not there": ("POST", "/v1/predictions", CAT.read_bytes(), "image/png", 404),
    "a model that is not there": ("POST", "/v1/predict?model=dogs", CAT.read_bytes(), "image/png", 404),
}
"""Situation → method, path, body, type, and the status we expect."""


def ask() -> dict[str, int]:
    """Situation → the status that the API gives."""
    client = create_app(Settings(), Classifier.load("cifar10", threads=1)).test_client()
    return {
        name: client.open(path, method=method, data=body, content_type=kind).status_code
        for name, (method, path, body, kind, _) in CASES.items()
    }


if __name__ == "__main__":
    for name, status in ask().items():
        print(f"{status}  {name}")
