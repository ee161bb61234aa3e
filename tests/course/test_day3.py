"""Day 3: convolution and pooling against PyTorch; LeNet by the project's loop; what the kept weights do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from thumbnet.model.datasets import Dataset, load_dataset

from .conftest import Load


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("mnist", image_size=28)


def test_the_edge_of_the_page(load: Load) -> None:
    convolution = load("convolution")
    assert convolution.slide(convolution.IMAGE, convolution.EDGE).tolist() == [[0, 4, 4, 0]] * 2
    assert (convolution.slide(convolution.IMAGE, convolution.EDGE.T) == 0).all()


def test_convolution_is_pytorchs_in_a_loop_and_in_one_product(load: Load) -> None:
    found = load("convolution").check(seed=5)
    assert set(found) == {"loop", "matrix"}
    assert max(found.values()) < 1e-10


def test_pooling_is_pytorchs_forward_and_back(load: Load) -> None:
    assert max(load("pooling").check(seed=5).values()) < 1e-10


def test_the_pooling_of_the_page(load: Load) -> None:
    pooling = load("pooling")
    image = pooling.MAP[None, None]
    assert pooling.pool(image, 2, np.max)[0, 0].tolist() == [[8, 1], [4, 5]]
    assert pooling.pool(image, 2, np.mean)[0, 0].tolist() == [[3.5, 0.25], [1, 5]]


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"), [(5, 3, 1, 0), (5, 3, 2, 1), (32, 5, 2, 2), (28, 2, 2, 0)]
)
def test_the_formula_of_sizes_is_pytorchs(load: Load, size: int, kernel: int, stride: int, padding: int) -> None:
    made = torch.nn.Conv2d(1, 1, kernel, stride, padding)(torch.zeros(1, 1, size, size))
    assert load("convolution").output_size(size, kernel, stride, padding) == made.shape[-1]


def test_the_receptive_field_by_formula_is_the_measured_one(load: Load) -> None:
    fields = load("receptive_field")
    by_formula = [sees for _, sees, _ in fields.receptive_fields(fields.LENET)]
    assert by_formula == [5, 6, 14, 16]
    assert by_formula == [fields.measure_receptive_field(depth) for depth in (1, 3, 4, 6)]


def test_the_kept_weights_read_over_99_percent_of_the_test_images(load: Load, digits: Dataset, results: Any) -> None:
    lenet = load("lenet")
    found = lenet.test_accuracy(lenet.trained(), digits)
    assert found >= 0.99
    assert found == pytest.approx(results["test_accuracy"], abs=2e-4)  # an image or two may flip on another processor


def test_the_chosen_run_was_the_best_on_validation(results: Any, page: str) -> None:
    runs = results["runs"]
    assert runs["chosen"]["validation_accuracy"] == max(run["validation_accuracy"] for run in runs.values())
    assert f"{results['test_accuracy']:.2%}".replace("%", " %") in page


@pytest.mark.slow
def test_lenet_learns_by_the_projects_loop(load: Load) -> None:
    recipe = load("lenet").RECIPE.replace(epochs=2, translate=0)
    network, found = load("lenet").learn(recipe, load("shuffled").prepare(8000, shuffled=False))
    assert found["validation_accuracy"] > 0.9
    assert (found["parameters"], found["macs"]) == (61_706, 416_520)
    assert not network.training


def test_maps_have_the_sizes_of_the_page(load: Load, digits: Dataset) -> None:
    maps = load("looking").feature_maps(load("lenet").trained(), digits.validation.pixels[:3])
    assert [found.shape for found in maps.values()] == [(3, 6, 14, 14), (3, 16, 5, 5)]
    assert all((found >= 0).all() for found in maps.values())


def test_the_strongest_patches_are_the_strongest(load: Load, digits: Dataset) -> None:
    network, looking = load("lenet").trained(), load("looking")
    patches = looking.strongest_patches(network, digits.validation.pixels[:300], best=3)
    kernels = looking.first_kernels(network)
    answers = (patches * kernels[:, None]).sum(axis=(2, 3))
    assert (np.diff(answers, axis=1) <= 1e-3).all()  # best first
    assert (answers[:, 0] > 0).all()


def test_silencing_a_kernel_hurts_and_is_undone(load: Load, digits: Dataset, results: Any) -> None:
    network = load("lenet").trained()
    before = network.features[0].weight.clone()
    split = digits.validation
    found = load("looking").without_each_kernel(network, split.pixels, split.labels)
    assert torch.equal(network.features[0].weight, before)
    assert found == pytest.approx(results["without_kernel"], abs=0.002)
    assert max(found) < results["runs"]["chosen"]["validation_accuracy"]


@pytest.mark.parametrize("script", ["convolution", "pooling", "receptive_field", "looking"])
def test_every_script_prints_what_it_found(load: Load, script: str, capsys: pytest.CaptureFixture[str]) -> None:
    load(script).main()
    assert any(letter.isdigit() for letter in capsys.readouterr().out)


@pytest.mark.parametrize("name", ["sliding", "places", "accuracy"])
def test_a_committed_figure_is_what_its_code_draws(load: Load, folder: Path, name: str, tmp_path: Path) -> None:
    figures = load("figures")
    for path in load("style").draw(tmp_path, name, *figures.FIGURES[name]):
        assert path.read_text("utf-8") == (folder / "images" / path.name).read_text("utf-8")


def test_sizes(load: Load) -> None:
    assert load("sizes").by_formula() == load("sizes").by_pytorch() == [28, 14, 10, 5]


def test_kernels(load: Load) -> None:
    kernels = load("kernels")
    flat = np.full((5, 5), 0.7)
    slide = load("convolution").slide
    assert slide(flat, kernels.BLUR) == pytest.approx(np.full((3, 3), 0.7))
    assert slide(flat, kernels.SHARPEN) == pytest.approx(np.full((3, 3), 0.7))
    answers = kernels.answers(kernels.RISING)
    assert answers["rising"] == 6 == max(answers.values())
    assert answers["upright"] == answers["level"] == 0


def test_costs(load: Load) -> None:
    assert load("costs").total() == load("costs").counted() == (61_706, 416_520)


def test_shift(load: Load) -> None:
    difference = load("shift").largest_difference
    assert difference(2, images=10) < 1e-4 > difference(4, images=10)
    assert difference(1, images=10) > 0.1


def test_stacked(load: Load) -> None:
    stacked = load("stacked")
    assert stacked.difference(with_relu=False) < 1e-10
    assert stacked.difference(with_relu=True) > 0.1
    small, large = stacked.parameters()
    assert small / large == pytest.approx(0.72, abs=0.005)


def test_backward(load: Load) -> None:
    assert load("backward").difference() < 1e-10


@pytest.mark.slow
def test_shuffled(load: Load) -> None:
    read = load("shuffled").read
    plain, mixed = (read("lenet", shuffled=shuffled, images=4000, epochs=3) for shuffled in (False, True))
    assert plain > mixed + 0.03
    plain, mixed = (read("mlp", shuffled=shuffled, images=4000, epochs=3) for shuffled in (False, True))
    assert abs(plain - mixed) < 0.03


def test_occlusion(load: Load) -> None:
    solution = load("occlusion")
    found = solution.importance(solution.first_of(7), 7, size=7)
    assert found.shape == (28, 28)
    assert found[0, 0] == pytest.approx(0, abs=1e-4)  # nothing but paper there
    assert found.max() > 0.1
