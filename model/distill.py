"""Distillation: a network learns from the answers of others to the same augmented images (Hinton et al. 2015)."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .classifier import Classifier
from .datasets import Dataset
from .errors import InvalidArgument, WeightsNotFound
from .measures import softmax
from .recipe import Recipe


class Teachers:
    """The models that a recipe's network learns from; they answer together."""

    def __init__(self, recipe: Recipe, data: Dataset, *, bf16: bool, device: torch.device) -> None:
        """Raises InvalidArgument where one of them knows other classes than the data, or another size of image."""
        self.classifiers = [load_teacher(name, bf16, device) for name in recipe.teacher_names()]
        self._mirrored = recipe.flip != "none"
        for name, teacher in zip(recipe.teacher_names(), self.classifiers, strict=True):
            size = teacher.config.preprocessing.image_size
            if teacher.labels != data.labels or size != recipe.image_size:
                raise InvalidArgument(
                    f"teacher {name!r} knows {', '.join(teacher.labels)} at {size} pixels; it must know "
                    f"{', '.join(data.labels)} at {recipe.image_size}."
                )

    def logits(self, pixels: Tensor) -> Tensor:
        """(N, C, H, W) uint8 pixels → (N, classes) logarithms of the teachers' mean calibrated probabilities.

        Where the recipe mirrors images, the mean is also over each image and its mirror image, which knows more than
        either.
        """
        channels_last = pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        views = (channels_last, channels_last[:, :, ::-1]) if self._mirrored else (channels_last,)
        answers = [softmax(teacher.scale(teacher.logits(view))) for teacher in self.classifiers for view in views]
        mean = np.mean(answers, axis=0)
        return torch.from_numpy(np.log(np.maximum(mean, 1e-12)).astype(np.float32)).to(pixels.device)


def load_teacher(name: str, bf16: bool, device: torch.device) -> Classifier:
    """A teacher on the device that trains; its answers are averaged and softened, so bf16 is exact enough for them."""
    on_gpu = device.type == "cuda"
    try:
        return Classifier.load(
            name, runtime="torch" if on_gpu else "openvino", precision="bf16" if bf16 and not on_gpu else "fp32"
        )
    except WeightsNotFound as error:
        raise WeightsNotFound(
            f"{error} It is a teacher of this recipe: train it first, or choose another with --set teacher=…"
        ) from error


def distillation_loss(logits: Tensor, taught: Tensor, temperature: float) -> Tensor:
    """Divergence of the student's answers from the teachers' (Hinton et al. 2015, arXiv:1503.02531)."""
    student, teacher = ((values / temperature).log_softmax(dim=1) for values in (logits, taught))
    return temperature**2 * F.kl_div(student, teacher, log_target=True, reduction="batchmean")
