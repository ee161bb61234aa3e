"""Muon against its definition, and which parameters each optimiser gets."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from thumbnet.model.architectures import build
from thumbnet.model.optimizers import Muon, build_optimizers, orthogonalize
from thumbnet.model.recipe import Recipe


@pytest.mark.parametrize("shape", [(8, 20), (20, 8), (16, 16)])
def test_orthogonalising_keeps_directions_and_evens_out_sizes(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape)
    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    sizes = torch.linalg.svdvals(orthogonalize(matrix, steps=5))
    assert sizes.min() > 0.3
    assert sizes.max() < 1.4
    projected = u.T @ orthogonalize(matrix) @ vh.T
    off_diagonal = projected - projected.diag().diag()
    assert off_diagonal.abs().max() < 1e-4
    assert (projected.diag() > 0).all()


def test_muon_keeps_kernels_at_a_fixed_norm_and_moves_them_against_the_gradient() -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(8, 4, 3, 3))
    before = weight.detach() * (8**0.5 / weight.detach().norm())
    weight.grad = torch.randn_like(weight)
    Muon([weight], lr=0.1, momentum=0.6).step()
    step = weight.detach() - before
    assert (step * weight.grad).sum() < 0
    torch.testing.assert_close(step, -0.1 * orthogonalize(1.6 * weight.grad.reshape(8, -1)).reshape(step.shape))


def test_muon_learns_to_invert_a_matrix() -> None:
    torch.manual_seed(0)
    target = torch.linalg.qr(torch.randn(8, 8)).Q
    weight = nn.Parameter(torch.eye(8))
    optimizer = Muon([weight], lr=0.05, momentum=0.6)
    losses = []
    for _ in range(60):
        loss = (weight @ target - torch.eye(8)).square().sum()
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert min(losses[-10:]) < 0.05 * losses[0]


def test_weights_without_gradient_stay() -> None:
    weight = nn.Parameter(torch.ones(3, 3))
    Muon([weight], lr=0.1, momentum=0.6).step()
    assert torch.equal(weight, torch.ones(3, 3))


@pytest.mark.parametrize("name", ["sgd", "adam", "muon"])
@pytest.mark.parametrize("architecture", ["thumbnet", "mlp"])
def test_every_trainable_parameter_has_exactly_one_optimiser(name: str, architecture: str) -> None:
    network = build(architecture, num_classes=10, in_channels=3, image_size=32)
    optimizers = build_optimizers(network, Recipe(name="a", optimizer=name, weight_decay=0.01))  # type: ignore[arg-type]
    held = [p for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]]
    trainable = [p for p in network.parameters() if p.requires_grad]
    assert sorted(map(id, held)) == sorted(map(id, trainable))
    assert all(group["initial_lr"] > 0 for optimizer in optimizers for group in optimizer.param_groups)


def test_muon_goes_without_momentum() -> None:
    network = build("lenet", num_classes=10, in_channels=1, image_size=28)
    sgd, muon = build_optimizers(network, Recipe(name="a", optimizer="muon", momentum=0, bias_momentum=0))
    assert sgd.param_groups[0]["momentum"] == muon.param_groups[0]["momentum"] == 0


def test_biases_are_not_decayed_by_sgd() -> None:
    network = build("lenet", num_classes=10, in_channels=1, image_size=28)
    (optimizer,) = build_optimizers(network, Recipe(name="a", weight_decay=0.01))
    for group in optimizer.param_groups:
        assert all((p.ndim > 1) == (group["weight_decay"] > 0) for p in group["params"])


@pytest.mark.parametrize("architecture", ["thumbnet", "mlp"])
def test_muon_moves_every_kernel_and_matrix_but_the_heads(architecture: str) -> None:
    network = build(architecture, num_classes=10, in_channels=3, image_size=32)
    rest, muon = build_optimizers(network, Recipe(name="a", optimizer="muon"))
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    moved = {names[id(p)] for group in muon.param_groups for p in group["params"]}
    others = {names[id(p)] for group in rest.param_groups for p in group["params"]}
    assert isinstance(muon, Muon)
    assert moved
    assert all(name.endswith("weight") for name in moved)
    assert {name for name in others if not name.endswith("bias")} == {"head.weight"}


def test_muon_moves_a_weight_that_starts_as_nothing() -> None:
    weight = nn.Parameter(torch.zeros(3, 3))
    weight.grad = torch.eye(3)
    Muon([weight], lr=0.1, momentum=0.6).step()
    assert torch.isfinite(weight).all()
    assert weight.diagonal().max() < 0
