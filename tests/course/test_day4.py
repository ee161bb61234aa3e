"""Day 4: batch norm against PyTorch, costs against the project's counts, slopes through deep networks, the grid."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from thumbnet.model.architectures import ARCHITECTURES, count_macs, count_parameters
from thumbnet.model.distill import distillation_loss

from .conftest import Load


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small steps are quicker so, above all where other tests run at the same time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_costs_by_formula_are_those_that_the_project_counts(load: Load, name: str) -> None:
    costs = load("costs")
    network = costs.network_of(name)
    layers = costs.walk(network)
    assert sum(layer.parameters for layer in layers) == count_parameters(network)
    assert sum(layer.macs for layer in layers) == count_macs(network, 3, 32)


def test_small_kernels_in_a_row_see_what_the_formula_says(load: Load) -> None:
    stacks = load("stacks")
    for kernels in stacks.STACKS:
        assert stacks.measure_sees(kernels) == stacks.sees(kernels)
    assert stacks.count([3, 3, 3], 64) / stacks.count([7], 64) == pytest.approx(27 / 49, abs=0.005)


def test_batch_norm_is_pytorchs_in_training_back_and_in_evaluation(load: Load) -> None:
    found = load("batch_norm").check(seed=5)
    assert set(found) == {"forward", "backward", "running", "evaluation"}
    assert max(found.values()) < 1e-10


def test_the_four_numbers_of_the_page(load: Load) -> None:
    four = np.array([1.0, 2.0, 3.0, 6.0]).reshape(4, 1, 1, 1)
    found = load("batch_norm").BatchNorm(1).train_forward(four).ravel()
    assert found == pytest.approx([-1.069, -0.535, 0, 1.604], abs=1e-3)


def test_nothing_comes_back_along_a_shift_or_a_scaling_of_the_batch(load: Load) -> None:
    rng = np.random.default_rng(0)
    norm, x = load("batch_norm").BatchNorm(2, eps=0.0), rng.normal(0, 1, (6, 2, 3, 3))
    norm.train_forward(x)
    by_x, _, _ = norm.backward(rng.normal(0, 1, x.shape))
    assert np.abs(by_x.sum(axis=(0, 2, 3))).max() < 1e-12
    assert np.abs((by_x * x).sum(axis=(0, 2, 3))).max() < 1e-12


def test_batch_norm_alone_lets_slopes_explode_and_residuals_hold_them(load: Load) -> None:
    gradients = load("gradients")
    images = gradients.some_images(12)
    both, plain = (gradients.follow(gradients.resnet(20, residual=residual), images) for residual in (True, False))
    assert len(both["slope"]) == 9
    assert plain["slope"][0] / plain["slope"][-1] > 2 * both["slope"][0] / both["slope"][-1]
    agree = [gradients.agreement(gradients.resnet(20, residual=residual), images) for residual in (True, False)]
    assert agree[0] > agree[1] + 0.2


def test_the_first_steps_lower_the_loss(load: Load) -> None:
    losses = load("gradients").first_steps(8, residual=True, steps=16, images=64)
    assert np.mean(losses[-4:]) < np.mean(losses[:4])


def test_the_results_tell_what_the_page_concludes(results: Any) -> None:
    deep = results["depth"]["56"]
    assert deep["norm_only"]["slope_ratio"] > 100 * deep["both"]["slope_ratio"]
    assert deep["residual_only"]["spread_ratio"] > 1000 > deep["both"]["spread_ratio"]
    assert deep["neither"]["slope_ratio"] < 1
    assert results["race"]["plain56"]["end"] > results["race"]["residual56"]["end"]


def test_the_kept_figures_of_the_comparison_are_those_of_its_file(load: Load, results: Any) -> None:
    measure = load("measure")
    assert results["chance"] == measure.chance()
    runs = load("grid").read_runs()
    assert results["losses"] == {name: runs[f"cifar10/{run}"]["loss"][-1] for name, run in measure.LOSSES.items()}


def test_every_run_of_the_comparison_has_a_row_in_a_table_of_the_page(load: Load, page: str) -> None:
    tables = re.findall(r"<!-- table \S+ \S+ -->\n\n(.*?)\n\n<!-- /table -->", page, re.DOTALL)
    rows = [row for table in tables for row in table.splitlines()[2:]]
    assert len(tables) == 3
    assert len(rows) == len(load("grid").read_runs()) + 1  # the whole ResNet-20 is in two of them


def test_the_standard_error_is_that_of_a_simulation(load: Load) -> None:
    draws = np.random.default_rng(0).binomial(10_000, 0.82, 20_000) / 10_000
    assert load("grid").standard_error(0.82) == pytest.approx(draws.std(), rel=0.03)


def test_every_augmentation_of_the_page_keeps_shape_and_type(load: Load) -> None:
    augmentation = load("augmentation")
    images = augmentation.photographs(4)
    for name, made in augmentation.versions(images).items():
        assert (made.shape, made.dtype) == (images.shape, torch.uint8)
        assert (augmentation.changed(images, made) > 0) == (name != "as they are")


def test_squeeze_and_excitation_weighs_channels_by_their_formula(load: Load) -> None:
    torch.manual_seed(0)
    block, x = load("excitation").SqueezeExcitation(16), torch.randn(5, 16, 3, 3)
    hidden = np.maximum(
        x.mean(dim=(2, 3)).numpy() @ block.squeeze.weight.detach().numpy().T + block.squeeze.bias.detach().numpy(), 0
    )
    weights = 2 / (1 + np.exp(-(hidden @ block.excite.weight.detach().numpy().T)))
    np.testing.assert_allclose(block(x).detach().numpy(), x.numpy() * weights[:, :, None, None], rtol=1e-5)
    assert np.abs(weights - 1).max() < 0.5


def test_a_dead_excitation_is_the_same_for_every_image(load: Load) -> None:
    block = load("excitation").SqueezeExcitation(16)
    block.squeeze.bias.data.fill_(-100.0)
    assert torch.equal(block.weights(torch.randn(5, 16, 3, 3)), torch.ones(5, 16))


def test_stages_of_our_network_add_up_but_for_linear_layers_and_norms(load: Load) -> None:
    ours = load("ours")
    macs = sum(macs for _, macs in ours.stages().values())
    assert macs == sum(
        layer.macs for layer in load("costs").walk(ours.network_of("thumbnet")) if layer.kind != "Linear"
    )


def test_the_distillation_loss_is_the_projects(load: Load) -> None:
    student, teacher = load("hot_teacher").example()
    theirs = distillation_loss(torch.tensor(student), torch.tensor(teacher), 2.0)
    assert load("distillation").distillation(student, teacher, 2.0) == pytest.approx(theirs.item())


@pytest.mark.parametrize(
    "script", ["costs", "stacks", "batch_norm", "augmentation", "ours", "excitation", "distillation", "grid"]
)
def test_every_script_prints_what_it_found(load: Load, script: str, capsys: pytest.CaptureFixture[str]) -> None:
    load(script).main()
    assert any(letter.isdigit() for letter in capsys.readouterr().out)


@pytest.mark.parametrize("name", ["signals", "race", "cost", "ablation"])
def test_a_committed_figure_is_what_its_code_draws(load: Load, folder: Path, name: str, tmp_path: Path) -> None:
    figures = load("figures")
    for path in load("style").draw(tmp_path, name, *figures.FIGURES[name]):
        assert path.read_text("utf-8") == (folder / "images" / path.name).read_text("utf-8")


def test_vgg_by_hand(load: Load) -> None:
    assert load("vgg_by_hand").by_hand() == load("vgg_by_hand").counted() == (9_228_362, 152_769_536)


def test_running_averages(load: Load) -> None:
    solution = load("running_averages")
    for steps in (1, 10, 50):
        assert solution.remembered(steps, 0.4) == pytest.approx(solution.by_formula(steps, 0.4))


def test_folding(load: Load) -> None:
    assert load("folding").difference() < 1e-10


def test_forgotten_eval(load: Load) -> None:
    accuracy = load("forgotten_eval").accuracy
    right = accuracy(training=False, batch=50, sorted_by_class=True, images=80)
    assert accuracy(training=True, batch=8, sorted_by_class=True, images=80) < right - 0.2


def test_without_parts(load: Load) -> None:
    accuracy = load("without_parts").accuracy
    found = {part: accuracy(part, 80) for part in ("nothing", "first block")}
    assert found["first block"] < found["nothing"]


def test_separable(load: Load) -> None:
    solution = load("separable")
    network = solution.separable_vgg()
    parameters, macs = solution.cost(network)
    assert (parameters, macs) == (count_parameters(network), count_macs(network, 3, 32))
    assert parameters < 9_228_362 / 8


def test_chance(load: Load) -> None:
    chance = load("chance")
    assert chance.worse_wins(0.9, 0.898) > chance.worse_wins(0.9, 0.89)
    draws = np.random.default_rng(0).multinomial(10_000, [0.05, 0.04, 0.91], 20_000)
    assert chance.paired_error(500, 400) == pytest.approx(((draws[:, 0] - draws[:, 1]) / 10_000).std(), rel=0.03)


def test_hot_teacher(load: Load) -> None:
    solution = load("hot_teacher")
    student, teacher = solution.example()
    for temperature in (1.0, 4.0):
        expected = solution.autograd_slope(student, teacher, temperature)
        assert solution.slope(student, teacher, temperature) == pytest.approx(expected, abs=1e-12)
    assert solution.slope(student, teacher, 1e4) == pytest.approx(solution.limit(student, teacher), abs=1e-3)
