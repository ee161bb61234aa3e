"""Search spaces: what may be written, and what is refused with a reason."""

from __future__ import annotations

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from thumbnet.model.errors import InvalidArgument, UnknownName
from thumbnet.model.recipe import Recipe
from thumbnet.model.recipes import RECIPES
from thumbnet.model.search import DEFAULTS, contains, parse_space

RECIPE = Recipe(name="a")


def test_a_search_is_written_as_a_range_or_a_list() -> None:
    entries = ["momentum=0.5:0.9", "learning_rate=0.01:1:log", "cutout=0:12:2", "translate=0:4", "flip=none,random"]
    assert parse_space(entries, RECIPE) == {
        "momentum": FloatDistribution(0.5, 0.9),
        "learning_rate": FloatDistribution(0.01, 1, log=True),
        "cutout": IntDistribution(0, 12, step=2),
        "translate": IntDistribution(0, 4),
        "flip": CategoricalDistribution(["none", "random"]),
    }


def test_a_field_that_may_be_empty_takes_null_and_numbers() -> None:
    assert parse_space(["start_size=null,16"], RECIPE) == {"start_size": CategoricalDistribution([None, 16])}
    assert parse_space(["start_size=16:32:4"], RECIPE) == {"start_size": IntDistribution(16, 32, step=4)}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_every_named_recipe_can_be_tuned_without_saying_what(recipe: Recipe) -> None:
    assert len(parse_space((), recipe)) == len(DEFAULTS[recipe.optimizer])


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("learning_rate", "is written field=low:high"),
        ("learning_rate=", "is written field=low:high"),
        ("learning_rate=0.5:0.1", "low must be less than high; received 0.5 and 0.1"),
        ("learning_rate=1:1", "low must be less than high"),
        ("learning_rate=low:high", "must be of numbers; received 'low'"),
        ("learning_rate=nan:1", "must be of numbers; received 'nan'"),
        ("learning_rate=0:1:log", "logarithmic range must start above 0"),
        ("learning_rate=1:2:3:4", "at most three parts"),
        ("cutout=0.5:3", "must be of whole numbers; received '0.5'"),
        ("cutout=0:10:3", "must be a whole number of steps; received 3"),
        ("flip=none:random", "flip holds no numbers; list its values"),
        ("flip=none,random,none", "at least two different values"),
        ("flip=none", "at least two different values"),
        ("flip=none,rando", "unknown flip 'rando'.*Did you mean 'random'"),
        ("cutout=1,2.5", "cutout must be of type int"),
        ("learning_rate=-1:1", "learning_rate must be greater than 0; received -1.0"),
        ("translate=0:40", "translate must be less than image_size=32"),
        (f"translate=0:1{400 * '0'}", "the range must be of whole numbers"),
        ("seed=0:5", "seed cannot be searched: trials must be comparable.*--set seed="),
    ],
)
def test_a_search_that_makes_no_sense_is_refused_with_the_reason(entry: str, reason: str) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        parse_space([entry], RECIPE)


def test_an_unknown_field_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'learning_rate'"):
        parse_space(["lerning_rate=0.1:1"], RECIPE)


def test_a_field_is_searched_once() -> None:
    with pytest.raises(InvalidArgument, match="cutout is searched twice"):
        parse_space(["cutout=0:4", "cutout=6:8"], RECIPE)


def test_a_space_knows_which_values_it_can_give() -> None:
    space = parse_space(["momentum=0.1:0.9:0.2", "cutout=0:12:4", "flip=none,random"], RECIPE)
    inside = {"momentum": 0.7, "cutout": 8, "flip": "random"}
    outside = {"momentum": 0.6, "cutout": 16, "flip": "alternating"}
    assert all(contains(space[name], value) for name, value in inside.items())
    assert not any(contains(space[name], value) for name, value in outside.items())
    assert not contains(space["cutout"], None)
