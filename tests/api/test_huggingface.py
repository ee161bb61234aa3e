import io
import threading
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError
from werkzeug.serving import make_server

from thumbnet.model import Classifier


@pytest.fixture
def hub(app: APIFlask) -> Iterator[InferenceClient]:
    """The official client, and a server that it can reach."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield InferenceClient(model=f"http://127.0.0.1:{server.server_port}/models/cifar10", token="hf_none")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_official_client_gets_the_classifiers_scores(
    hub: InferenceClient, classifier: Classifier, png: bytes, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(png)
    expected = [(score.label, score.probability) for score in classifier.predict(png).scores]
    for count, received in (
        (5, hub.image_classification(png)),
        (5, hub.image_classification(tmp_path / "a.png")),
        (2, hub.image_classification(png, top_k=2)),
        (10, hub.image_classification(png, top_k=10, function_to_apply="softmax")),
    ):
        assert [(each.label, each.score) for each in received] == expected[:count]


def test_the_official_client_is_told_what_is_wrong(hub: InferenceClient) -> None:
    with pytest.raises(HfHubHTTPError, match="not an image that can be read"):
        hub.image_classification(b"text")


@pytest.mark.parametrize("function", ["softmax", "sigmoid", "none"])
def test_scores_are_what_the_function_makes_of_the_logits(
    client: FlaskClient, classifier: Classifier, png: bytes, function: str
) -> None:
    body = {"inputs": b64encode(png).decode(), "parameters": {"function_to_apply": function, "top_k": 10}}
    received = client.post("/models/cifar10", json=body).json
    logits = classifier.scale(classifier.logits(classifier.read(png)[None]))[0]
    expected = {"none": logits, "sigmoid": 1 / (1 + np.exp(-logits)), "softmax": np.exp(logits) / np.exp(logits).sum()}
    order = np.argsort(-logits)
    assert [each["label"] for each in received] == [classifier.labels[i] for i in order]
    assert [each["score"] for each in received] == pytest.approx(list(expected[function][order]))


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream", None])
def test_raw_bytes_give_the_five_best(client: FlaskClient, png: bytes, kind: str | None) -> None:
    received = client.post("/models/cifar10", data=png, content_type=kind).json
    assert len(received) == 5
    assert received == sorted(received, key=lambda each: -each["score"])


def test_parameters_in_the_query_are_refused_rather_than_passed_over(client: FlaskClient, png: bytes) -> None:
    answer = client.post("/models/cifar10?top_k=1", data=png, content_type="image/png")
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_argument")
    assert "top_k" in answer.json["detail"]


def test_several_images_are_too_many(client: FlaskClient, png: bytes) -> None:
    text = b64encode(png).decode()
    form = {"image": [(io.BytesIO(png), "a.png"), (io.BytesIO(png), "b.png")]}
    for answer in (client.post("/models/cifar10", json={"inputs": [text]}), client.post("/models/cifar10", data=form)):
        assert answer.status_code == 422
        assert "one image" in answer.json["detail"]
