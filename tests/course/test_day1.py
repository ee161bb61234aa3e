"""Day 1: what the page computes by hand is what its code computes, and what PyTorch computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from .conftest import Load


def test_the_bike_is_taken(load: Load) -> None:
    neuron = load("neuron")
    by_dot = neuron.neuron_as_dot_product(np.array(neuron.DAY), np.array(neuron.BIKE["weights"]), neuron.BIKE["bias"])
    assert neuron.ride_a_bike() == pytest.approx(0.5) == by_dot
    assert neuron.plan_the_week() == pytest.approx(np.array([[0.5, 0.2], [0.9, 0], [0.1, 0.4], [-1.4, 0.2]]))


def test_a_neuron_needs_a_weight_for_each_input(load: Load) -> None:
    with pytest.raises(ValueError, match="shorter"):
        load("neuron").neuron([1.0, 2.0], [1.0], 0.0)


def test_a_layer_is_pytorchs_linear_layer(load: Load, rng: np.random.Generator) -> None:
    inputs, weights, biases = rng.normal(size=(7, 5)), rng.normal(size=(3, 5)), rng.normal(size=3)
    theirs = F.linear(*(torch.tensor(part) for part in (inputs, weights, biases))).numpy()
    assert np.abs(load("neuron").layer(inputs, weights, biases) - theirs).max() < 1e-12


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh"])
def test_activations_and_their_slopes_are_pytorchs(load: Load, name: str) -> None:
    function, slope = load("activations").ACTIVATIONS[name]
    z = torch.linspace(-30, 30, 601, dtype=torch.float64, requires_grad=True)
    theirs = getattr(torch, name)(z)
    theirs.sum().backward()
    points = z.detach().numpy()
    assert np.abs(function(points) - theirs.detach().numpy()).max() < 1e-12
    assert z.grad is not None
    assert np.abs(slope(points) - z.grad.numpy()).max() < 1e-12


def test_the_sigmoid_does_not_overflow(load: Load) -> None:
    assert load("activations").sigmoid(np.array([-1e4, 1e4])).tolist() == [0, 1]


def test_two_layers_compute_xor_and_one_neuron_cannot(load: Load) -> None:
    xor = load("xor")
    assert xor.either(xor.CORNERS).tolist() == xor.EITHER.tolist()
    assert xor.best_single_neuron(tries=20_000) == 3


def test_a_curve_of_hinges_passes_through_its_knots(load: Load) -> None:
    knots = np.array([0.0, 1.0, 1.5, 4.0])
    heights = np.array([1.0, -2.0, 0.5, 0.0])
    assert load("xor").curve_of_hinges(knots, knots, heights) == pytest.approx(heights)


def test_softmax_is_pytorchs_and_takes_large_logits(load: Load, rng: np.random.Generator) -> None:
    logits = rng.normal(0, 300, (20, 10))
    theirs = torch.tensor(logits).softmax(dim=1).numpy()
    assert np.abs(load("network").softmax(logits) - theirs).max() < 1e-12


def test_the_tiny_network_gives_what_the_page_computes_by_hand(load: Load) -> None:
    network = load("network")
    logits = network.TINY.forward(network.EXAMPLE)
    assert logits.tolist() == [[3.0, 0.5]]
    assert network.softmax(logits)[0, 0] == pytest.approx(0.924, abs=5e-4)
    assert network.TINY.predict(network.EXAMPLE).tolist() == [0]
    assert network.TINY.count_parameters() == 17


def test_average_images_read_four_digits_in_five_and_random_weights_next_to_none(load: Load, results: Any) -> None:
    digits = load("digits")
    train, validation = digits.read_digits()
    weights, biases = digits.templates(*digits.flatten(train))
    inputs, labels = digits.flatten(validation)
    found = digits.accuracy(load("neuron").layer(inputs, weights, biases), labels)
    assert found == pytest.approx(results["templates"]["accuracy"], abs=0.001)
    random = digits.accuracy(load("network").random_network(784, 128, 10).forward(inputs), labels)
    assert random == pytest.approx(results["random"]["accuracy"], abs=0.002)
    assert random < 0.25 < 0.75 < found


def test_twenty_sigmoid_layers_forget_the_image_and_relu_with_the_right_scale_does_not(
    load: Load, results: Any
) -> None:
    follow = load("activations").follow_the_signal
    inputs = np.random.default_rng(1).normal(size=(100, 200))
    assert follow(inputs, "sigmoid", 1.0)["spread"][-1] < 1e-9 > results["depth"]["sigmoid"]["last_spread"]
    assert follow(inputs, "relu", 2.0)["spread"][-1] > 0.05 < results["depth"]["relu"]["last_spread"]
    assert follow(inputs, "relu", 8.0)["nudge"][-1] > 1e5 < results["depth"]["relu_large"]["last_nudge"]


def test_a_nudge_followed_by_slopes_is_a_real_small_change(load: Load, rng: np.random.Generator) -> None:
    activations = load("activations")
    inputs = rng.normal(size=(50, 60))
    found = activations.follow_the_signal(inputs, "tanh", 1.0, depth=1, seed=3)["nudge"][0]
    repeat = np.random.default_rng(3)
    change = repeat.normal(0, 1, inputs.shape)
    weights = repeat.normal(0, np.sqrt(1 / 60), (60, 60))
    measured = (np.tanh((inputs + 1e-6 * change) @ weights.T) - np.tanh(inputs @ weights.T)) / 1e-6
    assert found == pytest.approx(np.linalg.norm(measured) / np.linalg.norm(change), rel=1e-4)


@pytest.mark.parametrize("script", ["neuron", "activations", "xor", "network"])
def test_every_script_prints_what_it_found(load: Load, script: str, capsys: pytest.CaptureFixture[str]) -> None:
    load(script).main()
    assert any(letter.isdigit() for letter in capsys.readouterr().out)


@pytest.mark.parametrize("name", ["hinges", "depth"])
def test_a_committed_figure_is_what_its_code_draws(load: Load, folder: Path, name: str, tmp_path: Path) -> None:
    figures = load("figures")
    for path in load("style").draw(tmp_path, name, *figures.FIGURES[name]):
        assert path.read_text("utf-8") == (folder / "images" / path.name).read_text("utf-8")


def test_gates(load: Load) -> None:
    gates = load("gates")
    assert gates.table("and") == [0, 0, 0, 1]
    assert gates.table("or") == [0, 1, 1, 1]
    assert gates.table("nand") == [1, 1, 1, 0]
    assert gates.either() == [0, 1, 1, 0]


def test_tanh_from_sigmoid(load: Load) -> None:
    assert max(load("tanh_from_sigmoid").differences()) < 1e-12


def test_count_parameters(load: Load) -> None:
    solution = load("count_parameters")
    assert solution.count((784, 128, 10)) == 101_770
    assert solution.count((784, 256, 128, 10)) == solution.project_count()


def test_collapse(load: Load) -> None:
    collapse = load("collapse")
    assert collapse.largest_difference(activation=False) < 1e-12
    assert collapse.largest_difference(activation=True) > 1


def test_leaky_relu(load: Load) -> None:
    solution = load("leaky_relu")
    assert solution.difference_to_pytorch() < 1e-12
    assert solution.nudge_after_20_layers(2 / 1.01) == pytest.approx(1, abs=0.3)


def test_temperature(load: Load) -> None:
    solution = load("temperature")
    assert solution.shift_changes() < 1e-12
    assert np.isnan(solution.careless_softmax(solution.LOGITS + 1000)).all()
    sure, unsure = solution.at_temperature(0.1), solution.at_temperature(1000)
    assert sure.max() > 0.999
    assert unsure == pytest.approx(np.full(3, 1 / 3), abs=0.01)
    assert sure.argmax() == unsure.argmax() == 0


def test_bumps(load: Load) -> None:
    bumps = load("bumps")
    assert bumps.bump(np.array([0.0, 0.5, 1.0]), 0.4, 0.6, 0.01) == pytest.approx([0, 1, 0])
    assert bumps.mean_error(20) == pytest.approx(bumps.mean_error(10) / 2, rel=0.05)


def test_random_features(load: Load) -> None:
    read = load("random_features").read
    few, none, many = read(50, images=3000), read(0, images=3000), read(500, images=3000)
    assert few < none < many
