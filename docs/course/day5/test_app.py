"""Step 6: tests of step 5, without a server.

.venv/bin/python -m pytest docs/course/day5/test_app.py
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from flask.testing import FlaskClient
from step5 import create_app

from thumbnet import Classifier

# --8<-- [start:tests]
CAT = Path("demo/examples/cat.png").read_bytes()
CLASSIFIER = Classifier.load("cifar10", threads=1)


@pytest.fixture
def client() -> FlaskClient:
    return create_app(CLASSIFIER).test_client()


def test_an_image_gets_the_classifiers_answer(client):
    answer = client.post("/v1/predict?top_k=1", data=CAT, content_type="image/png")
    assert answer.status_code == 200
    assert answer.json["predictions"][0]["scores"] == CLASSIFIER.predict(CAT, top_k=1).to_dict()["scores"]


def test_a_broken_image_is_the_callers_fault(client):
    answer = client.post("/v1/predict", data=CAT[:200], content_type="image/png")
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")


def test_a_bad_image_among_good_ones_spoils_only_its_own_answer(client):
    form = {"image": [(io.BytesIO(data), "a.png") for data in (CAT, b"no image", CAT)]}
    first, second, third = client.post("/v1/predict", data=form).json["predictions"]
    assert "error" in second
    assert first["scores"] == third["scores"]


# --8<-- [end:tests]
