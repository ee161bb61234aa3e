"""Exercise 8: what distillation asks for when the temperature is high.

.venv/bin/python docs/course/day4/solutions/hot_teacher.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
import torch
from distillation import soften

from thumbnet.model.distill import distillation_loss


def slope(student: np.ndarray, teacher: np.ndarray, temperature: float) -> np.ndarray:
    """The slope of the distillation loss by the student's logits, by formula; both are (N, K)."""
    return temperature * (soften(student, temperature) - soften(teacher, temperature)) / len(student)


def autograd_slope(student: np.ndarray, teacher: np.ndarray, temperature: float) -> np.ndarray:
    """The same from the project's loss and PyTorch."""
    logits = torch.tensor(student, requires_grad=True)
    distillation_loss(logits, torch.tensor(teacher), temperature).backward()
    return logits.grad.numpy()


def limit(student: np.ndarray, teacher: np.ndarray) -> np.ndarray:
    """What the slope tends to: the difference of the logits, both moved to mean 0, over K."""
    apart = (student - student.mean(axis=1, keepdims=True)) - (teacher - teacher.mean(axis=1, keepdims=True))
    return apart / student.shape[1] / len(student)


def example(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random logits of a student and a teacher, (4, 10)."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 2, (4, 10)), rng.normal(0, 4, (4, 10))


if __name__ == "__main__":
    student, teacher = example()
    for temperature in (1.0, 2.0, 10.0, 1000.0):
        found = slope(student, teacher, temperature)
        to_torch = np.abs(found - autograd_slope(student, teacher, temperature)).max()
        to_limit = np.abs(found - limit(student, teacher)).max()
        print(f"T = {temperature:6.0f}: to autograd {to_torch:.1e}, to the limit {to_limit:.1e}")
