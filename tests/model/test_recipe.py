"""Recipes: what may be written in one, and what a mistake in one says."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from pathlib import Path

import pytest

from thumbnet.model.architectures import ARCHITECTURES
from thumbnet.model.datasets import DATASETS
from thumbnet.model.errors import InvalidArgument, UnknownName
from thumbnet.model.recipe import Recipe
from thumbnet.model.recipes import RECIPES, load_recipe
from thumbnet.model.weights import SHIPPED_ROOT, shipped_weights


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_named_recipes_survive_json_and_name_what_exists(recipe: Recipe) -> None:
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    assert recipe.resolved().architecture in ARCHITECTURES
    assert recipe.dataset in DATASETS
    assert RECIPES[recipe.name] is recipe
    assert recipe.summary


@pytest.mark.parametrize("name", shipped_weights())
def test_a_shipped_model_was_made_by_the_recipe_of_its_name(name: str) -> None:
    results = json.loads((SHIPPED_ROOT / name / "results.json").read_text())
    assert Recipe.from_dict(results["recipe"]) == RECIPES[name]


def test_a_recipe_cannot_be_changed_but_copied_with_changes() -> None:
    recipe = Recipe(name="a", options={"activation": "tanh"})
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe.epochs = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        recipe.options["activation"] = "relu"  # type: ignore[index]
    assert recipe.replace(epochs=3).epochs == 3
    assert recipe.epochs != 3


def test_no_copy_of_a_recipe_leads_to_its_options() -> None:
    recipe = Recipe(name="a", options={"widths": [8, 16]})
    recipe.to_dict()["options"]["widths"].append(99)
    assert recipe.options["widths"] == [8, 16]
    for again in (copy.deepcopy(recipe), pickle.loads(pickle.dumps(recipe))):
        assert again == recipe
        assert hash(again) == hash(recipe)


def test_a_number_may_be_written_without_a_point() -> None:
    recipe = Recipe.from_dict({"name": "a", "momentum": 0})
    assert recipe == Recipe(name="a", momentum=0.0)
    assert isinstance(recipe.momentum, float)


def test_options_are_what_json_gives_back() -> None:
    recipe = Recipe(name="a", options={"widths": (8, 16)})
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


SHARES = [(10, 0.2, 2), (10, 0.7, 7), (10, 0.0, 0), (3, 0.1, 1), (1, 1, 1)]


@pytest.mark.parametrize(("epochs", "share", "expected"), SHARES)
def test_a_share_of_the_epochs_is_none_or_at_least_one(epochs: int, share: float, expected: int) -> None:
    recipe = Recipe(name="a", epochs=epochs)
    chosen = [epoch for epoch in range(epochs) if recipe.is_among_last(epoch, share)]
    assert chosen == list(range(epochs - expected, epochs))


def test_a_recipe_is_loaded_by_name_or_from_a_file(tmp_path: Path) -> None:
    assert load_recipe("mnist") is RECIPES["mnist"]
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"name": "mine", "epochs": 3}))
    assert load_recipe(str(path)) == Recipe(name="mine", epochs=3)


def test_an_unknown_recipe_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"unknown recipe 'cifar-10'; known: .*Did you mean 'cifar10'\?"):
        load_recipe("cifar-10")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot read the recipe"),
        ("[]", "must be a JSON object; received list"),
        ("{}", "needs the field name"),
        ('{"name": "a", "epoch": 3}', r"unknown recipe field 'epoch'.*Did you mean 'epochs'\?"),
        ('{"name": "a", "epochs": "3"}', "epochs must be of type int; received '3'"),
        ('{"name": "a", "epochs": true}', "epochs must be of type int; received True"),
        ('{"name": "a", "learning_rate": null}', "learning_rate must be of type float"),
        ('{"name": "a", "start_size": 1.5}', "start_size must be of type"),
        ('{"name": "a", "options": 3}', "options must be of type JSON object"),
        ('{"name": 3}', "name must be of type str"),
    ],
)
def test_a_recipe_file_that_makes_no_sense_says_why(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(text)
    with pytest.raises(InvalidArgument, match=message):
        load_recipe(str(path))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image_size", 0),
        ("image_size", 1025),
        ("epochs", 0),
        ("batch_size", -1),
        ("learning_rate", 0.0),
        ("momentum", 1.0),
        ("label_smoothing", -0.1),
        ("warmup", 1.5),
        ("weight_decay", -1e-4),
        ("validation_share", 1.0),
        ("growth", 1.1),
        ("translate", 32),
        ("start_size", 33),
        ("seed", -1),
    ],
)
def test_a_value_out_of_range_says_what_is_allowed(field: str, value: float) -> None:
    with pytest.raises(InvalidArgument, match=f"recipe field {field} must be .*; received {value}"):
        Recipe(name="a", **{field: value})


def test_a_choice_that_does_not_exist_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"unknown loss 'crossentropy'.*Did you mean 'cross_entropy'\?"):
        Recipe(name="a", loss="crossentropy")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b"])
def test_a_recipe_is_called_what_a_folder_can_be_called(name: str) -> None:
    with pytest.raises(InvalidArgument, match="recipe field name must be what a folder can be called"):
        Recipe(name=name)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_numbers_are_finite(value: float) -> None:
    with pytest.raises(InvalidArgument, match="learning_rate must be a finite number"):
        Recipe(name="a", learning_rate=value)


@pytest.mark.parametrize("value", [1e300, 10**400, -(10**400), float("nan"), float("inf")])
def test_a_number_that_torch_could_not_hold_is_refused(value: float) -> None:
    with pytest.raises(InvalidArgument, match="learning_rate must be a finite number, 1e\\+30 at most"):
        load_recipe("lenet").replace(learning_rate=value)


def test_a_list_of_no_teachers_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="teacher must be names of models, or empty; received ','"):
        load_recipe("lenet").replace(teacher=",")
