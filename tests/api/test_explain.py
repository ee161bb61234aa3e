import io
from base64 import b64encode
from dataclasses import replace

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from thumbnet.api import Settings, create_app
from thumbnet.model import Classifier
from thumbnet.model.explain import explain


@pytest.mark.parametrize("label", [None, "dog"])
def test_a_heatmap_is_that_of_the_explainer(
    client: FlaskClient, classifier: Classifier, png: bytes, label: str | None
) -> None:
    query = {} if label is None else {"label": label}
    expected = explain(classifier, png, label)
    answer = client.post("/v1/explain", query_string=query, data=png, content_type="image/png")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    with Image.open(io.BytesIO(answer.data)) as picture:
        assert np.array_equal(np.asarray(picture), expected.overlay())
    assert answer.headers["X-Label"] == expected.label
    assert (
        float(answer.headers["X-Probability"])
        == expected.probability
        == pytest.approx(
            next(score.probability for score in classifier.predict(png).scores if score.label == expected.label)
        )
    )


def test_the_label_may_come_in_json_or_beside_a_form(client: FlaskClient, png: bytes) -> None:
    body = {"inputs": b64encode(png).decode(), "parameters": {"label": "frog"}}
    for answer in (
        client.post("/v1/explain", json=body),
        client.post("/v1/explain?label=frog", data={"image": (io.BytesIO(png), "a.png")}),
    ):
        assert (answer.status_code, answer.headers["X-Label"]) == (200, "frog")


def test_a_label_in_any_script_fits_a_header(classifier: Classifier, png: bytes) -> None:
    config = replace(classifier.config, labels=("letadlo", *classifier.labels[1:-1], "náklaďák"))
    client = create_app(Settings(), Classifier(config, classifier)).test_client()
    answer = client.post("/v1/explain?label=náklaďák", data=png, content_type="image/png")
    assert (answer.status_code, answer.headers["X-Label"]) == (200, "n%C3%A1kla%C4%8F%C3%A1k")


def test_an_unknown_label_is_refused_with_the_nearest(client: FlaskClient, png: bytes) -> None:
    answer = client.post("/v1/explain?label=car", data=png, content_type="image/png")
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_argument")
    assert "Did you mean" in answer.json["detail"]


def test_a_bad_image_is_a_problem_and_two_are_one_too_many(client: FlaskClient, png: bytes) -> None:
    assert client.post("/v1/explain", data=png[:-40], content_type="image/png").json["code"] == "corrupt_image"
    form = {"image": [(io.BytesIO(png), "a.png"), (io.BytesIO(png), "b.png")]}
    answer = client.post("/v1/explain", data=form)
    assert answer.status_code == 422
    assert f"must be one image; 2 were sent; received [{len(png)} bytes, {len(png)} bytes]" in answer.json["detail"]
