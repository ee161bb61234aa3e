"""Starting from trained weights: a new network takes over every layer, the head only where the classes are the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .architectures import Network
from .architectures.layers import HEAD
from .errors import InvalidArgument
from .recipe import Recipe
from .weights import WeightsConfig, find_weights, load_network, read_config


def takes_head(config: WeightsConfig, labels: Sequence[str]) -> bool:
    """Whether the head of weights with this config is taken over, too, by a network for these classes."""
    return config.labels == tuple(labels)


def take_over(network: Network, recipe: Recipe, labels: Sequence[str]) -> None:
    """Copy the weights that `recipe.start_from` names into a fresh network of the recipe.

    labels   the classes of the network; for others than those of the weights, the head stays as it is

    What is measured rather than learned, such as normalisation, is taken over too: the layers behind expect it.
    Raises InvalidArgument where the two networks differ, and what `find_weights` and `load_network` raise.
    """
    folder = find_weights(recipe.start_from)
    config = read_config(folder)
    ours, theirs = ((it.architecture, dict(it.options)) for it in (recipe, config))
    advice = f"Set start_from to other weights, or to nothing, or architecture to nothing to take {in_words(*theirs)}."
    if ours != theirs:
        raise InvalidArgument(
            f"the recipe trains {in_words(*ours)}, but {recipe.start_from!r} is {in_words(*theirs)}. {advice}"
        )
    trained = load_network(folder, config).state_dict()
    left_out = () if takes_head(config, labels) else HEAD
    expected = {name: tensor.shape for name, tensor in network.state_dict().items() if not name.startswith(left_out)}
    received = {name: tensor.shape for name, tensor in trained.items() if not name.startswith(left_out)}
    if expected != received:
        layers = sorted(name for name in expected | received if expected.get(name) != received.get(name))
        raise InvalidArgument(
            f"{recipe.start_from!r} was trained on {config.preprocessing.image_size} pixels in "
            f"{config.preprocessing.channels} channels; at image_size={recipe.image_size} these layers do not fit: "
            f"{', '.join(layers[:3])}. {advice}"
        )
    network.load_state_dict({name: tensor for name, tensor in trained.items() if name in expected}, strict=False)


def in_words(architecture: str, options: Mapping[str, Any]) -> str:
    """An architecture and its options, for a message."""
    return f"{architecture} {json.dumps(options)}"
