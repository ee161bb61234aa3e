"""Day 2: losses, descent and backpropagation against PyTorch and finite differences; learning on real digits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from .conftest import Load


def test_both_losses_and_their_slopes_are_pytorchs(load: Load, rng: np.random.Generator) -> None:
    losses = load("losses")
    logits, labels = rng.normal(0, 3, (12, 5)), rng.integers(0, 5, 12)
    targets = np.eye(5)[labels]
    for name, ours in (("cross_entropy", losses.cross_entropy), ("mse", losses.squared_error)):
        tensor = torch.tensor(logits, requires_grad=True)
        wanted = torch.tensor(targets)
        if name == "mse":
            theirs = (tensor.softmax(dim=1) - wanted).square().sum(dim=1).mean()
        else:
            theirs = F.cross_entropy(tensor, wanted)
        theirs.backward()
        assert ours(losses.softmax(logits), targets) == pytest.approx(theirs.item(), abs=1e-12)
        assert tensor.grad is not None
        assert np.abs(losses.SLOPES[name](logits, targets) - tensor.grad.numpy()).max() < 1e-12


def test_cross_entropy_gets_out_of_a_bad_start_long_before_squared_error(load: Load, results: Any) -> None:
    race = load("losses").race
    for start, steps in results["race"].items():
        for loss, step in steps.items():
            path = race(loss, float(start), steps=step + 1)
            assert path[step] > 0.5 >= path[step - 1]
    assert results["race"]["6"]["mse"] > 10 * results["race"]["6"]["cross_entropy"]


def test_the_step_computed_by_hand(load: Load) -> None:
    descent = load("descent")
    x, y, weights = np.array([2.0]), np.array([3.0]), np.array([-1.0, 3.0])
    assert descent.loss(weights, x, y) == 4
    assert descent.gradient(weights, x, y).tolist() == [-8, -4]
    after = weights + descent.plain(0.05)(descent.gradient(weights, x, y))
    assert after == pytest.approx([-0.6, 3.2])
    assert descent.loss(after, x, y) == pytest.approx(1)


@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_our_optimizers_take_pytorchs_steps(load: Load, name: str, rng: np.random.Generator) -> None:
    weight = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    if name == "adam":
        rule, theirs = load("descent").adam(0.1), torch.optim.Adam([weight], lr=0.1)
    else:
        rule, theirs = load("descent").momentum(0.1), torch.optim.SGD([weight], lr=0.1, momentum=0.9)  # type: ignore[assignment]
    ours = np.zeros(2)
    for _ in range(10):
        slope = rng.normal(size=2)
        ours = ours + rule(slope)
        weight.grad = torch.tensor(slope)
        theirs.step()
    assert np.abs(ours - weight.detach().numpy()).max() < 1e-7


def test_every_walk_comes_close_to_least_squares(load: Load, results: Any) -> None:
    descent = load("descent")
    x, y = descent.measurements()
    least = descent.loss(descent.best_line(), x, y)
    assert least == pytest.approx(results["descent"]["least"])
    for rule, batch in descent.WALKS.values():
        assert descent.loss(descent.descend(rule(), batch)[-1], x, y) < 1.2 * least


def test_the_chain_of_the_page(load: Load) -> None:
    assert load("backprop").by_hand() == {"loss": 4.0, "by_v": 8.0, "by_w": 12.0, "by_b": 6.0}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_backpropagation_is_autograd_to_ten_digits_and_agrees_with_finite_differences(load: Load, seed: int) -> None:
    found = load("backprop").check(seed)
    assert found["to_autograd"] < 1e-10
    assert found["to_finite_differences"] < 1e-7
    assert found["largest_slope"] > 0.01


def test_a_wrong_way_back_would_be_noticed(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    backprop, mlp = load("backprop"), load("mlp")
    right = mlp.MLP.backward
    monkeypatch.setattr(mlp.MLP, "backward", lambda self, slope: right(self, slope * 1.001))
    assert backprop.check()["to_autograd"] > 1e-5
    assert backprop.check()["to_finite_differences"] > 1e-5


def test_moving_digits_moves_their_pixels_and_loses_none(load: Load, rng: np.random.Generator) -> None:
    images = np.zeros((2, 28, 28))
    images[:, 5:20, 7:22] = rng.random((2, 15, 15))
    moved = load("mlp").move(images.reshape(2, 784), 1, -2).reshape(2, 28, 28)
    assert (moved[:, 6:21, 5:20] == images[:, 5:20, 7:22]).all()
    assert moved.sum() == pytest.approx(images.sum())


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_the_network_learns_to_read(load: Load, loss: str) -> None:
    mlp = load("mlp")
    digits = mlp.read_digits()
    inputs, labels = (part[:12_000] for part in digits["train"])
    network = mlp.MLP((784, 64, 10), dtype=np.float32)
    mlp.train(network, inputs, labels, epochs=4, shift=1, slope=load("losses").SLOPES[loss])
    assert mlp.accuracy(network, *digits["validation"]) > 0.92


def test_the_full_run_read_over_98_percent_of_the_test_images(results: Any, page: str) -> None:
    assert results["test_accuracy"] >= 0.98
    runs = results["runs"]
    assert runs["chosen"]["validation"] == max(run["validation"] for run in runs.values())
    assert runs["no_shift"]["train"] > runs["chosen"]["train"]
    assert f"{results['test_accuracy']:.2%}".replace("%", " %") in page


def test_keras_gives_the_same_answers_with_the_same_weights(folder: Path, tmp_path: Path) -> None:
    code = """
import json, keras_twin
found = keras_twin.compare(images=200)
found |= {"backend": keras_twin.keras.backend.backend(), "fitted": keras_twin.fit_in_keras(images=2000)}
print(json.dumps(found))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "KERAS_HOME": str(tmp_path), "PYTHONPATH": str(folder)},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["backend"] == "torch"
    assert found["same_predictions"] == 1
    assert found["largest_difference"] < 1e-5 * found["largest_logit"]
    assert found["fitted"] > 0.7


@pytest.mark.parametrize("script", ["losses", "descent", "backprop"])
def test_every_script_prints_what_it_found(load: Load, script: str, capsys: pytest.CaptureFixture[str]) -> None:
    load(script).main()
    assert any(letter.isdigit() for letter in capsys.readouterr().out)


@pytest.mark.parametrize("name", ["chain", "training"])
def test_a_committed_figure_is_what_its_code_draws(load: Load, folder: Path, name: str, tmp_path: Path) -> None:
    figures = load("figures")
    for path in load("style").draw(tmp_path, name, *figures.FIGURES[name]):
        assert path.read_text("utf-8") == (folder / "images" / path.name).read_text("utf-8")


def test_loss_by_hand(load: Load) -> None:
    table = load("loss_by_hand").table()
    assert table["sure and right"] == pytest.approx((0.015, -np.log(0.9)))
    assert table["unsure"] == pytest.approx((2 / 3, np.log(3)))


def test_rates(load: Load) -> None:
    walk = load("rates").walk
    assert walk(0.25)[1] == 0
    assert abs(walk(0.45)[-1]) < 0.02 < abs(walk(0.01)[-1]) < 1 == abs(walk(0.5)[-1]) < abs(walk(0.55)[-1])


def test_sigmoid_backprop(load: Load) -> None:
    solution = load("sigmoid_backprop")
    assert solution.slopes(0.5, 1.0, 1.5) == pytest.approx(solution.measured(0.5, 1.0, 1.5), abs=1e-8)


def test_step_size(load: Load) -> None:
    solution = load("step_size")
    assert min(solution.errors(both_sides=True).values()) < min(solution.errors(both_sides=False).values())
    assert solution.best_step(both_sides=True) > solution.best_step(both_sides=False)


def test_momentum_distance(load: Load) -> None:
    solution = load("momentum_distance")
    assert solution.speed(0.9) == pytest.approx(10)
    losses = solution.losses_after()
    assert losses["momentum 0.05"] < 1 < 1e6 < losses["plain 0.5"]


def test_tanh_mlp(load: Load) -> None:
    assert load("tanh_mlp").difference() < 1e-7


@pytest.mark.slow
def test_few_images(load: Load) -> None:
    learn = load("few_images").learn
    seen, new = learn(500, shift=0, steps=300)
    assert seen > 0.98 > 0.95 > new
    assert learn(3000, shift=0, steps=300)[1] > new


def test_tiny_autograd(load: Load) -> None:
    solution = load("tiny_autograd")
    assert solution.chain() == load("backprop").by_hand()
    x = solution.Number(3.0)
    (x * x + x).backward()
    assert x.slope == 7  # two ways back, added
