"""Classifier: the only way from an image to a prediction. Every door calls it and nothing else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .abstention import SCORES, Row
from .errors import InvalidArgument, UnknownName, WeightsCorrupt
from .images import ImageInput, Pixels, read_pixels
from .measures import softmax
from .runtimes import PRECISIONS, RUNTIMES, Logits, Runtime
from .weights import WeightsConfig, find_weights, known_image, read_config, shipped_weights

KNOWN_TOLERANCE = 0.05
BATCH_SIZE = 64
"""Images computed at once; more only takes more memory."""


@dataclass(frozen=True, slots=True)
class Score:
    """A class and its probability, 0 … 1."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """The answer for one image.

    scores         best first; over all labels their probabilities sum to 1
    abstained      the model's confidence is under the threshold of its weights: better to say "I don't know"
    pixels         what the network saw, (H, W, C) uint8
    milliseconds   time taken: reading and, in a batch, an equal share of the computing
    """

    scores: tuple[Score, ...]
    abstained: bool
    pixels: Pixels
    milliseconds: float

    @property
    def label(self) -> str:
        """The best class."""
        return self.scores[0].label

    @property
    def probability(self) -> float:
        """The best class's probability."""
        return self.scores[0].probability

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the pixels."""
        return {
            "label": self.label,
            "probability": self.probability,
            "abstained": self.abstained,
            "scores": [{"label": score.label, "probability": score.probability} for score in self.scores],
            "milliseconds": round(self.milliseconds, 3),
        }


class Classifier:
    """A loaded model. Safe to use from several threads; make one and keep it."""

    def __init__(
        self, config: WeightsConfig, runtime: Runtime, folder: Path | None = None, source: str | None = None
    ) -> None:
        """
        folder   where config, weights and card were read from, if from anywhere
        source   what to give to `load` for this model again, without a revision; its name by default
        """
        self.config = config
        self.runtime = runtime
        self.folder = folder
        self.source = source or config.name

    @classmethod
    def load(
        cls,
        weights: str | Path = "cifar10",
        *,
        revision: str | None = None,
        runtime: str = "openvino",
        threads: int | None = None,
        precision: str = "auto",
    ) -> Classifier:
        """Load a model and check its sha256.

        weights    a shipped model ("cifar10", "mnist"), a weights folder, or a Hub repository ("owner/name"); a Path is
                   always a folder
        revision   branch, tag or commit of a Hub repository
        runtime    "openvino" (needs no torch) or "torch" (uses a GPU where there is one)
        threads    processor threads to compute with, 1 or more; all by default. With torch the whole process computes
                   with so many
        precision  "bf16" is up to several times faster on processors that compute it natively, with probabilities
                   that may differ from those in "fp32" in the second decimal; "auto" takes it with OpenVINO where it
                   is native and the known answer (see `check`) comes out. Without native bf16 OpenVINO computes in
                   fp32 all the same

        Raises WeightsNotFound, WeightsCorrupt, UnknownName, InvalidArgument for threads out of range and for a
        revision of what is no Hub repository, and MissingDependency where torch is wanted but missing.
        """
        if runtime not in RUNTIMES:
            raise UnknownName("runtime", runtime, RUNTIMES)
        if precision not in PRECISIONS:
            raise UnknownName("precision", precision, PRECISIONS)
        if threads is not None and (type(threads) is not int or threads < 1):
            raise InvalidArgument(f"threads must be a whole number, 1 or more; received {threads!r}.")
        folder = find_weights(weights, revision)
        config = read_config(folder)
        shadowed = isinstance(weights, Path) and str(weights) in shipped_weights()
        source = f"./{weights}" if shadowed else str(weights)
        classifier = cls(config, RUNTIMES[runtime](folder, config, threads, precision=precision), folder, source)
        if precision == "auto" and classifier.precision == "bf16" and not classifier.knows_its_answer():
            classifier.runtime = RUNTIMES[runtime](folder, config, threads, precision="fp32")
        return classifier

    @property
    def name(self) -> str:
        """The name of the model."""
        return self.config.name

    @property
    def precision(self) -> str:
        """What it computes in, "fp32" or "bf16"."""
        return self.runtime.precision

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the logits."""
        return self.config.labels

    def predict(self, image: ImageInput, *, top_k: int | None = None) -> Prediction:
        """Classify one image.

        image   file path, bytes, PIL image or uint8 array; any size and mode (see images.read_image)
        top_k   how many classes to return, best first, 1 … len(labels); all by default

        Probabilities are temperature-scaled (Guo et al. 2017, arXiv:1706.04599) and sum to 1 over all labels.
        `abstained` is true where the confidence (see abstention.SCORES) is under the threshold that 95 % of the
        validation images reach, or more where they are few.
        Raises InvalidImage when the bytes cannot be decoded or break a limit, InvalidArgument for another top_k.
        """
        return self.predict_batch([image], top_k=top_k)[0]

    def predict_batch(self, images: Sequence[ImageInput], *, top_k: int | None = None) -> list[Prediction]:
        """Classify several images; each answer is bit for bit what `predict` gives for that image alone, with
        OpenVINO; with torch up to rounding.

        Raises InvalidImage for the first image that cannot be used, and InvalidArgument for a top_k out of range; to go
        on without a bad image, `read` them one by one.
        """
        self._check_top_k(top_k)
        started = time.perf_counter()
        pixels = [self.read(image) for image in images]
        reading = 1000 * (time.perf_counter() - started) / max(1, len(images))
        return self.predict_pixels(pixels, top_k=top_k, milliseconds=reading)

    def read(self, image: ImageInput) -> Pixels:
        """What the network sees of an image. Raises InvalidImage."""
        return read_pixels(image, self.config.preprocessing)

    def predict_pixels(
        self, pixels: Sequence[Pixels], *, top_k: int | None = None, milliseconds: float = 0.0
    ) -> list[Prediction]:
        """Classify what `read` returned: (image_size, image_size, channels) uint8 each.

        milliseconds   spent on each image so far; those spent here are added

        Raises InvalidArgument for other pixels and for a top_k out of range.
        """
        count = self._check_top_k(top_k)
        if not len(pixels):
            return []
        for image in pixels:
            self._check_pixels(image, image.shape)
        started = time.perf_counter()
        rows = self.scale(self.logits(np.stack(pixels)))
        milliseconds += 1000 * (time.perf_counter() - started) / len(pixels)
        return [self._prediction(row, image, count, milliseconds) for row, image in zip(rows, pixels, strict=True)]

    def logits(self, pixels: Pixels) -> Logits:
        """(N, image_size, image_size, channels) uint8 pixels → (N, classes) float32 logits, before the temperature.

        Raises InvalidArgument for pixels of another shape or type, which a runtime may answer with anything.
        """
        self._check_pixels(pixels, pixels.shape[1:])
        if not len(pixels):
            return np.empty((0, len(self.labels)), np.float32)
        batches = [self.runtime.logits(pixels[i : i + BATCH_SIZE]) for i in range(0, len(pixels), BATCH_SIZE)]
        return np.concatenate(batches)

    def scale(self, logits: Logits) -> Row:
        """(…, classes) logits divided by the temperature, in float64: what probabilities and abstention come from."""
        return logits.astype(np.float64) / self.config.temperature

    def check(self) -> None:
        """Compute an image whose answer was saved with the weights, where it was. Raises WeightsCorrupt.

        Finds what a sha256 cannot: a runtime or a processor that computes something else. Probabilities may differ
        by KNOWN_TOLERANCE, for rounding.
        """
        if not self.knows_its_answer():
            raise WeightsCorrupt(
                f"{self.name} does not give the answer that was saved with it for a known image: the runtime computes "
                "something else, or the weights are damaged. Try runtime='torch', or another version of OpenVINO."
            )

    def knows_its_answer(self) -> bool:
        """Whether an image whose answer was saved gets it (see `check`); without one, whether it gets numbers."""
        computed = softmax(self.scale(self.logits(known_image(self.config.preprocessing))))[0]
        if not np.isfinite(computed).all():
            return False
        if not self.config.known_answer:
            return True
        known = softmax(self.scale(np.array([self.config.known_answer])))[0]
        return bool(np.abs(computed - known).max() <= KNOWN_TOLERANCE)

    def _prediction(self, scaled: Row, pixels: Pixels, count: int, milliseconds: float) -> Prediction:
        probabilities = softmax(scaled)
        order = np.argsort(-probabilities, kind="stable")[:count]
        best = zip(order.tolist(), probabilities[order].tolist(), strict=True)
        return Prediction(
            scores=tuple(Score(self.labels[index], probability) for index, probability in best),
            abstained=not SCORES[self.config.abstention_score](scaled) >= self.config.abstention_threshold,  # or NaN
            pixels=pixels,
            milliseconds=milliseconds,
        )

    def _check_pixels(self, pixels: Pixels, shape: tuple[int, ...]) -> None:
        side, channels = self.config.preprocessing.image_size, self.config.preprocessing.channels
        if pixels.dtype != np.uint8 or shape != (side, side, channels):
            raise InvalidArgument(
                f"{self.name} takes uint8 pixels of the shape ({side}, {side}, {channels}); received {pixels.dtype} "
                f"{shape}. `read` makes them of any image."
            )

    def _check_top_k(self, top_k: int | None) -> int:
        if top_k is None:
            return len(self.labels)
        if isinstance(top_k, bool) or not isinstance(top_k, int) or not 1 <= top_k <= len(self.labels):
            raise InvalidArgument(f"top_k must be 1 … {len(self.labels)}; received {top_k!r}.")
        return top_k
