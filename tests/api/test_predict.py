import io
import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from thumbnet.api import Settings, create_app
from thumbnet.model import Classifier

EXAMPLES = sorted((Path(__file__).parents[2] / "demo" / "examples").glob("*.[jp][pn]g"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_answer_is_bit_for_bit_the_classifiers(client: FlaskClient, classifier: Classifier, path: Path) -> None:
    data = path.read_bytes()
    answer = client.post("/v1/predict", data=data, content_type="application/octet-stream")
    assert answer.status_code == 200
    (received,) = answer.json["predictions"]
    expected = classifier.predict(data).to_dict()
    assert received.pop("milliseconds") > 0
    del expected["milliseconds"]
    assert received == expected


def test_an_answer_names_the_model_and_the_request(client: FlaskClient, classifier: Classifier, png: bytes) -> None:
    answer = client.post("/v1/predict", data=png, content_type="image/png", headers={"X-Request-Id": "mine-1"})
    assert answer.json["model"] == {"name": "cifar10", "sha256": classifier.config.files["model.onnx"]}
    assert answer.json["request_id"] == answer.headers["X-Request-Id"] == "mine-1"
    assert list(answer.json) == ["predictions", "model", "request_id"]


def test_many_images_are_answered_in_order_and_as_if_alone(
    client: FlaskClient, classifier: Classifier, png: bytes, jpeg: bytes
) -> None:
    images = [png, jpeg, *(path.read_bytes() for path in EXAMPLES)][:32]
    answer = client.post("/v1/predict", data={"image": [(io.BytesIO(image), "name") for image in images]})
    assert answer.status_code == 200
    received = [prediction["scores"] for prediction in answer.json["predictions"]]
    assert received == [classifier.predict(image).to_dict()["scores"] for image in images]


def test_thirty_two_images_are_allowed(client: FlaskClient, png: bytes) -> None:
    answer = client.post("/v1/predict", data={"image": files(png, 32)})
    assert (answer.status_code, len(answer.json["predictions"])) == (200, 32)


def test_a_single_image_may_come_in_a_form(client: FlaskClient, classifier: Classifier, png: bytes) -> None:
    answer = client.post("/v1/predict", data={"image": (io.BytesIO(png), "a.png"), "note": "ignored"})
    assert answer.json["predictions"][0]["probability"] == classifier.predict(png).probability


@pytest.mark.parametrize("count", [1, 3, 10])
def test_top_k_is_how_many_scores_come_back(
    client: FlaskClient, classifier: Classifier, png: bytes, count: int
) -> None:
    answer = client.post(f"/v1/predict?top_k={count}", data=png, content_type="image/png")
    expected = classifier.predict(png, top_k=count)
    received = answer.json["predictions"][0]["scores"]
    assert [(score["label"], score["probability"]) for score in received] == [
        (score.label, score.probability) for score in expected.scores
    ]
    assert len(received) == count


@pytest.mark.parametrize("count", ["0", "-1", "11", "1e9", "1000000000", "x", "", "1.5", "9" * 5000])
def test_a_top_k_out_of_range_says_what_came(client: FlaskClient, png: bytes, count: str) -> None:
    answer = client.post("/v1/predict", query_string={"top_k": count}, data=png, content_type="image/png")
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_argument")
    assert "top_k" in answer.json["detail"]
    assert count[:20] in answer.json["detail"]


def test_a_misspelt_parameter_is_not_ignored(client: FlaskClient, png: bytes) -> None:
    answer = client.post("/v1/predict?topk=3", data=png, content_type="image/png")
    assert answer.status_code == 422
    assert "topk" in answer.json["detail"]


def test_the_model_describes_itself(client: FlaskClient, classifier: Classifier) -> None:
    answer = client.get("/v1/model")
    config = classifier.config.to_dict()
    assert answer.status_code == 200
    assert answer.json == {name: config[name] for name in answer.json}
    assert set(answer.json) >= {"name", "labels", "preprocessing", "architecture", "temperature", "files"}
    assert "abstention_threshold" in answer.json


def test_labels_in_any_script_come_back_readable(client: FlaskClient) -> None:
    answer = client.get("/čeština")
    assert "čeština" in answer.get_data(as_text=True)


def test_a_grey_model_answers_too(png: bytes) -> None:
    classifier = Classifier.load("mnist", threads=1)
    client = create_app(Settings(), classifier).test_client()
    answer = client.post("/v1/predict", data=png, content_type="image/png")
    received = json.loads(answer.data)["predictions"][0]["scores"]
    assert received == classifier.predict(png).to_dict()["scores"]


def files(data: bytes, count: int) -> list[tuple[io.BytesIO, str]]:
    return [(io.BytesIO(data), f"{number}.png") for number in range(count)]
