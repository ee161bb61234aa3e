"""Search spaces: which fields of a recipe a study may change, and to what.

A space maps fields to Optuna's distributions. People write an entry as

    learning_rate=0.1:0.5        from … to, both included
    learning_rate=0.01:1:log     the same, evenly over the orders of magnitude
    cutout=0:12:2                in steps of 2
    flip=none,alternating        one of these
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from .errors import InvalidArgument, UnknownName
from .recipe import Recipe

Space = Mapping[str, BaseDistribution]

FIXED = ("name", "summary", "dataset", "image_size", "validation_share", "options", "seed", "epochs", "selection")
"""Fields that a study never changes: they name a run, or decide what is compared or what a trial costs."""

_EVERYWHERE = ("label_smoothing=0:0.3", "translate=0:4", "cutout=0:12")

DEFAULTS: dict[str, tuple[str, ...]] = {
    "sgd": ("learning_rate=0.01:1:log", "momentum=0.8:0.98", "weight_decay=1e-5:1e-2:log", *_EVERYWHERE),
    "adam": ("learning_rate=1e-4:1e-2:log", "weight_decay=1e-3:0.3:log", *_EVERYWHERE),
    "muon": (
        "learning_rate=0.05:1:log",
        "momentum=0.4:0.95",
        "weight_decay=1e-3:0.02:log",
        "bias_learning_rate=10:300:log",
        "head_learning_rate=0.005:0.1:log",
        *_EVERYWHERE,
    ),
}
"""Optimiser → what is searched where nothing is said."""


def parse_space(entries: Iterable[str], recipe: Recipe) -> dict[str, BaseDistribution]:
    """Read a search space for a recipe; no entries mean the default of its optimiser.

    Raises UnknownName for a field that does not exist, InvalidArgument for one that cannot be searched or is named
    twice, for an entry that cannot be read, and for values that the recipe does not allow.
    """
    space: dict[str, BaseDistribution] = {}
    for entry in tuple(entries) or DEFAULTS[recipe.optimizer]:
        field, equals, values = (part.strip() for part in entry.partition("="))
        if not equals or not values:
            raise InvalidArgument(
                f"a search is written field=low:high, field=low:high:log or field=a,b; received {entry!r}."
            )
        _check_field(field)
        if field in space:
            raise InvalidArgument(f"{field} is searched twice; give all its values in one entry.")
        try:
            space[field] = _parse_range(field, values, recipe) if ":" in values else _parse_choices(values)
            for value in _extremes(space[field]):
                recipe.replace(**{field: value})
        except InvalidArgument as error:
            raise InvalidArgument(f"cannot search {entry}: {error}") from error
    return space


def searchable() -> dict[str, Any]:
    """The fields that a study may change → their types."""
    return {name: hint for name, hint in get_type_hints(Recipe).items() if name not in FIXED}


def contains(distribution: BaseDistribution, value: object) -> bool:
    """Whether a recipe's value is one that the distribution can give."""
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    if not isinstance(distribution, FloatDistribution | IntDistribution) or not isinstance(value, int | float):
        return False
    steps = (value - distribution.low) / distribution.step if distribution.step else 0
    return distribution.low <= value <= distribution.high and _is_whole(steps)


def _check_field(field: str) -> None:
    if field in FIXED:
        raise InvalidArgument(
            f"{field} cannot be searched: trials must be comparable. Fix it for the whole study with --set "
            f"{field}=…, and search any of: {', '.join(sorted(searchable()))}."
        )
    if field not in searchable():
        raise UnknownName("recipe field", field, get_type_hints(Recipe))


def _parse_range(field: str, text: str, recipe: Recipe) -> BaseDistribution:
    """`low:high`, `low:high:log` or `low:high:step` for a field that holds numbers."""
    kind = _number_type(searchable()[field])
    if kind is None:
        raise InvalidArgument(f"{field} holds no numbers; list its values: {field}={getattr(recipe, field)},…")
    low_text, high_text, *more = text.split(":")
    if len(more) > 1:
        raise InvalidArgument("a range has at most three parts, low:high:log or low:high:step.")
    low, high = _number(low_text, kind), _number(high_text, kind)
    log = more == ["log"]
    step = _number(more[0], kind) if more and not log else None
    if not low < high:
        raise InvalidArgument(f"low must be less than high; received {low_text} and {high_text}.")
    if log and low <= 0:
        raise InvalidArgument(f"a logarithmic range must start above 0; received {low_text}.")
    if step is not None and not (step > 0 and _is_whole((high - low) / step)):
        raise InvalidArgument(f"from {low_text} to {high_text} must be a whole number of steps; received {more[0]}.")
    if kind is int:
        return IntDistribution(int(low), int(high), log=log, step=int(step or 1))
    return FloatDistribution(low, high, log=log, step=step)


def _parse_choices(text: str) -> CategoricalDistribution:
    choices = [_plain(word.strip()) for word in text.split(",")]
    if len(choices) < 2 or len(set(map(repr, choices))) < len(choices):
        raise InvalidArgument("at least two different values are needed, separated by commas, or a range low:high.")
    return CategoricalDistribution(choices)


def _plain(word: str) -> str | int | float | bool | None:
    """A number, true, false or null as JSON has them; anything else is a string."""
    try:
        value = json.loads(word)
    except ValueError:
        return word
    return value if isinstance(value, str | int | float | bool | None) else word


def _number(text: str, kind: type) -> float:
    """An int or a finite float."""
    try:
        value = float(kind(text))
    except (ValueError, OverflowError):
        value = float("nan")
    if abs(value) < float("inf"):
        return value
    expected = "whole numbers" if kind is int else "numbers"
    raise InvalidArgument(f"the range must be of {expected}; received {text!r}.")


def _is_whole(value: float) -> bool:
    return abs(value - round(value)) < 1e-9


def _number_type(hint: Any) -> type | None:
    """int or float for a field that holds numbers, None included or not."""
    kinds = set(get_args(hint)) - {NoneType} if get_origin(hint) is UnionType else {hint}
    return next((kind for kind in (int, float) if kinds == {kind}), None)


def _extremes(distribution: BaseDistribution) -> Iterable[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    if isinstance(distribution, FloatDistribution | IntDistribution):
        return (distribution.low, distribution.high)
    return ()
