"""What happens inside a network: its layers in order, what each costs, its filters, and the maps it hands on.

Read off the graph that `Classifier` computes, model.onnx in OpenVINO, so it needs no torch and works for every
architecture. A layer is a convolution, a pooling or a linear layer on the way from the pixels to the logits; norm and
activation belong to the layer before them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .classifier import Classifier
from .errors import InvalidArgument
from .images import Pixels
from .runtimes import OpenVINORuntime

Maps = npt.NDArray[np.float32]
"""What a layer makes of one image: (channels, height, width), or (units,) of a linear layer."""

POOLINGS = {
    "MaxPool": "max pooling",
    "AvgPool": "average pooling",
    "ReduceMax": "global max pooling",
    "ReduceMean": "global average pooling",
}


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One step of a network.

    kind          "convolution 3×3", "max pooling", "linear" …
    shape         of what it hands on for one image: (channels, height, width) or (units,)
    parameters    its numbers that were learned or measured, those of a norm folded into it included
    macs          multiply-accumulates for one image
    filters       (out, in, height, width) float32 kernels of a convolution, or None
    """

    kind: str
    shape: tuple[int, ...]
    parameters: int
    macs: int
    filters: Maps | None


class Inside:
    """The inside of a classifier. Safe to use from several threads; making one takes as long as loading a model.

    It computes in fp32: with maps handed out, layers are no longer fused, and bf16 would round elsewhere than the
    classifier does.
    """

    def __init__(self, classifier: Classifier) -> None:
        """Raises InvalidArgument where the classifier does not compute with OpenVINO."""
        runtime = classifier.runtime
        if not isinstance(runtime, OpenVINORuntime):
            raise InvalidArgument(
                f"the inside of {classifier.name} can be seen with runtime='openvino' only; it was loaded with "
                f"{type(runtime).__name__}."
            )
        graph = runtime.graph.clone()
        operations = graph.get_ordered_ops()
        steps = _steps(operations)
        handed_on = [_last_of(operations[start:end]) for start, end in zip(steps, [*steps[1:], None], strict=True)]
        self.layers: tuple[Layer, ...] = tuple(
            _layer(operations[step], _shape(last), classifier.config.preprocessing.channels if number == 0 else None)
            for number, (step, last) in enumerate(zip(steps, handed_on, strict=True))
        )
        graph.add_outputs([last.output(0) for last in handed_on[:-1]])
        self._compiled = runtime.compile(graph, "fp32")

    def maps(self, pixels: Pixels) -> list[Maps]:
        """What each layer hands on for one image of `Classifier.read`, (H, W, C) uint8; that of the last are logits."""
        results = self._compiled.create_infer_request().infer({"pixels": np.ascontiguousarray(pixels[None])})
        logits, *others = (np.array(results[output][0], dtype=np.float32) for output in self._compiled.outputs)
        return [*others, logits]


def _steps(operations: Sequence[Any]) -> list[int]:
    """Where the layers are in the ordered operations of a graph."""
    last_map = max((index for index, operation in enumerate(operations) if _is_map(operation)), default=-1)
    steps = []
    for index, operation in enumerate(operations):
        kind = operation.get_type_name()
        convolves = kind in ("Convolution", "GroupConvolution", "MaxPool", "AvgPool")
        pools_all = kind in ("ReduceMax", "ReduceMean") and index == last_map
        if convolves or pools_all or (kind == "MatMul" and index > last_map):
            steps.append(index)
    return steps


def _is_map(operation: Any) -> bool:
    """Whether an operation has maps of an image as output: (N, channels, height, width) for any N."""
    shape = operation.output(0).get_partial_shape()
    return len(shape) == 4 and shape[0].is_dynamic and operation.get_type_name() != "Parameter"


def _last_of(operations: Sequence[Any]) -> Any:
    """The operation whose output a layer hands on: the last one of maps, or of units, before the next layer."""
    rank = len(operations[0].output(0).get_partial_shape())
    return [
        operation
        for operation in operations
        if len(shape := operation.output(0).get_partial_shape()) == rank
        and shape[0].is_dynamic
        and operation.get_type_name() != "Result"
    ][-1]


def _shape(operation: Any) -> tuple[int, ...]:
    return tuple(size.get_length() for size in list(operation.output(0).get_partial_shape())[1:])


def _layer(operation: Any, shape: tuple[int, ...], image_channels: int | None) -> Layer:
    """A layer that hands on such a shape; the first one is told how many channels an image has."""
    name = operation.get_type_name()
    if name in POOLINGS:
        return Layer(POOLINGS[name], shape, parameters=0, macs=0, filters=None)
    weights = np.asarray(operation.input_value(1).get_node().data, dtype=np.float32)
    biases = shape[0] if _has_bias(operation) else 0
    if name == "MatMul":
        return Layer("linear", shape, weights.size + biases, weights.size, filters=None)
    places = math.prod(size.get_length() for size in list(operation.output(0).get_partial_shape())[2:])
    height, width = weights.shape[-2:]
    filters = weights.reshape(-1, *weights.shape[-3:])
    if image_channels and weights.shape[1] == 2 * image_channels:  # a sum of two kernels: architectures/airbench.py
        filters = filters[:, :image_channels] + filters[:, image_channels:]
    return Layer(f"convolution {height}×{width}", shape, filters.size + biases, filters.size * places, filters)


def _has_bias(operation: Any) -> bool:
    """Whether a constant is added to what an operation, or the pooling right behind it, computes, or a norm is."""
    readers = [reader.get_node() for reader in operation.output(0).get_target_inputs()]
    if len(readers) == 1 and readers[0].get_type_name() in POOLINGS:
        return _has_bias(readers[0])
    return any(
        reader.get_type_name() == "BatchNormInference"
        or (reader.get_type_name() == "Add" and any(_is_fixed(reader.input_value(side)) for side in (0, 1)))
        for reader in readers
    )


def _is_fixed(output: Any) -> bool:
    """Whether a value is the same for all images."""
    shape = output.get_partial_shape()
    return len(shape) == 0 or not shape[0].is_dynamic
