"""/v2: the Open Inference Protocol, as Triton and KServe speak it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from apiflask import APIBlueprint
from flask import Response, current_app, jsonify
from werkzeug.exceptions import NotFound, RequestEntityTooLarge

from thumbnet import __version__
from thumbnet.model import InvalidArgument, Prediction

from .loading import ServedModel
from .openapi import PIXEL, SHA256, answers, body, reference
from .operations import check_ready
from .predictions import classify, classify_pixels, wanted_model
from .tensors import (
    HEADER_LENGTH,
    InferRequest,
    InferResponse,
    ModelMetadata,
    RequestedOutput,
    describe_tensor,
    read_bytes,
    read_pixels,
    read_request,
    write_answer,
)
from .uploads import JSON, OCTETS

OBJECT = {"type": "object"}
SERVER = {"name": "thumbnet", "version": __version__, "extensions": ["binary_tensor_data", "classification"]}
INFER_EXAMPLE = {
    "inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [PIXEL]}],
    "outputs": [{"name": "probabilities"}],
}
ANSWER_EXAMPLE = {
    "model_name": "cifar10",
    "model_version": SHA256[:12],
    "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [1, 2], "data": [0.75, 0.25]}],
}
METADATA_EXAMPLE = {
    "name": "mnist",
    "versions": [SHA256[:12]],
    "platform": "openvino",
    "inputs": [
        {"name": "pixels", "datatype": "UINT8", "shape": [-1, 28, 28, 1]},
        {"name": "image", "datatype": "BYTES", "shape": [-1]},
    ],
    "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}],
}
OUTPUTS = {"probabilities": "FP32", "labels": "BYTES", "abstained": "BOOL"}
"""The columns of `probabilities` are the model's classes in their own order; `labels` names them, row by row."""

blueprint = APIBlueprint(
    "inference",
    __name__,
    url_prefix="/v2",
    tag={"name": "Open Inference Protocol", "description": "As Triton, KServe and others speak it."},
)
MODEL, VERSION = "/models/<name>", "/models/<name>/versions/<version>"


@blueprint.get("")
@blueprint.doc(responses=answers(OBJECT, SERVER))
def describe_server() -> Response:
    """Say what this server is, and which extensions of the protocol it knows."""
    return jsonify(SERVER)


@blueprint.get("/health/live")
@blueprint.doc(responses=answers(OBJECT, {"live": True}))
def live() -> Response:
    """Say that the server runs."""
    return jsonify({"live": True})


@blueprint.get("/health/ready")
@blueprint.doc(responses=answers(OBJECT, {"ready": True}))
def ready() -> Response:
    """Say whether all models are ready."""
    check_ready()
    return jsonify({"ready": True})


@blueprint.get(f"{VERSION}/ready")
@blueprint.get(f"{MODEL}/ready")
@blueprint.doc(responses=answers(OBJECT, {"name": "cifar10", "ready": True}, 404))
def model_ready(name: str, version: str | None = None) -> Response:
    """Say whether a model is ready."""
    check_ready()
    return jsonify({"name": named(name, version).name, "ready": True})


@blueprint.get(VERSION)
@blueprint.get(MODEL)
@blueprint.doc(responses=answers(ModelMetadata, METADATA_EXAMPLE, 404))
def describe_model(name: str, version: str | None = None) -> Response:
    """Say which tensors a model takes, one of the two, and which it gives."""
    model = named(name, version)
    inputs = [("pixels", "UINT8", [-1, *shape_of(model)]), ("image", "BYTES", [-1])]
    outputs = [(output, kind, [-1] if kind == "BOOL" else [-1, len(model.labels)]) for output, kind in OUTPUTS.items()]
    described = {"name": model.name, "versions": [model.version], "platform": "openvino"}
    return jsonify(described | {"inputs": list(map(metadata, inputs)), "outputs": list(map(metadata, outputs))})


LENGTH_HEADER = {
    HEADER_LENGTH: {"description": "Of an answer in bytes: where its JSON ends.", "schema": {"type": "integer"}}
}
INFERRED = answers(InferResponse, ANSWER_EXAMPLE, 400, 404, 413, 415, 422, headers=LENGTH_HEADER)
INFERRED[200]["content"][OCTETS] = {"schema": {"type": "string"}}  # where outputs are asked for as bytes


@blueprint.post(f"{VERSION}/infer")
@blueprint.post(f"{MODEL}/infer")
@blueprint.doc(
    responses=INFERRED,
    extensions=body(
        "A tensor in JSON. With `Inference-Header-Content-Length` the JSON ends there and the tensor follows as bytes.",
        **{JSON: {"schema": reference(InferRequest), "example": INFER_EXAMPLE}, OCTETS: {"schema": {"type": "string"}}},
    ),
)
def infer(name: str, version: str | None = None) -> Response:
    """Compute tensors from images, or from what the network sees."""
    model = named(name, version)
    asked, raw = read_request()
    wanted = wanted_outputs(asked)
    predictions = predict(model, asked, raw)
    parts = []
    for output in wanted:
        parameters = output.parameters
        values = values_of(output.name, model, predictions)
        if parameters and parameters.classification:
            values = best_classes(values, model.labels, parameters.classification)
        binary = parameters.binary_data if parameters else None
        if binary is None:
            binary = bool(asked.parameters and asked.parameters.binary_data_output)
        parts.append(describe_tensor(output.name, values, binary=binary))
    answer: dict[str, Any] = {} if asked.id is None else {"id": asked.id}
    answer |= {"model_name": model.name, "model_version": model.version, "outputs": [part for part, _ in parts]}
    data, headers = write_answer(answer, b"".join(tensor for _, tensor in parts))
    return Response(data, headers=headers)


def predict(model: ServedModel, asked: InferRequest, raw: bytes | None) -> list[Prediction]:
    """The predictions for the input of a request. Raises what is wrong with it, and says which image it is."""
    tensor = asked.inputs[0]
    if tensor.name not in ("pixels", "image"):
        raise InvalidArgument(f"unknown input {tensor.name[:60]!r}; send pixels or image.")
    most = current_app.config["MAX_IMAGES"]
    if tensor.shape[0] > most:
        raise RequestEntityTooLarge(f"received {tensor.shape[0]} images; at most {most} are allowed.")
    if tensor.name == "pixels":
        pixels = read_pixels(tensor, raw, shape_of(model))
        return classify_pixels(model, list(pixels), [pixels.shape[1]] * len(pixels))
    outcomes = classify(model, read_bytes(tensor, raw))
    for number, outcome in enumerate(outcomes, start=1):
        if isinstance(outcome, Exception):
            raise type(outcome)(f"image {number} of {len(outcomes)}: {outcome}") from outcome
    return [outcome for outcome in outcomes if isinstance(outcome, Prediction)]


def wanted_outputs(asked: InferRequest) -> list[RequestedOutput]:
    """The outputs that a request asks for, or all. Raises InvalidArgument for an unknown one."""
    if not asked.outputs:
        return [RequestedOutput(name=name) for name in OUTPUTS]
    for output in asked.outputs:
        if output.name not in OUTPUTS:
            raise InvalidArgument(f"unknown output {output.name[:60]!r}; known: {', '.join(OUTPUTS)}.")
        if output.name != "probabilities" and output.parameters and output.parameters.classification:
            raise InvalidArgument(f"classification is for probabilities, not for {output.name}.")
    return asked.outputs


def values_of(output: str, model: ServedModel, predictions: list[Prediction]) -> npt.NDArray[Any]:
    """An output tensor."""
    if output == "abstained":
        return np.array([prediction.abstained for prediction in predictions], dtype=bool)
    if output == "labels":
        return np.array([model.labels] * len(predictions), dtype=object)
    rows = [{score.label: score.probability for score in prediction.scores} for prediction in predictions]
    return np.array([[row[label] for label in model.labels] for row in rows], dtype="<f4")


def best_classes(probabilities: npt.NDArray[Any], labels: tuple[str, ...], count: int) -> npt.NDArray[Any]:
    """The best classes of each row as "probability:index:label", as Triton's classification extension has them."""
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
    rows = [[f"{row[i]:f}:{i}:{labels[i]}" for i in order] for row, order in zip(probabilities, best, strict=True)]
    return np.array(rows, dtype=object)


def named(name: str, version: str | None) -> ServedModel:
    """The model of a URL. Raises NotFound."""
    model = wanted_model(name)
    if version not in (None, model.version):
        raise NotFound(f"there is no version {version!r} of {name}; there is {model.version}.")
    return model


def shape_of(model: ServedModel) -> tuple[int, int, int]:
    """Of what the network sees of one image."""
    preprocessing = model.config.preprocessing
    return preprocessing.image_size, preprocessing.image_size, preprocessing.channels


def metadata(tensor: tuple[str, str, list[int]]) -> dict[str, Any]:
    """How the protocol describes a tensor."""
    name, datatype, shape = tensor
    return {"name": name, "datatype": datatype, "shape": shape}
