"""Distillation: a network learns from the answers of others to the same augmented images (Hinton et al. 2015)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from .augment import mirror, translate
from .classifier import Classifier
from .datasets import Dataset
from .errors import InvalidArgument, WeightsNotFound
from .images import Preprocessing
from .recipe import Recipe
from .weights import WeightsConfig, find_weights, load_network, read_config

Answers = Callable[[Tensor], Tensor]
"""(N, C, H, W) uint8 pixels → (N, classes) logits, both on the device that trains."""


class Teachers:
    """The models that a recipe's network learns from; at each step one of them, drawn at random, answers."""

    def __init__(self, recipe: Recipe, data: Dataset, *, bf16: bool, device: torch.device) -> None:
        """
        bf16     whether they compute in bf16
        device   what trains: teachers on a GPU compute with torch, on the processor with OpenVINO

        Raises InvalidArgument where one of them knows other classes than the data, or another size of image, and what
        `load_teacher` raises.
        """
        self._teachers: list[tuple[Answers, float]] = []
        self._mirrors = recipe.flip != "none"
        self._shift = min(recipe.translate, 1)
        wanted = Preprocessing(recipe.image_size, channels=data.train.pixels.shape[1])
        for name in recipe.teacher_names():
            config, answers = load_teacher(name, bf16, device)
            seen = config.preprocessing
            if config.labels != data.labels or seen != wanted:
                raise InvalidArgument(
                    f"teacher {name!r} knows {', '.join(config.labels)} at {seen.image_size} pixels with "
                    f"{seen.channels} channels; it must know {', '.join(data.labels)} at {wanted.image_size} with "
                    f"{wanted.channels}."
                )
            self._teachers.append((answers, config.temperature))

    def answer(self, pixels: Tensor) -> Tensor:
        """(N, C, H, W) uint8 pixels → (N, classes) calibrated logits of one teacher, drawn at random.

        Where the recipe mirrors and shifts images, the teacher sees each one mirrored or not and shifted by up to a
        pixel. Over many steps the network so learns the mean over teachers and views, which knows more than any one of
        them, at the cost of one answer: the gradient of the divergence is linear in the teacher's softened answer.
        """
        answers, temperature = self._teachers[int(torch.randint(len(self._teachers), ()))]
        if self._mirrors:
            pixels = mirror(pixels, torch.rand(len(pixels), device=pixels.device) < 0.5)
        if self._shift:
            pixels = translate(pixels, self._shift)
        return answers(pixels) / temperature


def load_teacher(name: str, bf16: bool, device: torch.device) -> tuple[WeightsConfig, Answers]:
    """A teacher on the device that trains; its answers are softened, so bf16 is exact enough for them.

    Raises WeightsNotFound where it was not trained yet, WeightsCorrupt where it cannot be used.
    """
    try:
        folder = find_weights(name)
        config = read_config(folder)
    except WeightsNotFound as error:
        raise WeightsNotFound(
            f"{error} It is a teacher of this recipe: train it first, or choose another with --set teacher=…"
        ) from error
    if device.type == "cpu":
        return config, openvino_answers(folder, bf16)
    return config, torch_answers(folder, config, bf16, device)


def openvino_answers(folder: Path, bf16: bool) -> Answers:
    """A model on the CPU, where torch would take longer."""
    classifier = Classifier.load(folder, precision="bf16" if bf16 else "fp32")

    def answers(pixels: Tensor) -> Tensor:
        return torch.from_numpy(classifier.logits(pixels.permute(0, 2, 3, 1).contiguous().numpy()))

    return answers


def torch_answers(folder: Path, config: WeightsConfig, bf16: bool, device: torch.device) -> Answers:
    """A model on any device, which the pixels need not leave."""
    network = load_network(folder, config).to(device).to(memory_format=torch.channels_last)

    def answers(pixels: Tensor) -> Tensor:
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            logits: Tensor = network(pixels)
        return logits.float()

    return answers


def distillation_loss(logits: Tensor, taught: Tensor, temperature: float) -> Tensor:
    """Mean divergence of the student's answers from the teachers', times the square of the temperature: a scalar.

    logits, taught   (N, classes), the student's and the teachers'

    The square keeps its slopes as large as those of the labels' loss (Hinton et al. 2015, arXiv:1503.02531).
    """
    student, teacher = ((values / temperature).log_softmax(dim=1) for values in (logits, taught))
    return temperature**2 * F.kl_div(student, teacher, log_target=True, reduction="batchmean")
