"""The Open Inference Protocol, and Triton's extensions of it."""

import json
import struct
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from thumbnet import __version__
from thumbnet.api import Settings, create_app
from thumbnet.model import Classifier

INFER = "/v2/models/cifar10/infer"
HEADER = "Inference-Header-Content-Length"


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def expected(classifier: Classifier, pixels: np.ndarray) -> np.ndarray:
    """(3, 10) float32 probabilities, in the order of the labels."""
    predictions = classifier.predict_pixels(list(pixels))
    rows = [{score.label: score.probability for score in prediction.scores} for prediction in predictions]
    return np.array([[row[label] for label in classifier.labels] for row in rows], dtype=np.float32)


def tensor(pixels: np.ndarray, **changes: Any) -> dict[str, Any]:
    described = {"name": "pixels", "datatype": "UINT8", "shape": list(pixels.shape), "data": pixels.ravel().tolist()}
    return described | changes


def images(*files: bytes, **changes: Any) -> dict[str, Any]:
    data = [b64encode(file).decode() for file in files]
    return {"name": "image", "datatype": "BYTES", "shape": [len(files)], "data": data} | changes


def infer(client: FlaskClient, *inputs: dict[str, Any], **rest: Any) -> TestResponse:
    return client.post(INFER, json={"inputs": inputs, **rest})


def infer_binary(client: FlaskClient, described: dict[str, Any], raw: bytes, **rest: Any) -> TestResponse:
    described = {name: value for name, value in described.items() if name != "data"}
    described["parameters"] = {"binary_data_size": len(raw)}
    text = json.dumps({"inputs": [described], **rest}).encode()
    return client.post(INFER, data=text + raw, headers={HEADER: str(len(text))})


def tensors(answer: TestResponse) -> dict[str, np.ndarray]:
    """The tensors of an answer, out of its JSON or out of the bytes behind it."""
    assert answer.status_code == 200, answer.get_data(as_text=True)
    length = int(answer.headers.get(HEADER, len(answer.data)))
    raw, found = answer.data[length:], {}
    for output in json.loads(answer.data[:length])["outputs"]:
        kind = {"FP32": "<f4", "BOOL": "?", "BYTES": object}[output["datatype"]]
        if "data" in output:
            values = np.array(output["data"], dtype=kind)
        else:
            part, raw = np.split(np.frombuffer(raw, np.uint8), [output["parameters"]["binary_data_size"]])
            part, raw = part.tobytes(), raw.tobytes()
            values = texts(part) if kind is object else np.frombuffer(part, kind)
        found[output["name"]] = values.reshape(output["shape"])
    assert not raw or HEADER not in answer.headers
    return found


def texts(raw: bytes) -> np.ndarray:
    found = []
    while raw:
        (length,) = struct.unpack("<I", raw[:4])
        found.append(raw[4 : 4 + length].decode())
        raw = raw[4 + length :]
    return np.array(found, dtype=object)


def test_the_server_and_its_health_are_described(client: FlaskClient) -> None:
    assert client.get("/v2").json == {
        "name": "thumbnet",
        "version": __version__,
        "extensions": ["binary_tensor_data", "classification"],
    }
    assert client.get("/v2/health/live").json == {"live": True}
    assert client.get("/v2/health/ready").json == {"ready": True}


@pytest.mark.parametrize("path", ["/v2/models/cifar10", "/v2/models/cifar10/versions/{}"])
def test_a_model_and_its_versions_are_described(client: FlaskClient, classifier: Classifier, path: str) -> None:
    version = classifier.config.files["model.onnx"][:12]
    path = path.format(version)
    assert client.get(path).json == {
        "name": "cifar10",
        "versions": [version],
        "platform": "openvino",
        "inputs": [
            {"name": "pixels", "datatype": "UINT8", "shape": [-1, 32, 32, 3]},
            {"name": "image", "datatype": "BYTES", "shape": [-1]},
        ],
        "outputs": [
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]},
            {"name": "labels", "datatype": "BYTES", "shape": [-1, 10]},
            {"name": "abstained", "datatype": "BOOL", "shape": [-1]},
        ],
    }
    assert client.get(f"{path}/ready").json == {"name": "cifar10", "ready": True}


def test_a_grey_model_takes_grey_pixels(mnist: Classifier) -> None:
    client = create_app(Settings(), mnist).test_client()
    assert client.get("/v2/models/mnist").json["inputs"][0]["shape"] == [-1, 28, 28, 1]
    body = {"inputs": [tensor(np.zeros((1, 28, 28, 1), np.uint8))]}
    answer = client.post("/v2/models/mnist/infer", json=body)
    assert tensors(answer)["probabilities"].shape == (1, 10)


@pytest.mark.parametrize("path", ["", "/ready", "/infer"])
@pytest.mark.parametrize("model", ["cifar11", "cifar10/versions/1"])
def test_an_unknown_model_or_version_is_missing(client: FlaskClient, model: str, path: str) -> None:
    answer = client.open(f"/v2/models/{model}{path}", method="POST" if path == "/infer" else "GET")
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")
    assert "there is" in answer.json["error"]


@pytest.mark.parametrize("data", [lambda pixels: pixels.ravel().tolist(), lambda pixels: pixels.tolist()])
def test_pixels_in_json_may_be_flat_or_nested(
    client: FlaskClient, pixels: np.ndarray, expected: np.ndarray, data: Callable[[np.ndarray], list[Any]]
) -> None:
    answer = infer(client, tensor(pixels, data=data(pixels)), id="mine")
    assert answer.json["id"] == "mine"
    assert np.array_equal(tensors(answer)["probabilities"], expected)


def test_an_empty_id_is_one_and_outputs_of_null_are_none(client: FlaskClient, pixels: np.ndarray) -> None:
    answer = infer(client, tensor(pixels), id="", outputs=None).json
    assert answer["id"] == ""
    assert len(answer["outputs"]) == 3


def test_without_outputs_all_of_them_come(client: FlaskClient, classifier: Classifier, pixels: np.ndarray) -> None:
    answer = infer(client, tensor(pixels))
    assert (answer.json["model_name"], answer.json["model_version"]) == (
        "cifar10",
        classifier.config.files["model.onnx"][:12],
    )
    assert "id" not in answer.json
    found = tensors(answer)
    assert list(found) == ["probabilities", "labels", "abstained"]
    assert found["labels"].tolist() == [list(classifier.labels)] * 3
    assert found["abstained"].tolist() == [each.abstained for each in classifier.predict_pixels(list(pixels))]


def test_tensors_may_be_bytes_both_ways(client: FlaskClient, pixels: np.ndarray, expected: np.ndarray) -> None:
    answer = infer_binary(client, tensor(pixels), pixels.tobytes(), parameters={"binary_data_output": True})
    assert answer.headers["Content-Type"] == "application/octet-stream"
    found = tensors(answer)
    assert np.array_equal(found["probabilities"], expected)
    assert found["labels"].shape == (3, 10)


def test_an_output_says_for_itself_whether_it_is_bytes(client: FlaskClient, pixels: np.ndarray) -> None:
    outputs = [
        {"name": "abstained"},
        {"name": "labels", "parameters": {"binary_data": True}},
        {"name": "probabilities", "parameters": {"binary_data": False}},
    ]
    answer = infer(client, tensor(pixels), outputs=outputs)
    described = json.loads(answer.data[: int(answer.headers[HEADER])])["outputs"]
    assert [(each["name"], "data" in each) for each in described] == [
        ("abstained", True),
        ("labels", False),
        ("probabilities", True),
    ]
    assert list(tensors(answer)) == ["abstained", "labels", "probabilities"]


def test_image_files_come_as_base64_or_as_bytes(
    client: FlaskClient, classifier: Classifier, png: bytes, jpeg: bytes
) -> None:
    raw = b"".join(struct.pack("<I", len(file)) + file for file in (png, jpeg))
    outputs = [{"name": "probabilities"}]
    best = [classifier.predict(file).label for file in (png, jpeg)]
    for answer in (
        infer(client, images(png, jpeg), outputs=outputs),
        infer_binary(client, images(png, jpeg), raw, outputs=outputs),
    ):
        rows = tensors(answer)["probabilities"]
        assert [classifier.labels[row.argmax()] for row in rows] == best


def test_classification_gives_the_best_classes_as_triton_does(
    client: FlaskClient, classifier: Classifier, pixels: np.ndarray, expected: np.ndarray
) -> None:
    outputs = [{"name": "probabilities", "parameters": {"classification": 2}}]
    found = tensors(infer(client, tensor(pixels), outputs=outputs))["probabilities"]
    assert found.shape == (3, 2)
    for row, texts_of_row in zip(expected, found, strict=True):
        first, second = np.argsort(-row)[:2]
        assert texts_of_row.tolist() == [f"{row[i]:f}:{i}:{classifier.labels[i]}" for i in (first, second)]


ZEROS = np.zeros((1, 32, 32, 3), np.uint8)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "inputs"),
        ({"inputs": []}, "inputs"),
        ({"inputs": {}}, "inputs"),
        ({"inputs": [5]}, "inputs"),
        ({"inputs": [tensor(ZEROS)] * 2}, "inputs"),
        ({"inputs": [tensor(ZEROS)], "outputs": [{"name": "logits"}]}, "logits"),
        ({"inputs": [tensor(ZEROS)], "outputs": [{"name": "labels"}] * 9}, "outputs"),
        ({"inputs": [tensor(ZEROS)], "outputs": [{"name": "labels", "parameters": {"classification": 2}}]}, "labels"),
        ({"inputs": [tensor(ZEROS)], "id": 5}, "id"),
        ({"inputs": [tensor(ZEROS, name="input")]}, "pixels or image"),
        ({"inputs": [tensor(ZEROS, datatype="FP32")]}, "FP32"),
        ({"inputs": [tensor(ZEROS, shape=[1, 3, 32, 32])]}, "[1, 3, 32, 32]"),
        ({"inputs": [tensor(ZEROS, shape=[0, 32, 32, 3])]}, "shape"),
        ({"inputs": [tensor(ZEROS, shape=[-1, 32, 32, 3])]}, "shape"),
        ({"inputs": [tensor(ZEROS, shape=[2, 32, 32, 3])]}, "3,072 values"),
        ({"inputs": [tensor(ZEROS, shape=[])]}, "shape"),
        ({"inputs": [tensor(ZEROS, shape=[1] * 9)]}, "shape"),
        ({"inputs": [tensor(ZEROS, data=None)]}, "data"),
        ({"inputs": [tensor(ZEROS, data=[])]}, "data"),
        ({"inputs": [tensor(ZEROS, data={"a": 1})]}, "data"),
        ({"inputs": [tensor(ZEROS, data=[0.5] * 3072)]}, "data"),
        ({"inputs": [tensor(ZEROS, data=[256] * 3072)]}, "data"),
        ({"inputs": [tensor(ZEROS, data=[-1] * 3072)]}, "data"),
        ({"inputs": [tensor(ZEROS, data=[2**63] * 3072)]}, "data"),
        ({"inputs": [tensor(ZEROS, data=[True] * 3072)]}, "data"),
        ({"inputs": [tensor(ZEROS, data=["0"] * 3072)]}, "data"),
        ({"inputs": [tensor(ZEROS, data=[[0], [0, 0]])]}, "data"),
        ({"inputs": [tensor(ZEROS, data="A" * 3072)]}, "data"),
        ({"inputs": [images()]}, "shape"),
        ({"inputs": [images(b"text", shape=[2])]}, "2 elements"),
        ({"inputs": [images(b"text", shape=[1, 1])]}, "[1, 1]"),
        ({"inputs": [images(b"text", datatype="UINT8")]}, "UINT8"),
        ({"inputs": [images(b"text", data=[5])]}, "1 elements"),
        ({"inputs": [images(b"text", data="text")]}, "1 elements"),
        ({"inputs": [images(b"text", data=["?"])]}, "base64"),
        ({"inputs": [images(b"text", data=["http://127.0.0.1/a.png"])]}, "fetched"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_request_that_makes_no_sense_is_told_why(client: FlaskClient, body: dict[str, Any], word: str) -> None:
    answer = client.post(INFER, json=body)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_argument")
    assert word in answer.json["error"]
    assert len(answer.data) < 2000


def test_more_images_than_allowed_are_refused(client: FlaskClient, png: bytes) -> None:
    for described in (tensor(ZEROS, shape=[33, 32, 32, 3]), images(*[png] * 33)):
        answer = infer(client, described)
        assert (answer.status_code, answer.json["code"]) == (413, "request_entity_too_large")


def test_a_bad_image_is_named(client: FlaskClient, png: bytes) -> None:
    answer = infer(client, images(png, png[:-40]))
    assert (answer.status_code, answer.json["code"]) == (422, "corrupt_image")
    assert answer.json["error"].startswith("image 2 of 2: ")


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "", "²", "9" * 5000, "100000"])
def test_a_header_that_is_no_length_of_the_json_is_a_bad_request(client: FlaskClient, length: str) -> None:
    answer = client.post(
        INFER, data=json.dumps({"inputs": [tensor(ZEROS)]}), headers={HEADER: length.encode("latin-1")}
    )
    assert (answer.status_code, answer.json["code"]) == (400, "bad_request")


def test_bytes_that_nobody_announced_are_a_bad_request(client: FlaskClient) -> None:
    text = json.dumps({"inputs": [tensor(ZEROS)]}).encode()
    answer = client.post(INFER, data=text + b"surplus", headers={HEADER: str(len(text))})
    assert (answer.status_code, answer.json["code"]) == (400, "bad_request")
    announced = json.dumps({"inputs": [tensor(ZEROS, parameters={"binary_data_size": 10**18})]})
    assert client.post(INFER, data=announced).status_code == 400


@pytest.mark.parametrize(
    "raw", [b"", b"\0", b"\0" * 4, b"\xff" * 4, b"\1\0\0\0", b"\1\0\0\0ab", b"\0" * 1_000_000], ids=repr
)
def test_bytes_that_are_no_elements_are_refused(client: FlaskClient, raw: bytes) -> None:
    answer = infer_binary(client, images(b"text"), raw[:1000])
    assert answer.status_code in (400, 422)
    assert answer.json["code"] in ("invalid_argument", "empty_image")


def test_texts_of_different_lengths_cost_no_more_than_they_are(client: FlaskClient) -> None:
    """numpy would make room for the longest one in each of them: 40 GB."""
    answer = infer(client, tensor(ZEROS, data=["a" * 5_000_000, *["b"] * 2000]))
    assert answer.status_code == 422
