import io
import weakref
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from PIL import Image

from thumbnet.api import Settings, create_app
from thumbnet.api.predictions import read_or_fault
from thumbnet.model import Classifier
from thumbnet.model.encoded import EncodedImage
from thumbnet.model.errors import CorruptImage

EXAMPLES = sorted((Path(__file__).parents[2] / "demo" / "examples").glob("*.[jp][pn]g"))


@pytest.fixture
def two_models(classifier: Classifier, mnist: Classifier) -> FlaskClient:
    return create_app(Settings(), classifier, mnist).test_client()


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
    sha256 = classifier.config.files["model.onnx"]
    assert answer.json["model"] == {"name": "cifar10", "version": sha256[:12], "sha256": sha256}
    assert answer.json["request_id"] == answer.headers["X-Request-Id"] == "mine-1"
    assert list(answer.json) == ["predictions", "model", "request_id"]


def form_of(images: list[bytes]) -> dict[str, Any]:
    return {"data": {"image": [(io.BytesIO(image), "name") for image in images]}}


def json_of(images: list[bytes]) -> dict[str, Any]:
    return {"json": {"inputs": [b64encode(image).decode() for image in images]}}


@pytest.mark.parametrize("body", [form_of, json_of])
def test_many_images_are_answered_in_order_and_as_if_alone(
    client: FlaskClient, classifier: Classifier, png: bytes, jpeg: bytes, body: Callable[[list[bytes]], dict[str, Any]]
) -> None:
    images = [png, jpeg, *(path.read_bytes() for path in EXAMPLES)][:32]
    answer = client.post("/v1/predict", **body(images))
    assert answer.status_code == 200
    received = [prediction["scores"] for prediction in answer.json["predictions"]]
    assert received == [classifier.predict(image).to_dict()["scores"] for image in images]


@pytest.mark.parametrize("body", [form_of, json_of])
@pytest.mark.parametrize(("count", "status"), [(32, 200), (33, 413)])
def test_thirty_two_images_are_allowed(
    client: FlaskClient, png: bytes, count: int, status: int, body: Callable[[list[bytes]], dict[str, Any]]
) -> None:
    assert client.post("/v1/predict", **body([png] * count)).status_code == status


@pytest.mark.parametrize("body", [form_of, json_of])
def test_a_bad_image_among_others_is_an_error_in_its_place(
    client: FlaskClient, classifier: Classifier, png: bytes, body: Callable[[list[bytes]], dict[str, Any]]
) -> None:
    answer = client.post("/v1/predict", **body([png, png[:-40], b"", png, b"text"]))
    assert answer.status_code == 200
    first, corrupt, empty, second, text = answer.json["predictions"]
    assert first["scores"] == second["scores"] == classifier.predict(png).to_dict()["scores"]
    assert [bad["error"]["status"] for bad in (corrupt, empty, text)] == [422, 400, 415]
    assert corrupt["error"]["code"] == "corrupt_image"
    assert set(corrupt["error"]) == {"type", "title", "status", "detail", "code"}


def test_what_is_wrong_with_an_image_does_not_keep_it_in_memory(
    app: APIFlask, encode: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[weakref.ref[EncodedImage]] = []
    original = EncodedImage.__init__

    def watched(self: EncodedImage, data: bytes) -> None:
        read.append(weakref.ref(self))
        original(self, data)

    monkeypatch.setattr(EncodedImage, "__init__", watched)
    truncated = encode(Image.effect_noise((64, 64), 50), "PNG")[:-100]
    fault = read_or_fault(app.extensions["thumbnet"].models.get(), truncated)
    assert isinstance(fault, CorruptImage)
    assert [image() for image in read] == [None]


def test_of_bad_images_only_each_is_an_error(client: FlaskClient) -> None:
    answer = client.post("/v1/predict", **form_of([b"text", b""]))
    assert answer.status_code == 200
    assert all("error" in prediction for prediction in answer.json["predictions"])


@pytest.mark.parametrize("body", [form_of, json_of])
def test_a_single_bad_image_is_a_problem(
    client: FlaskClient, png: bytes, body: Callable[[list[bytes]], dict[str, Any]]
) -> None:
    answer = client.post("/v1/predict", **body([png[:-40]]))
    assert (answer.status_code, answer.json["code"]) == (422, "corrupt_image")


def test_a_single_image_may_come_in_a_form(client: FlaskClient, classifier: Classifier, png: bytes) -> None:
    answer = client.post("/v1/predict", data={"image": (io.BytesIO(png), "a.png"), "note": "ignored"})
    assert answer.json["predictions"][0]["probability"] == classifier.predict(png).probability


@pytest.mark.parametrize("count", [1, 3, 10])
def test_top_k_is_how_many_scores_come_back(
    client: FlaskClient, classifier: Classifier, png: bytes, count: int
) -> None:
    expected = [(score.label, score.probability) for score in classifier.predict(png, top_k=count).scores]
    parameters = {"inputs": b64encode(png).decode(), "parameters": {"top_k": count}}
    for answer in (
        client.post(f"/v1/predict?top_k={count}", data=png, content_type="image/png"),
        client.post("/v1/predict", json=parameters),
        client.post("/v1/predict?top_k=2", json=parameters),
    ):
        received = answer.json["predictions"][0]["scores"]
        assert [(score["label"], score["probability"]) for score in received] == expected


@pytest.mark.parametrize("count", ["0", "-1", "11", "1e9", "1000000000", "x", "", "1.5", "9" * 5000])
def test_a_top_k_out_of_range_says_what_came(client: FlaskClient, png: bytes, count: str) -> None:
    answer = client.post("/v1/predict", query_string={"top_k": count}, data=png, content_type="image/png")
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_argument")
    assert "top_k" in answer.json["detail"]
    assert count[:20] in answer.json["detail"]
    assert len(answer.data) < 2000


@pytest.mark.parametrize("count", [0, -1, 11, 10**9, 1e9, 1.5, "x", "3", True, [], {}])
def test_a_top_k_out_of_range_in_json_is_refused_too(client: FlaskClient, png: bytes, count: object) -> None:
    for path in ("/v1/predict", "/models/cifar10"):
        answer = client.post(path, json={"inputs": b64encode(png).decode(), "parameters": {"top_k": count}})
        assert (answer.status_code, answer.json["code"]) == (422, "invalid_argument")
        assert "top_k" in answer.json["detail"]


def test_a_misspelt_parameter_is_not_ignored(client: FlaskClient, png: bytes) -> None:
    text = b64encode(png).decode()
    for answer in (
        client.post("/v1/predict?topk=3", data=png, content_type="image/png"),
        client.post("/v1/predict", json={"inputs": text, "parameters": {"topk": 3}}),
        client.post("/v1/predict", json={"inputs": text, "topk": 3}),
    ):
        assert answer.status_code == 422
        assert "topk" in answer.json["detail"]


def test_the_first_model_answers_unless_another_is_named(
    two_models: FlaskClient, classifier: Classifier, mnist: Classifier, png: bytes
) -> None:
    for query, expected in (("", classifier), ("?model=cifar10", classifier), ("?model=mnist", mnist)):
        answer = two_models.post(f"/v1/predict{query}", data=png, content_type="image/png")
        assert answer.json["model"]["name"] == expected.name
        assert answer.json["predictions"][0]["scores"] == expected.predict(png).to_dict()["scores"]


@pytest.mark.parametrize("path", ["/v1/predict?model=mnist2", "/v1/explain?model=mnist2", "/models/mnist2"])
def test_an_unknown_model_is_missing(two_models: FlaskClient, png: bytes, path: str) -> None:
    answer = two_models.post(path, data=png, content_type="image/png")
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")
    assert answer.json["detail"] == "there is no model 'mnist2' here; there is cifar10, mnist."


def test_a_model_describes_itself(two_models: FlaskClient, classifier: Classifier, mnist: Classifier) -> None:
    for query, model in (("", classifier), ("?model=mnist", mnist)):
        answer = two_models.get(f"/v1/model{query}")
        config = model.config.to_dict()
        assert answer.status_code == 200
        assert answer.json.items() >= {"name": model.name, "labels": list(model.labels)}.items()
        assert answer.json["sha256"] == config["files"]["model.onnx"]
        assert answer.json["sha256"].startswith(answer.json["version"])
        for name in ("preprocessing", "architecture", "temperature", "abstention_threshold", "files"):
            assert answer.json[name] == config[name]


def test_all_models_are_listed_the_default_first(two_models: FlaskClient) -> None:
    models = two_models.get("/v1/models").json["models"]
    assert [model["name"] for model in models] == ["cifar10", "mnist"]
    assert models[1] == two_models.get("/v1/model?model=mnist").json


def test_labels_in_any_script_come_back_readable(client: FlaskClient) -> None:
    answer = client.get("/čeština")
    assert "čeština" in answer.get_data(as_text=True)


def test_every_prediction_of_every_door_is_counted(client: FlaskClient, png: bytes) -> None:
    text = b64encode(png).decode()
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [text]}
    client.post("/v1/predict", data=png, content_type="image/png")
    client.post("/v1/predict", **form_of([png, b"", png]))
    client.post("/v1/predict", data=png[:-40], content_type="image/png")
    client.post("/models/cifar10", json={"inputs": text, "parameters": {"function_to_apply": "none"}})
    client.post("/v2/models/cifar10/infer", json={"inputs": [tensor]})
    page = client.get("/metrics").get_data(as_text=True)
    assert 'thumbnet_confidence_count{model="cifar10"} 5.0' in page
    assert 'thumbnet_image_side_pixels_sum{model="cifar10"} 300.0' in page  # 60 pixels wide, each of the five
