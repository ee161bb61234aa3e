"""What torch.optim lacks: Muon for hidden layers; and the choice of optimisers for a recipe."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from .architectures.layers import HEAD
from .recipe import Recipe


class Muon(Optimizer):
    """Momentum whose update is orthogonalised: every direction of a kernel moves at the same rate.

    params     weights with two or more dimensions; kernels are seen as (out, in·h·w) matrices
    lr         step size relative to a kernel that is kept at the norm √out

    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"; the fixed norm is that of
    airbench94_muon (arXiv:2404.00498).
    """

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every weight that has a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(weight)
                velocity = state["momentum_buffer"].mul_(group["momentum"]).add_(weight.grad)
                ahead = weight.grad.add(velocity, alpha=group["momentum"])  # Nesterov
                update = orthogonalize(ahead.reshape(len(ahead), -1)).reshape(ahead.shape)
                weight.mul_(len(weight) ** 0.5 / weight.norm().clamp_min(1e-7))  # it may start as nothing
                weight.add_(update, alpha=-group["lr"])


def orthogonalize(matrix: Tensor, steps: int = 3) -> Tensor:
    """Move all singular values of a matrix towards 1 by Newton-Schulz iteration, without computing them.

    The quintic's coefficients trade exactness for speed: after three steps the singular values that were not tiny
    lie within about 0.5 … 1.5, which is as good for training as exactly 1.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = x.T if tall else x
    return result


def build_optimizers(network: nn.Module, recipe: Recipe) -> list[Optimizer]:
    """The recipe's optimisers over the trainable parameters; each group's `initial_lr` is its peak.

    Muon is for every kernel and matrix but the head's (Jordan et al. 2024): at the head's small rate, the head's share
    of decay would shrink other matrices to nothing.
    """
    trainable = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    biases = [p for _, p in trainable if p.ndim < 2]
    head = [p for name, p in trainable if p.ndim >= 2 and name.startswith(HEAD)]
    hidden = [p for name, p in trainable if p.ndim >= 2 and not name.startswith(HEAD)]
    optimizers: list[Optimizer]
    match recipe.optimizer:
        case "muon":
            # SGD adds weight_decay × weight to the gradient: made the same share, lr × weight_decay, for both groups.
            groups = [
                {"params": parameters, "lr": peak, "weight_decay": recipe.weight_decay / peak}
                for parameters, peak in ((biases, recipe.bias_learning_rate), (head, recipe.head_learning_rate))
            ]
            momentum = recipe.bias_momentum
            optimizers = [SGD(groups, lr=recipe.bias_learning_rate, momentum=momentum, nesterov=momentum > 0)]
            if hidden:
                optimizers.append(Muon(hidden, lr=recipe.learning_rate, momentum=recipe.momentum))
        case "sgd":
            nesterov = recipe.momentum > 0
            groups = _decayed(head + hidden, biases, recipe.weight_decay)
            optimizers = [SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=nesterov)]
        case "adam":
            groups = _decayed(head + hidden, biases, recipe.weight_decay)
            optimizers = [AdamW(groups, lr=recipe.learning_rate, betas=(recipe.momentum, 0.999))]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
    return optimizers


def _decayed(weights: list[nn.Parameter], biases: list[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    return [{"params": weights, "weight_decay": weight_decay}, {"params": biases, "weight_decay": 0.0}]
