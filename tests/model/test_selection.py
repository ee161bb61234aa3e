"""Which images a step trains on: the hardest of those it draws, and at first each once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from thumbnet.model.datasets import Dataset, Split
from thumbnet.model.errors import InvalidArgument
from thumbnet.model.recipe import Recipe
from thumbnet.model.selection import Memory
from thumbnet.model.train import CHECKPOINT, plan_epoch, train


@pytest.fixture
def memory() -> Memory:
    return Memory(torch.zeros(6, dtype=torch.bool))


def test_unseen_images_come_first_then_those_with_the_largest_loss(memory: Memory) -> None:
    memory.update(torch.tensor([0, 1, 2, 3]), torch.tensor([0.1, 3.0, 0.5, 2.0]))
    drawn = torch.tensor([3, 0, 5, 2, 1])
    assert memory.hardest(drawn, 1).tolist() == [5]
    assert memory.hardest(drawn, 3).tolist() == [3, 5, 1], "in the order in which they were drawn"
    assert memory.hardest(drawn, 5).tolist() == drawn.tolist()


def test_an_image_is_mirrored_every_other_time_that_it_is_seen(memory: Memory) -> None:
    for seen in ([0, 1], [1, 2], [1]):
        memory.update(torch.tensor(seen), torch.ones(len(seen)))
    assert memory.mirrored.tolist() == [True, True, True, False, False, False]


@pytest.mark.parametrize(
    ("selection", "images", "expected"), [(1.0, 105, (10, 10, 10)), (0.6, 105, (10, 17, 6)), (0.1, 50, (10, 50, 1))]
)
def test_an_epoch_goes_over_all_images_once(selection: float, images: int, expected: tuple[int, int, int]) -> None:
    assert plan_epoch(Recipe(name="a", batch_size=10, selection=selection), images) == expected


@pytest.mark.parametrize("selection", [0.0, 1.1])
def test_a_selection_is_a_share(selection: float) -> None:
    with pytest.raises(InvalidArgument, match="selection must be greater than 0, and 1 at most"):
        Recipe(name="a", selection=selection)


def test_images_that_are_hard_are_seen_more_often(stripe_data: Dataset, tmp_path: Path) -> None:
    """A twelfth of the images has the wrong label."""
    labels = stripe_data.train.labels.clone()
    labels[::12] = 1 - labels[::12]
    data = dataclasses.replace(stripe_data, train=Split(stripe_data.train.pixels, labels))
    recipe = Recipe(name="hard", architecture="mlp", image_size=16, batch_size=20, learning_rate=0.02)
    seen = torch.zeros(120)
    update = Memory.update

    def counted(memory: Memory, positions: torch.Tensor, losses: torch.Tensor) -> None:
        seen[positions] += 1
        update(memory, positions, losses)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Memory, "update", counted)
        train(recipe.replace(epochs=12, selection=0.5), data, tmp_path, device=torch.device("cpu"), show_progress=False)
    assert seen.sum() == 12 * 60
    assert seen.min() >= 1
    assert seen[::12].mean() > 1.5 * seen.mean()
    assert torch.isfinite(load_file(tmp_path / CHECKPOINT)["memory.losses"]).all()


def test_an_image_is_not_hard_for_being_mixed_with_another(stripe_data: Dataset, tmp_path: Path) -> None:
    """What is remembered is 0 where the answer is the target, also where that is two classes."""
    seen: list[torch.Tensor] = []
    recipe = Recipe(name="mixed", architecture="mlp", image_size=16, batch_size=40, learning_rate=0.02, cutmix=1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Memory, "update", lambda _memory, _positions, losses: seen.append(losses))
        patch.setattr("thumbnet.model.train.see", half_and_half)
        train(recipe.replace(epochs=30), stripe_data, tmp_path, device=torch.device("cpu"), show_progress=False)
    assert seen[-1].max() < 0.01


def half_and_half(training: Split, chosen: torch.Tensor, *_: object) -> tuple[torch.Tensor, torch.Tensor]:
    return training.pixels[chosen], torch.full((len(chosen), 2), 0.5)
