"""Everything that decides a training run, in one frozen dataclass; recipes.py has the named ones."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, get_args, get_type_hints

from .errors import InvalidArgument, UnknownName
from .folders import is_plain
from .images import MAX_IMAGE_SIZE

LARGEST = 1e30
"""Of any number in a recipe: torch computes with up to 3e38."""
LARGEST_INT = 2**53
"""Of any whole number: every reader of JSON keeps it."""

Loss = Literal["cross_entropy", "mse"]
OptimizerName = Literal["sgd", "adam", "muon"]
Schedule = Literal["linear", "cosine", "constant"]
Flip = Literal["none", "random", "alternating"]
Precision = Literal["auto", "fp32", "bf16"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained. Two runs of one recipe on one machine give the same weights; on a GPU, similar ones.

    Raises InvalidArgument when a value is of another type or outside what is allowed, UnknownName for a choice that
    there is not.
    """

    name: str
    """What the run and its weights are called."""
    summary: str = field(default="", compare=False)
    """Expected accuracy and cost, in a sentence."""

    dataset: str = "cifar10"
    """A name from `datasets.DATASETS`, or the path of a folder of images."""
    image_size: int = 32
    """Sides of the images the network sees, in pixels."""
    validation_share: float = 0.05
    """Share of the training split that is held out for validation, where the data brings no validation split."""

    architecture: str = "thumbnet"
    """A name from `architectures.ARCHITECTURES`; "" means that of `start_from` (see `resolved`)."""
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Keyword arguments of the architecture, such as {"activation": "tanh"}."""
    start_from: str = ""
    """A model (a shipped name, weights folder or Hub repository) whose layers the network starts with, the last only
    where the classes are the same; or none."""

    seed: int = 0
    """Decides initial weights, the order of the images and every augmentation."""
    epochs: int = 10
    """Passes over the training split."""
    batch_size: int = 500
    """Images per step; the images that do not fill a last batch wait for the next epoch."""
    precision: Precision = "auto"
    """Number format of the forward pass; "auto" takes bf16 where the processor computes it natively."""

    loss: Loss = "cross_entropy"
    """Cross-entropy, or the mean squared error of the probabilities (Brier score)."""
    label_smoothing: float = 0.0
    """Share of the target that is spread over all classes (cross-entropy only)."""

    teacher: str = ""
    """A model with the same classes (a shipped name, weights folder or Hub repository) whose answers to the same
    augmented images are part of the target, or none; of several, with commas between them, one drawn at random
    answers at each step."""
    teacher_share: float = 0.7
    """Share of the loss that comes from the teachers' answers rather than the labels."""
    teacher_temperature: float = 2.0
    """Temperature at which student and teachers are compared; higher shows more of what they think of the
    less likely classes."""

    optimizer: OptimizerName = "sgd"
    """SGD with Nesterov momentum, Adam with decoupled weight decay, or Muon for kernels and hidden matrices and SGD for
    the rest."""
    learning_rate: float = 0.1
    """Peak learning rate; with Muon that of kernels and hidden matrices."""
    momentum: float = 0.9
    """Momentum of SGD and Muon; the first beta of Adam."""
    weight_decay: float = 0.0
    """Decay of matrices and kernels, not of biases; with Muon that of biases and head, as the share of them lost in a
    step before momentum, which multiplies it by about 1 / (1 - bias_momentum)."""
    bias_learning_rate: float = 0.1
    """Muon only: peak learning rate of biases and batch norm."""
    head_learning_rate: float = 0.1
    """Muon only: peak learning rate of the last layer."""
    bias_momentum: float = 0.85
    """Muon only: momentum of biases and head."""
    schedule: Schedule = "linear"
    """How the learning rate falls to zero after the warm-up, or "constant"."""
    warmup: float = 0.0
    """Share of all steps over which the learning rate rises linearly from zero."""

    flip: Flip = "none"
    """Mirror images left-right at random, or each one every other time that it is seen."""
    translate: int = 0
    """Shift images by up to this many pixels each way, reflected at the border."""
    cutout: int = 0
    """Side in pixels of a grey square put over a random place of each image."""
    zoom: float = 0.0
    """Enlarge or shrink half of the images by a random factor of up to 1 + this."""
    degrade: float = 0.0
    """Share of the images that become grainy or coarser."""
    trivial_augment: float = 0.0
    """Share of the images that undergo one random operation of TrivialAugment."""
    cutmix: float = 0.0
    """Share of the images in which a rectangle shows another image, with its label in proportion."""
    refinement: float = 0.0
    """Share of the epochs, at the end, without zoom, degrade, trivial_augment and cutmix (He et al. 2019,
    arXiv:1909.09148): the network settles on images as they are."""
    selection: float = 1.0
    """Share of the images that are trained on: a step draws more than a batch, and takes those whose cross-entropy was
    largest when they were last seen, whatever the loss (see selection.py)."""
    average: float = 0.0
    """Share of the epochs, at the end, whose weights are averaged (see averaging.py)."""
    start_size: int | None = None
    """Train on images shrunk to this size at first (see `growth`)."""
    growth: float = 0.5
    """Share of the epochs over which the images grow from `start_size` to `image_size`, in steps of 4 pixels."""

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(Recipe).items():
            value = getattr(self, name)
            if not _has_type(value, hint):
                expected = "JSON object" if name == "options" else getattr(hint, "__name__", str(hint))
                raise InvalidArgument(
                    f"recipe field {name} must be of type {expected}; received {value!r} ({type(value).__name__})."
                )
            if (choices := get_args(hint)) and isinstance(choices[0], str) and value not in choices:
                raise UnknownName(name, value, choices)
            if hint is float:
                self._require(name, abs(value) <= LARGEST, f"a finite number, {LARGEST:g} at most")
                object.__setattr__(self, name, float(value))  # JSON may have written it without a point
            elif isinstance(value, int):
                self._require(name, value <= LARGEST_INT, f"{LARGEST_INT:,} at most")
        options = {name: list(value) if isinstance(value, tuple) else value for name, value in self.options.items()}
        object.__setattr__(self, "options", MappingProxyType(copy.deepcopy(options)))  # as JSON would give them back
        plain = self.name not in ("", ".", "..") and is_plain(self.name) and not set(self.name) & set("/\\")
        self._require("name", plain, "what a folder can be called, in a line and without / and \\")
        self._require("image_size", 1 <= self.image_size <= MAX_IMAGE_SIZE, f"1 … {MAX_IMAGE_SIZE}")
        for name in ("epochs", "batch_size"):
            self._require(name, getattr(self, name) >= 1, "at least 1")
        for name in ("learning_rate", "bias_learning_rate", "head_learning_rate", "teacher_temperature"):
            self._require(name, getattr(self, name) > 0, "greater than 0")
        for name in ("momentum", "bias_momentum", "label_smoothing", "warmup"):
            self._require(name, 0 <= getattr(self, name) < 1, "at least 0 and less than 1")
        for name in ("weight_decay", "translate", "zoom", "cutout", "seed"):
            self._require(name, getattr(self, name) >= 0, "0 or more")
        self._require("validation_share", 0 < self.validation_share < 1, "between 0 and 1, both excluded")
        for name in ("degrade", "trivial_augment", "cutmix", "refinement", "average", "growth", "teacher_share"):
            self._require(name, 0 <= getattr(self, name) <= 1, "between 0 and 1")
        self._require("selection", 0 < self.selection <= 1, "greater than 0, and 1 at most")
        self._require("teacher", bool(self.teacher_names()) or not self.teacher, "names of models, or empty")
        self._require("dataset", bool(self.dataset), "the name of a data set, or the path of a folder")
        self._require("translate", self.translate < self.image_size, f"less than image_size={self.image_size}")
        self._require("cutout", self.cutout <= self.image_size, f"0 … image_size={self.image_size}")
        self._require("architecture", bool(self.architecture or self.start_from), "a name, as start_from is empty")
        if self.start_size is not None:
            self._require("start_size", 1 <= self.start_size <= self.image_size, f"1 … image_size={self.image_size}")

    def _require(self, name: str, holds: bool, allowed: str) -> None:
        if not holds:
            raise InvalidArgument(f"recipe field {name} must be {allowed}; received {getattr(self, name)!r}.")

    def to_dict(self) -> dict[str, Any]:
        """All fields as values that JSON can hold."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return values | {"options": copy.deepcopy(dict(self.options))}

    def __reduce__(self) -> tuple[Any, ...]:
        return Recipe.from_dict, (self.to_dict(),)  # a mapping that cannot be changed can be neither pickled nor copied

    def replace(self, **changes: Any) -> Recipe:
        """A copy with some fields changed. Raises UnknownName for a field that does not exist."""
        return Recipe.from_dict(self.to_dict() | changes)

    def teacher_names(self) -> list[str]:
        """The models named by `teacher`."""
        return [name.strip() for name in self.teacher.split(",") if name.strip()]

    def is_among_last(self, epoch: int, share: float) -> bool:
        """Whether an epoch, counted from 0, is one of this share of the epochs at the end, of which there is one at
        least."""
        count = math.floor(round(share * self.epochs, 6))  # 0.7 of 10 is a little under 7
        return share > 0 and epoch >= self.epochs - max(1, count)

    def refined(self) -> Recipe:
        """A copy with the augmentation of the last epochs (see `refinement`)."""
        return self.replace(zoom=0.0, degrade=0.0, trivial_augment=0.0, cutmix=0.0)

    def resolved(self) -> Recipe:
        """A copy with architecture and options of the weights it starts from, where it has no architecture of its own.

        Raises WeightsNotFound and WeightsCorrupt for weights that are not there or cannot be used.
        """
        if self.architecture:
            return self
        from .weights import find_weights, read_config

        config = read_config(find_weights(self.start_from))
        return self.replace(architecture=config.architecture, options=dict(self.options or config.options))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """Build a recipe from plain values, as read from recipe.json.

        Raises UnknownName for an unknown field and InvalidArgument for a value of the wrong type.
        """
        known = [f.name for f in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                raise UnknownName("recipe field", name, known)
        if "name" not in values:
            raise InvalidArgument("a recipe needs the field name.")
        return cls(**values)


def _has_type(value: object, hint: Any) -> bool:
    """Whether a JSON value fits a field's annotation; choices of a Literal are checked by the Recipe itself."""
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is str or (get_args(hint) and isinstance(get_args(hint)[0], str)):
        return isinstance(value, str)
    if hint == int | None:
        return value is None or _has_type(value, int)
    return isinstance(value, Mapping)
