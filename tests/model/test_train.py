"""The loop: it learns, it repeats itself exactly, and nothing is lost when it is stopped."""

from __future__ import annotations

import _thread
import dataclasses
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import thumbnet.model.train as loop
from thumbnet.model.architectures import Network
from thumbnet.model.checkpoint import Progress, read_progress
from thumbnet.model.classifier import Classifier
from thumbnet.model.datasets import Dataset, Split, load_dataset
from thumbnet.model.distill import Teachers, distillation_loss, openvino_answers, torch_answers
from thumbnet.model.errors import CheckpointError, InvalidArgument, TrainingDiverged, WeightsNotFound
from thumbnet.model.machine import machine_facts
from thumbnet.model.plots import plot_curves
from thumbnet.model.recipe import Recipe
from thumbnet.model.recipes import load_recipe
from thumbnet.model.runs import weights_config
from thumbnet.model.train import CHECKPOINT, Interrupted, build_network, learning_rate_factor, train, training_size
from thumbnet.model.weights import read_config, save_weights

CPU = torch.device("cpu")


def fit(recipe: Recipe, data: Dataset, folder: Path) -> Network:
    folder.mkdir(exist_ok=True)
    return train(recipe, data, folder, device=CPU, show_progress=False)


def same_weights(a: Network, b: Network) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "muon", "learning_rate": 0.1, "architecture": "airbench", "options": {"widths": [8, 8, 8]}},
        {"optimizer": "sgd", "learning_rate": 0.05, "architecture": "resnet20", "options": {"depth": 8}},
        {"optimizer": "adam", "learning_rate": 0.005, "architecture": "mlp", "loss": "mse"},
        {"optimizer": "adam", "learning_rate": 0.005, "architecture": "mlp", "schedule": "cosine", "warmup": 0.2},
    ],
)
def test_every_optimiser_and_loss_learns(changes: dict[str, object], stripe_data: Dataset, tmp_path: Path) -> None:
    recipe = Recipe(name="learn", image_size=16, epochs=8, batch_size=20).replace(**changes)
    fit(recipe, stripe_data, tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == list(range(1, 9))
    assert rows[-1]["validation_accuracy"] >= 0.95
    assert rows[-1]["loss"] < rows[0]["loss"]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    quick_recipe: Recipe, stripe_data: Dataset, tmp_path: Path
) -> None:
    first = fit(quick_recipe, stripe_data, tmp_path / "a")
    assert same_weights(first, fit(quick_recipe, stripe_data, tmp_path / "b"))
    assert not same_weights(first, fit(quick_recipe.replace(seed=1), stripe_data, tmp_path / "c"))


@pytest.mark.parametrize(
    ("stop_after", "changes"),
    [
        *((step, {}) for step in (1, 3, 5, 6)),
        *((step, {"average": 1.0}) for step in (5, 6)),
        *((step, {"selection": 0.5, "batch_size": 20}) for step in (1, 4, 5)),
    ],
)
def test_a_stopped_run_goes_on_to_the_same_weights_and_metrics(
    stop_after: int,
    changes: dict[str, float],
    quick_recipe: Recipe,
    stripe_data: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quick_recipe = quick_recipe.replace(**changes)
    expected = fit(quick_recipe, stripe_data, tmp_path / "whole")

    def stop_at(step: int) -> None:
        if step == stop_after:
            _thread.interrupt_main(signal.SIGINT)  # as Ctrl-C, but for this process alone

    monkeypatch.setattr(loop, "loss_function", after_steps(loop.loss_function, stop_at))
    with pytest.raises(Interrupted):
        fit(quick_recipe, stripe_data, tmp_path / "stopped")
    monkeypatch.undo()
    assert read_progress(tmp_path / "stopped" / CHECKPOINT).step == stop_after
    assert same_weights(fit(quick_recipe, stripe_data, tmp_path / "stopped"), expected)
    whole, stopped = (
        [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("whole", "stopped")
    )
    for a, b in zip(whole, stopped, strict=True):
        assert {k: v for k, v in a.items() if k != "seconds"} == {k: v for k, v in b.items() if k != "seconds"}


def after_steps(function: object, act: object) -> object:
    """`function`, which also tells `act` how often it has been called."""
    calls = 0

    def wrapped(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        act(calls)  # type: ignore[operator]
        return function(*arguments)  # type: ignore[operator]

    return wrapped


def test_a_damaged_line_of_the_metrics_does_not_keep_a_run_from_its_end(
    quick_recipe: Recipe, stripe_data: Dataset, tmp_path: Path
) -> None:
    """As a loss of power may leave it."""
    fit(quick_recipe, stripe_data, tmp_path)
    metrics = tmp_path / "metrics.jsonl"
    first, second = metrics.read_text().splitlines()
    metrics.write_text("\0" * len(first) + f"\n{second}\n")
    fit(quick_recipe, stripe_data, tmp_path)
    assert metrics.read_text() == f"{second}\n"
    plot_curves(metrics, tmp_path / "curves.png")


def test_the_weights_of_the_last_epochs_are_averaged_and_norms_measured_anew(
    quick_recipe: Recipe, stripe_data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, torch.Tensor]] = []
    save = loop.save_checkpoint

    def watched(path: Path, modules: dict[str, torch.nn.Module], *others: Any) -> None:
        seen.append({name: tensor.clone() for name, tensor in modules["network"].state_dict().items()})
        save(path, modules, *others)

    monkeypatch.setattr(loop, "save_checkpoint", watched)
    averaged = fit(quick_recipe.replace(epochs=4, average=0.5), stripe_data, tmp_path)
    assert len(seen) == 4
    for name, parameter in averaged.named_parameters():
        torch.testing.assert_close(parameter, (seen[2][name] + seen[3][name]) / 2)
    statistics = "features.4.running_mean"
    assert not torch.equal(averaged.state_dict()[statistics], seen[3][statistics])
    assert not averaged.training
    momenta = {module.momentum for module in averaged.modules() if isinstance(module, torch.nn.BatchNorm2d)}
    assert momenta == {0.4}, "the norms are as they were"


def test_of_few_epochs_the_last_one_is_averaged(quick_recipe: Recipe, stripe_data: Dataset, tmp_path: Path) -> None:
    recipe = quick_recipe.replace(epochs=3)
    averaged = fit(recipe.replace(average=0.1), stripe_data, tmp_path / "averaged")
    for parameter, last in zip(averaged.parameters(), fit(recipe, stripe_data, tmp_path).parameters(), strict=True):
        assert torch.equal(parameter, last)


def test_a_finished_run_is_not_trained_again(quick_recipe: Recipe, stripe_data: Dataset, tmp_path: Path) -> None:
    first = fit(quick_recipe, stripe_data, tmp_path)
    before = (tmp_path / CHECKPOINT).stat().st_mtime_ns
    assert same_weights(first, fit(quick_recipe, stripe_data, tmp_path))
    assert (tmp_path / CHECKPOINT).stat().st_mtime_ns == before


def test_a_checkpoint_of_another_recipe_is_not_resumed(
    quick_recipe: Recipe, stripe_data: Dataset, tmp_path: Path
) -> None:
    fit(quick_recipe, stripe_data, tmp_path)
    with pytest.raises(CheckpointError, match=r"another recipe \(different: seed, epochs\).*start in another folder"):
        fit(quick_recipe.replace(seed=3, epochs=4), stripe_data, tmp_path)


def test_a_run_goes_on_with_the_same_data_in_another_place(
    quick_recipe: Recipe, stripe_data: Dataset, tmp_path: Path
) -> None:
    first = fit(quick_recipe.replace(dataset="flowers"), stripe_data, tmp_path)
    assert same_weights(first, fit(quick_recipe.replace(dataset="moved/flowers"), stripe_data, tmp_path))


def test_a_damaged_checkpoint_says_what_to_do(quick_recipe: Recipe, stripe_data: Dataset, tmp_path: Path) -> None:
    fit(quick_recipe, stripe_data, tmp_path)
    checkpoint = tmp_path / CHECKPOINT
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"cannot resume from .*Delete it to start again"):
        fit(quick_recipe, stripe_data, tmp_path)
    with pytest.raises(CheckpointError, match="cannot read"):
        read_progress(checkpoint)


def test_a_full_disk_keeps_the_previous_checkpoint(
    quick_recipe: Recipe, stripe_data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(quick_recipe, stripe_data, tmp_path)
    before = (tmp_path / CHECKPOINT).read_bytes()

    def fill_disk(tensors: object, path: Path, metadata: object) -> None:
        path.write_bytes(b"half a checkpoint")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("thumbnet.model.checkpoint.save_file", fill_disk)
    layer = torch.nn.Linear(1, 1)
    with pytest.raises(OSError, match="No space left"):
        loop.save_checkpoint(tmp_path / CHECKPOINT, {"network": layer}, [], quick_recipe, loop.Progress(), "data")
    assert (tmp_path / CHECKPOINT).read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_ctrl_c_while_the_last_checkpoint_is_written_is_heard(
    quick_recipe: Recipe, stripe_data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = loop.save_checkpoint

    def save_and_stop(*arguments: Any) -> None:
        save(*arguments)
        if read_progress(tmp_path / CHECKPOINT).step == 6:
            _thread.interrupt_main(signal.SIGINT)

    monkeypatch.setattr(loop, "save_checkpoint", save_and_stop)
    with pytest.raises(Interrupted):
        fit(quick_recipe, stripe_data, tmp_path)
    assert not fit(quick_recipe, stripe_data, tmp_path).training


def test_a_killed_run_goes_on_from_its_last_checkpoint(cifar10_images: np.ndarray, tmp_path: Path) -> None:
    """A real process, killed without warning while it trains on real images."""
    for number, pixels in enumerate(cifar10_images):
        picture = tmp_path / "images" / "ab"[number % 2] / f"{number}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(picture)
    run, steps = tmp_path / "run", 20 * 9
    arguments = ["--recipe", "lenet", "--data", str(tmp_path / "images"), "--out", str(run), "--image-size", "32"]
    arguments += ["--set", "epochs=20", "--set", "batch_size=20"]
    command = [sys.executable, "-m", "thumbnet", "train", *arguments]
    patched = f"import thumbnet.model.train as t; t.CHECKPOINT_SECONDS = 0; import sys; sys.argv = {command[2:]!r}; "
    patched += "import runpy; runpy.run_module('thumbnet', run_name='__main__')"
    with subprocess.Popen([sys.executable, "-c", patched], stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not (run / CHECKPOINT).exists() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        process.kill()
    reached = read_progress(run / CHECKPOINT).step
    assert 0 < reached < steps
    assert load_file(run / CHECKPOINT)
    recipe = load_recipe(str(run / "recipe.json"))
    data = load_dataset(recipe.dataset, image_size=32, validation_share=recipe.validation_share)
    fit(recipe, data, run)
    assert read_progress(run / CHECKPOINT).step == steps


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_checkpoint(
    quick_recipe: Recipe, stripe_data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = loop.loss_function

    def explode(*arguments: Any) -> torch.Tensor:
        loss = original(*arguments)
        return loss * float("nan") if read_step(tmp_path) == 3 else loss

    def read_step(folder: Path) -> int:
        return read_progress(folder / CHECKPOINT).step if (folder / CHECKPOINT).exists() else 0

    monkeypatch.setattr(loop, "loss_function", explode)
    with pytest.raises(TrainingDiverged, match=r"became nan at step 4 \(epoch 2\).*lower learning_rate"):
        fit(quick_recipe, stripe_data, tmp_path)
    assert read_step(tmp_path) == 3


@pytest.mark.parametrize("epochs", [1, 3])
def test_weights_that_are_no_numbers_are_never_saved(
    epochs: int, quick_recipe: Recipe, stripe_data: Dataset, tmp_path: Path
) -> None:
    absurd = quick_recipe.replace(epochs=epochs, batch_size=1000, optimizer="sgd", learning_rate=1e30)
    with pytest.raises(TrainingDiverged, match=r"at step 1 \(epoch 1\)\. Try a lower learning_rate than 1e\+30\."):
        fit(absurd, stripe_data, tmp_path)
    assert not (tmp_path / CHECKPOINT).exists()
    assert (tmp_path / "metrics.jsonl").read_text() == ""


def test_a_checkpoint_of_other_data_is_not_resumed(quick_recipe: Recipe, stripe_data: Dataset, tmp_path: Path) -> None:
    fit(quick_recipe, stripe_data, tmp_path)
    train = stripe_data.train
    for changed in (
        dataclasses.replace(stripe_data, labels=("upright", "flat")),
        dataclasses.replace(stripe_data, train=Split(train.pixels, 1 - train.labels)),
        dataclasses.replace(stripe_data, train=Split(train.pixels.flip(0), train.labels)),
        dataclasses.replace(stripe_data, train=Split(train.pixels[:-1], train.labels[:-1])),
    ):
        with pytest.raises(CheckpointError, match=r"was made with other data: .*start in another folder"):
            fit(quick_recipe, changed, tmp_path)


def test_a_start_size_that_the_network_cannot_see_is_refused(
    quick_recipe: Recipe, stripe_data: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(
        InvalidArgument, match=r"thumbnet cannot see images of start_size=2 pixels: .*Start with larger"
    ):
        fit(quick_recipe.replace(start_size=2), stripe_data, tmp_path)


def test_more_processes_than_images_in_a_batch_are_refused(
    quick_recipe: Recipe, stripe_data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thumbnet.model.parallel.size", lambda: 2)
    with pytest.raises(InvalidArgument, match="a batch of 1 images cannot be shared by 2 processes"):
        fit(quick_recipe.replace(batch_size=1), stripe_data, tmp_path)


def test_training_works_outside_the_main_thread(quick_recipe: Recipe, stripe_data: Dataset, tmp_path: Path) -> None:
    results: list[Network] = []
    thread = threading.Thread(target=lambda: results.append(fit(quick_recipe, stripe_data, tmp_path)))
    thread.start()
    thread.join()
    assert len(results) == 1


def test_fewer_images_than_a_batch_still_train(quick_recipe: Recipe, stripe_data: Dataset, tmp_path: Path) -> None:
    fit(quick_recipe.replace(batch_size=100_000), stripe_data, tmp_path)
    assert read_progress(tmp_path / CHECKPOINT).step == 2


def test_bf16_trains_too(quick_recipe: Recipe, stripe_data: Dataset, tmp_path: Path) -> None:
    network = fit(quick_recipe.replace(precision="bf16"), stripe_data, tmp_path)
    assert all(tensor.isfinite().all() for tensor in network.state_dict().values())


def test_a_student_follows_its_teacher_rather_than_wrong_labels(
    quick_recipe: Recipe, stripe_data: Dataset, tmp_path: Path
) -> None:
    teaching = quick_recipe.replace(epochs=10, cutmix=0.0)
    network = fit(teaching, stripe_data, tmp_path / "teacher")
    teacher = tmp_path / "weights"
    save_weights(teacher, network, weights_config(teaching, stripe_data))
    wrong = Split(stripe_data.train.pixels, 1 - stripe_data.train.labels)
    misled = dataclasses.replace(stripe_data, train=wrong)
    student = teaching.replace(teacher=str(teacher), teacher_share=0.95, seed=1)
    fit(student, misled, tmp_path / "student")
    fit(student.replace(teacher_share=0.0), misled, tmp_path / "alone")
    taught, alone = (
        json.loads((tmp_path / name / "metrics.jsonl").read_text().splitlines()[-1])["validation_accuracy"]
        for name in ("student", "alone")
    )
    assert taught >= 0.9
    assert alone <= 0.1


@pytest.fixture(scope="module")
def two_teachers(
    quick_recipe: Recipe, stripe_data: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """The weights folders of two networks that have learned nothing, each with answers of its own."""
    torch.manual_seed(0)
    folder, config = tmp_path_factory.mktemp("teachers"), weights_config(quick_recipe, stripe_data)
    for name in ("one", "two"):
        save_weights(folder / name, build_network(quick_recipe, stripe_data), config)
    return folder / "one", folder / "two"


@pytest.fixture
def teacher(two_teachers: tuple[Path, Path]) -> Path:
    return two_teachers[0]


def test_several_teachers_take_turns(
    two_teachers: tuple[Path, Path], quick_recipe: Recipe, stripe_data: Dataset
) -> None:
    pixels = stripe_data.validation.pixels[:8]

    def teachers(*folders: Path) -> Teachers:
        recipe = quick_recipe.replace(teacher=", ".join(map(str, folders)), flip="none", translate=0)
        return Teachers(recipe, stripe_data, bf16=False, device=torch.device("cpu"))

    one, two = (teachers(folder).answer(pixels) for folder in two_teachers)
    assert not torch.allclose(one, two, atol=1e-3)
    both = teachers(*two_teachers)
    first = [torch.equal(answer, one) for answer in (both.answer(pixels) for _ in range(40))]
    second = [torch.equal(answer, two) for answer in (both.answer(pixels) for _ in range(40))]
    assert all(0 < sum(drawn) < 40 for drawn in (first, second))


def test_a_teacher_that_torch_computes_answers_as_one_that_openvino_computes(
    teacher: Path, stripe_data: Dataset
) -> None:
    config, pixels = read_config(teacher), stripe_data.validation.pixels
    by_torch = torch_answers(teacher, config, False, torch.device("cpu"))(pixels)
    assert not by_torch.requires_grad
    assert torch.allclose(by_torch, openvino_answers(teacher, False)(pixels), atol=1e-3)
    in_bf16 = torch_answers(teacher, config, True, torch.device("cpu"))(pixels)
    assert in_bf16.dtype == torch.float32
    assert torch.allclose(by_torch, in_bf16, atol=0.3)


def test_a_teacher_sees_images_mirrored_and_shifted_where_the_recipe_does_so(
    teacher: Path, quick_recipe: Recipe, stripe_data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = torch.randint(0, 256, (1, 3, 16, 16), dtype=torch.uint8).expand(400, -1, -1, -1)
    seen: list[torch.Tensor] = []

    def watch(self: Classifier, images: np.ndarray) -> np.ndarray:
        seen.append(torch.from_numpy(images.copy()).permute(0, 3, 1, 2))
        return np.zeros((len(images), len(self.labels)), dtype=np.float32)

    monkeypatch.setattr(Classifier, "logits", watch)

    def views(**changes: Any) -> set[bytes]:
        recipe = quick_recipe.replace(teacher=str(teacher), **changes)
        Teachers(recipe, stripe_data, bf16=False, device=torch.device("cpu")).answer(pixels)
        return {image.numpy().tobytes() for image in seen.pop()}

    image = pixels[:1]
    assert views(flip="none", translate=0) == {image.numpy().tobytes()}
    assert views(flip="alternating", translate=0) == {image.numpy().tobytes(), image.flip(-1).numpy().tobytes()}
    shifted = views(flip="alternating", translate=4)
    assert len(shifted) == 18
    assert image.numpy().tobytes() in shifted


def test_the_last_epochs_see_images_without_strong_augmentation(
    quick_recipe: Recipe, stripe_data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = quick_recipe.replace(
        epochs=4, refinement=0.5, translate=1, zoom=0.1, degrade=0.1, trivial_augment=0.1, cutmix=0.5
    )
    seen: list[tuple[int, float, float, float, float]] = []
    original = loop.augment

    def watched(pixels: torch.Tensor, mirrored: torch.Tensor, used: Recipe) -> torch.Tensor:
        seen.append((used.translate, used.zoom, used.degrade, used.trivial_augment, used.cutmix))
        return original(pixels, mirrored, used)

    monkeypatch.setattr(loop, "augment", watched)
    fit(recipe, stripe_data, tmp_path)
    half = len(seen) // 2
    assert set(seen[:half]) == {(1, 0.1, 0.1, 0.1, 0.5)}
    assert set(seen[half:]) == {(1, 0.0, 0.0, 0.0, 0.0)}


def test_a_teacher_of_other_classes_is_refused(quick_recipe: Recipe, stripe_data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(
        InvalidArgument,
        match=r"'mnist' knows 0, .* at 28 pixels with 1 channels; it must know flat, upright at 16",
    ):
        fit(quick_recipe.replace(teacher="mnist"), stripe_data, tmp_path)


def test_a_teacher_that_is_not_there_is_asked_for(quick_recipe: Recipe, stripe_data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(WeightsNotFound, match=r"unknown weights 'runs/none/weights'.* teacher .*train it first"):
        fit(quick_recipe.replace(teacher="runs/none/weights"), stripe_data, tmp_path / "run")
    assert not (tmp_path / "run" / "recipe.json").exists()


def test_the_distillation_loss_is_zero_for_equal_answers_and_ignores_their_offset() -> None:
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    assert distillation_loss(logits, logits + 4, 2.0).item() == pytest.approx(0, abs=1e-6)
    one, two = logits[:1], logits[1:2]
    p, q = (two / 2).softmax(1), (one / 2).softmax(1)
    assert distillation_loss(one, two, 2.0).item() == pytest.approx(4 * (p * (p / q).log()).sum().item(), rel=1e-4)


def test_a_run_says_what_it_was_computed_on_and_that_it_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe(name="a", precision="bf16")
    here = machine_facts(recipe.replace(precision="fp32"), torch.device("cpu"))
    assert (here["device"], here["precision"], here["processes"]) == ("cpu", "fp32", 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Fast GPU")
    there = machine_facts(recipe, torch.device("cuda", 0))
    assert (there["device"], there["gpu"], there["precision"]) == ("cuda", "Fast GPU", "bf16")
    progress = Progress()
    progress.take_over(here)
    progress.step = 5
    progress.take_over(here)
    assert progress.machine == here
    progress.take_over(there)
    assert progress.machine == there | {"moved": True}
    progress.take_over(there)
    assert progress.machine == there | {"moved": True}


def test_the_learning_rate_warms_up_and_falls_to_zero() -> None:
    recipe = Recipe(name="a", warmup=0.1)
    factors = [learning_rate_factor(recipe, step, 100) for step in range(100)]
    assert factors[0] == pytest.approx(1 / 11)
    assert max(factors) == factors[10] == 1
    assert factors[99] == pytest.approx(1 / 90)
    assert learning_rate_factor(recipe.replace(schedule="cosine"), 55, 100) == pytest.approx(0.5)
    assert learning_rate_factor(recipe.replace(schedule="constant"), 99, 100) == 1


def test_images_grow_in_steps_of_four_pixels() -> None:
    recipe = Recipe(name="a", epochs=24, start_size=20, growth=0.5)
    sizes = [training_size(recipe, epoch) for epoch in range(24)]
    assert sizes == [20] * 4 + [24] * 4 + [28] * 4 + [32] * 12
    assert training_size(recipe.replace(start_size=None), 0) == 32
