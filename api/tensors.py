"""Tensors of the Open Inference Protocol: in JSON, or in bytes behind it (Triton's binary tensor data extension)."""

from __future__ import annotations

import contextlib
import math
import struct
from itertools import chain
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import orjson
from flask import request
from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, WithJsonSchema
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from thumbnet.model import InvalidArgument, Pixels

from .schemas import SHORT, checked
from .uploads import JSON, OCTETS, check_encoding, read_body, read_json

MOST_VALUES = 1_000_000
"""In the JSON of a request; more have to come as bytes."""
HEADER_LENGTH = "Inference-Header-Content-Length"
LENGTH = struct.Struct("<I")  # before each element of a BYTES tensor

KINDS = {"FP32": np.dtype("<f4"), "BOOL": np.dtype("?"), "BYTES": np.dtype(object)}
"""The datatypes of our outputs."""


class Open(BaseModel):
    """Ignores names that it does not know: they belong to extensions of the protocol."""

    model_config = ConfigDict(strict=True)


class InputParameters(Open):
    """`binary_data_size` bytes behind the JSON hold the tensor."""

    binary_data_size: int | None = Field(default=None, ge=0)


class InputTensor(Open):
    """`pixels`, what the network sees, or `image`, files as base64. `data` is row-major, flat or nested."""

    name: Annotated[str, WithJsonSchema({"type": "string", "enum": ["pixels", "image"]})]
    shape: Annotated[list[Annotated[int, Field(ge=1)]], FailFast(), Field(min_length=1, max_length=4)]
    datatype: Annotated[str, WithJsonSchema({"type": "string", "enum": ["UINT8", "BYTES"]})]
    parameters: InputParameters | None = None
    data: Any = Field(default=None, description="Absent where the tensor is behind the JSON.")


def none_as_empty(outputs: Any) -> Any:
    """The protocol knows no null here, but clients that write what was not asked for send it."""
    return [] if outputs is None else outputs


class OutputParameters(Open):
    """How to send a tensor: as bytes, or as the `classification` best classes."""

    binary_data: bool | None = None
    classification: int | None = Field(default=None, ge=0)


class RequestedOutput(Open):
    """A tensor to send."""

    name: Annotated[str, WithJsonSchema({"type": "string", "enum": ["probabilities", "labels", "abstained"]})]
    parameters: OutputParameters | None = None


class InferParameters(Open):
    """Whether tensors are sent as bytes where they do not say so themselves."""

    binary_data_output: bool | None = None


class InferRequest(Open):
    """What to compute, and which tensors of it to send; all by default."""

    id: str | None = None
    inputs: Annotated[list[InputTensor], FailFast(), Field(min_length=1, max_length=1)]
    outputs: Annotated[list[RequestedOutput], FailFast(), BeforeValidator(none_as_empty)] = Field(
        default_factory=list, max_length=8
    )
    parameters: InferParameters | None = None


class TensorMetadata(BaseModel):
    """A tensor that a model takes or gives; a side of -1 may have any length."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """A model. Of its `inputs` exactly one is sent."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class OutputTensor(BaseModel):
    """A tensor; its `data` is flat, or behind the JSON, `binary_data_size` bytes of it."""

    name: str
    datatype: Literal["FP32", "BYTES", "BOOL"]
    shape: list[int]
    parameters: dict[str, int] | None = None
    data: list[float | str | bool] | None = None


class InferResponse(BaseModel):
    """The tensors, in the order in which they were asked for."""

    id: str | None = None
    model_name: str
    model_version: str
    outputs: list[OutputTensor]


def read_request() -> tuple[InferRequest, bytes | None]:
    """The current request and the bytes of its tensor, None where that is in the JSON.

    Raises BadRequest, InvalidArgument, RequestEntityTooLarge or UnsupportedMediaType.
    """
    check_encoding()
    if request.mimetype not in ("", JSON, OCTETS):
        raise UnsupportedMediaType(f"received {request.mimetype}; send {JSON}, or {OCTETS} with {HEADER_LENGTH}.")
    body = read_body()
    length = header_length(len(body))
    asked = checked(InferRequest, read_json(body[:length], MOST_VALUES))
    parameters = asked.inputs[0].parameters
    size = parameters.binary_data_size if parameters else None
    if len(body) - length != (size or 0):
        raise BadRequest(
            f"{len(body) - length:,} bytes follow the {length:,} of JSON, and binary_data_size says {size or 0:,}; "
            f"{HEADER_LENGTH} must be the length of the JSON."
        )
    return asked, None if size is None else body[length:]


def header_length(most: int) -> int:
    """How many bytes of the body are JSON. Raises BadRequest."""
    received = request.headers.get(HEADER_LENGTH, str(most))
    if not (received.isascii() and received.isdigit() and len(received) < 12 and int(received) <= most):
        raise BadRequest(f"{HEADER_LENGTH} must be 0 … {most}, the length of the body; received {received[:40]!r}.")
    return int(received)


def read_pixels(tensor: InputTensor, raw: bytes | None, shape: tuple[int, ...]) -> Pixels:
    """A tensor of whole numbers, 0 … 255, as (N, *shape) uint8. Raises InvalidArgument."""
    if tensor.datatype != "UINT8" or tuple(tensor.shape[1:]) != shape:
        wanted = ", ".join(map(str, ("images", *shape)))
        raise InvalidArgument(
            f"{tensor.name} must be UINT8 [{wanted}]; received {SHORT.repr(tensor.datatype)} {tensor.shape}."
        )
    pixels = whole_numbers(tensor) if raw is None else np.frombuffer(raw, np.uint8)
    if pixels.size != math.prod(tensor.shape):
        raise InvalidArgument(f"{tensor.name} has {pixels.size:,} values, but its shape is {tensor.shape}.")
    return pixels.reshape(tensor.shape)


def whole_numbers(tensor: InputTensor) -> Pixels:
    """The data of a tensor, flat. Raises InvalidArgument where it is anything but whole numbers, 0 … 255."""
    values = flat(tensor.data, tensor.shape)
    if values is not None and set(map(type, values)) == {int}:
        with contextlib.suppress(OverflowError):
            numbers = np.array(values, dtype=np.int64)
            if numbers.min() >= 0 and numbers.max() <= 255:
                return numbers.astype(np.uint8)
    raise InvalidArgument(
        f"{tensor.name}: data must be whole numbers, 0 … 255, flat or nested as the shape {tensor.shape} says."
    )


def flat(data: Any, shape: list[int]) -> list[Any] | None:
    """The elements of nested lists of that shape, or of a list that has no others in it; None for anything else.

    Looked at level by level, so that what has another shape costs no more than the levels that agree.
    """
    if not isinstance(data, list):
        return None
    if list not in map(type, data):
        return data
    level = [data]
    for size in shape:
        if any(type(row) is not list or len(row) != size for row in level):
            return None
        level = list(chain.from_iterable(level))
    return level


def read_bytes(tensor: InputTensor, raw: bytes | None) -> list[bytes | str]:
    """The elements of a tensor of image files: bytes, or base64 in JSON. Raises InvalidArgument."""
    if tensor.datatype != "BYTES" or len(tensor.shape) != 1:
        raise InvalidArgument(
            f"{tensor.name} must be BYTES [images]; received {SHORT.repr(tensor.datatype)} {tensor.shape}."
        )
    count = tensor.shape[0]
    found = tensor.data if raw is None else split(raw, count)
    if not isinstance(found, list) or len(found) != count or set(map(type, found)) - {bytes, str}:
        raise InvalidArgument(f"{tensor.name} must have {count} elements: image files, as base64 in JSON.")
    return found


def split(raw: bytes, count: int) -> list[bytes | str]:
    """The elements of a BYTES tensor, each behind its length, 4 bytes. Raises InvalidArgument."""
    found: list[bytes | str] = []
    start = 0
    for _ in range(count):
        (length,) = LENGTH.unpack_from(raw, start) if start + LENGTH.size <= len(raw) else (len(raw),)
        start += LENGTH.size
        found.append(raw[start : start + length])
        start += length
    if start != len(raw):
        raise InvalidArgument(
            f"the {len(raw):,} bytes behind the JSON are not {count} elements, each behind its length."
        )
    return found


def join(elements: list[bytes]) -> bytes:
    """The inverse of `split`."""
    return b"".join(LENGTH.pack(len(element)) + element for element in elements)


def describe_tensor(name: str, values: npt.NDArray[Any], *, binary: bool) -> tuple[dict[str, Any], bytes]:
    """A tensor for the answer's JSON, and the bytes that come behind it."""
    datatype = next(datatype for datatype, kind in KINDS.items() if kind == values.dtype)
    described = {"name": name, "datatype": datatype, "shape": values.shape}
    if not binary:
        return described | {"data": values.ravel().tolist()}, b""
    raw = join([text.encode() for text in values.flat]) if datatype == "BYTES" else values.tobytes()
    return described | {"parameters": {"binary_data_size": len(raw)}}, raw


def write_answer(answer: dict[str, Any], raw: bytes) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of an answer."""
    header = orjson.dumps(answer)
    if not raw:
        return header, {"Content-Type": JSON}
    return header + raw, {"Content-Type": OCTETS, HEADER_LENGTH: str(len(header))}
