"""Received images → counted predictions: the same for every endpoint."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from thumbnet.model import InvalidArgument, InvalidImage, Pixels, Prediction
from thumbnet.model.encoded import EncodedImage

from .loading import PATIENCE_SECONDS, ServedModel
from .state import current_state
from .turns import SHORT_PIXELS, current_turn
from .uploads import image_bytes

Fault = InvalidImage | InvalidArgument
"""What is wrong with an image, or with the text that should be one."""


def wanted_model(name: str | None) -> ServedModel:
    """The model that a request names, or the default. Raises NotFound, or ServiceUnavailable while it is loading."""
    state = current_state()
    return state.models.get(name, min(PATIENCE_SECONDS, state.settings.deadline))


def classify_one(model: ServedModel, image: bytes | str, top_k: int | None = None) -> Prediction:
    """The answer for one image: the bytes of a file, or their base64. Raises InvalidImage or InvalidArgument."""
    started = time.perf_counter()
    pixels, side = read(model, image)
    milliseconds = 1000 * (time.perf_counter() - started)
    return classify_pixels(model, [pixels], [side], top_k=top_k, milliseconds=milliseconds)[0]


def classify(model: ServedModel, images: Sequence[bytes | str], top_k: int | None = None) -> list[Prediction | Fault]:
    """The answer for each image, or what is wrong with it: a bad one does not spoil the others.

    images   the bytes of image files, or their base64

    Raises InvalidArgument where top_k is out of range.
    """
    started = time.perf_counter()
    outcomes = [read_or_fault(model, image) for image in images]
    milliseconds = 1000 * (time.perf_counter() - started) / len(images)
    sound = [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
    pixels, sides = [pixels for pixels, _ in sound], [side for _, side in sound]
    predictions = iter(classify_pixels(model, pixels, sides, top_k=top_k, milliseconds=milliseconds))
    return [outcome if isinstance(outcome, Exception) else next(predictions) for outcome in outcomes]


def classify_pixels(
    model: ServedModel,
    pixels: Sequence[Pixels],
    sides: Sequence[int],
    *,
    top_k: int | None = None,
    milliseconds: float = 0.0,
) -> list[Prediction]:
    """Predictions of what the network sees, counted in the metrics.

    sides   the longest side, in pixels, that each image had when it was received
    """
    predictions = model.predict_pixels(pixels, top_k=top_k, milliseconds=milliseconds)
    metrics = current_state().metrics
    for prediction, side in zip(predictions, sides, strict=True):
        metrics.prediction(model.name, prediction, side)
    return predictions


def read_or_fault(model: ServedModel, image: bytes | str) -> tuple[Pixels, int] | Fault:
    """What `read` returns, or raises."""
    try:
        return read(model, image)
    except (InvalidImage, InvalidArgument) as error:
        error.__cause__ = error.__context__ = None  # these and the traceback would keep the image in memory
        return error.with_traceback(None)


def read(model: ServedModel, image: bytes | str) -> tuple[Pixels, int]:
    """What the network sees of an image, and the longest side it came with. Raises InvalidImage or InvalidArgument."""
    file = EncodedImage(image_bytes(image))
    width, height = file.size
    if (turn := current_turn()) and width * height > SHORT_PIXELS:
        return turn.in_thread(partial(model.read, file)), max(width, height)
    return model.read(file), max(width, height)
