"""A training that can be watched: a small network on MNIST, for a minute at most.

Network, optimiser and loss are those of `thumbnet train`; the loop is its own, because it has to show something several
times a second, while `thumbnet.model.train` reports once an epoch and keeps a run on disk. Importing needs no torch.
"""

from __future__ import annotations

import importlib.util
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from thumbnet.model.errors import DatasetError, InvalidArgument, MissingDependency
from thumbnet.model.recipe import Recipe

if TYPE_CHECKING:
    from thumbnet.model.architectures import Network
    from thumbnet.model.datasets import Dataset

SECONDS = 60.0
AT_ONCE = 2
"""Trainings on the server; each has its share of the processor."""
FIRST_SECONDS, FIRST_PAUSE, PAUSE = 2.0, 0.2, 0.5
"""Seconds between two looks, shorter in the first ones, when most is learned."""
BATCH_SIZE = 128
VALIDATION_IMAGES = 1000
AVERAGED_STEPS = 20
"""Steps whose mean loss is one point of the curve, or fewer where there were less."""
ARCHITECTURES = {"MLP": "mlp", "LeNet": "lenet"}
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
MOST_HIDDEN = 512
LOADING = threading.RLock()
"""One visitor at a time imports torch, reads MNIST, and draws first weights, of which torch has one source for all."""

NO_TORCH = (
    "Training needs torch, which is not installed here: pip install 'thumbnet[train]', then start the demo again."
)
NO_DATA = (
    "Training needs the MNIST images, which are not on this server: "
    "`thumbnet train --recipe lenet --download` fetches them."
)


@dataclass(slots=True)
class Curves:
    """What has been seen so far.

    seconds    since the training began, at each point
    losses     mean of the last training steps, at each point
    accuracy   share of the validation images that are right, 0 … 1, at each point
    images     seen in training
    filters    (N, H, W) weights of the first layer
    """

    title: str
    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    images: int = 0
    filters: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros((1, 1, 1), np.float32))


def missing() -> str:
    """What is missing for training and how to get it, "" where nothing is. Loads torch and MNIST."""
    try:
        with LOADING:
            load_mnist()
    except MissingDependency:
        return NO_TORCH
    except DatasetError:
        return NO_DATA
    return ""


def has_torch() -> bool:
    """Whether torch is installed; does not load it."""
    return importlib.util.find_spec("torch") is not None


@cache
def load_mnist() -> Dataset:
    """MNIST, once. Raises MissingDependency or DatasetError."""
    try:
        from thumbnet.model.datasets import load_dataset
    except ImportError as error:
        raise MissingDependency("torch", "train") from error
    return load_dataset("mnist", image_size=28, channels=1)


def recipe_of(
    architecture: str, activation: str, loss: str, optimizer: str, learning_rate: float, hidden: int
) -> Recipe:
    """The recipe of these choices. Raises InvalidArgument or UnknownName for what cannot be chosen."""
    if architecture not in ARCHITECTURES:
        raise InvalidArgument(f"architecture must be {' or '.join(ARCHITECTURES)}; received {architecture!r}.")
    if learning_rate not in RATES:
        raise InvalidArgument(f"learning rate must be one of {', '.join(map(str, RATES))}; received {learning_rate!r}.")
    if isinstance(hidden, bool) or not isinstance(hidden, int) or not 1 <= hidden <= MOST_HIDDEN:
        raise InvalidArgument(f"hidden units must be 1 … {MOST_HIDDEN}; received {hidden!r}.")
    options = {"activation": activation} | ({"hidden": [hidden]} if architecture == "MLP" else {})
    return Recipe.from_dict(
        {
            "name": "lesson",
            "dataset": "mnist",
            "image_size": 28,
            "architecture": ARCHITECTURES[architecture],
            "options": options,
            "loss": loss,
            "optimizer": optimizer,
            "learning_rate": learning_rate,
            "batch_size": BATCH_SIZE,
        }
    )


def watch(recipe: Recipe, title: str, seconds: float = SECONDS) -> Iterator[Curves]:
    """Train, and show the curves so far several times a second. Ends after some seconds, or where nobody asks for more.

    What is yielded is one object, which grows.
    Raises MissingDependency without torch, DatasetError without the images, UnknownName for what a recipe cannot have,
    TrainingDiverged where the loss is no number any more.
    """
    with LOADING:
        data = load_mnist()
        import torch

        from thumbnet.model.errors import TrainingDiverged
        from thumbnet.model.evaluate import take
        from thumbnet.model.optimizers import build_optimizers
        from thumbnet.model.train import build_network, evaluate_split, loss_function

        share_processor()
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(recipe.seed)
            network = build_network(recipe, data)
    optimizers = build_optimizers(network, recipe)
    validation = take(data.validation, VALIDATION_IMAGES)
    generator = torch.Generator().manual_seed(recipe.seed)
    curves = Curves(title)
    recent: list[float] = []
    began, looked = time.monotonic(), -PAUSE
    while (now := time.monotonic() - began) < seconds:
        chosen = torch.randint(len(data.train), (BATCH_SIZE,), generator=generator)
        network.train()
        targets = torch.nn.functional.one_hot(data.train.labels[chosen], len(data.labels)).float()
        loss = loss_function(network(data.train.pixels[chosen]).float(), targets, recipe)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        recent = [*recent[-AVERAGED_STEPS + 1 :], loss.item()]
        curves.images += BATCH_SIZE
        if not np.isfinite(recent[-1]):
            raise TrainingDiverged(f"the loss became {recent[-1]} after {curves.images:,} images; learn more slowly.")
        if now - looked >= (FIRST_PAUSE if now < FIRST_SECONDS else PAUSE):
            looked = now
            curves.seconds.append(now)
            curves.losses.append(float(np.mean(recent)))
            curves.accuracy.append(evaluate_split(network, validation, recipe, torch.device("cpu"))[0])
            curves.filters = first_weights(network)
            yield curves


@cache
def share_processor() -> None:
    """Let each training have its share of the processor's cores. Once, because it would add up."""
    import torch

    torch.set_num_threads(max(1, torch.get_num_threads() // AT_ONCE))


def first_weights(network: Network) -> npt.NDArray[np.float32]:
    """What the first layer looks for: (N, H, W), a row of weights for each hidden unit laid out as the image is."""
    first = next(parameter for parameter in network.parameters() if parameter.ndim > 1).detach()
    side = 28 if first.ndim == 2 else first.shape[-1]
    weights: npt.NDArray[np.float32] = first.numpy().reshape(-1, side, side).copy()
    return weights
