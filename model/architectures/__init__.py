"""The networks: one file per family, and a plain dict of builders.

To add one, write a subclass of `Network` in a file of its own and give it a line in ARCHITECTURES.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping

from ..errors import InvalidArgument, UnknownName
from .airbench import Airbench
from .alexnet import AlexNet
from .layers import ACTIVATIONS, POOLINGS, Network
from .lenet import LeNet
from .mlp import MLP
from .resnet import ResNet
from .thumbnet import ThumbNet
from .vgg import VGG

__all__ = ["ACTIVATIONS", "ARCHITECTURES", "POOLINGS", "Network", "build", "count_macs", "count_parameters"]

ARCHITECTURES: dict[str, Callable[..., Network]] = {
    "mlp": MLP,
    "lenet": LeNet,
    "alexnet": AlexNet,
    "vgg11": VGG,
    "resnet20": ResNet,
    "airbench": Airbench,
    "thumbnet": ThumbNet,
}


def build(
    name: str, *, num_classes: int, in_channels: int, image_size: int, options: Mapping[str, object] | None = None
) -> Network:
    """Build an untrained network.

    name      a key of ARCHITECTURES
    options   further keyword arguments of that architecture, such as activation="tanh" or pooling="average"

    Raises UnknownName for an unknown architecture, activation or pooling (with the nearest known one), and
    InvalidArgument for an option the architecture does not have or a value it cannot take.
    """
    if name not in ARCHITECTURES:
        raise UnknownName("architecture", name, ARCHITECTURES)
    options = options or {}
    parameters = inspect.signature(ARCHITECTURES[name]).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    for option, value in options.items():
        if option not in defaults:
            raise UnknownName(f"option of {name}", option, defaults)
        if (wanted := _wanted(value, defaults[option])) is not None:
            raise InvalidArgument(f"option {option} of {name} must be {wanted}; received {value!r}.")
    try:
        return ARCHITECTURES[name](num_classes, in_channels, image_size, **options)
    except UnknownName:
        raise
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise InvalidArgument(f"cannot build {name}: {error}") from error


def _wanted(value: object, default: object) -> str | None:
    """What an option must be, by its default, where a value is something else."""
    match default:
        case bool():
            return None if isinstance(value, bool) else "true or false"
        case int():
            return None if type(value) is int else "a whole number"
        case float():
            return None if type(value) is int or (type(value) is float and math.isfinite(value)) else "a finite number"
        case tuple():
            fits = isinstance(value, list | tuple) and all(type(number) is int and number > 0 for number in value)
            return None if fits else "whole numbers, 1 or more"
        case str():
            return None if isinstance(value, str) else "a name"
    return None


def count_parameters(network: Network) -> int:
    """Number of parameters, trained and frozen, without the buffers of normalisation and batch norm."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_macs(network: Network, in_channels: int, image_size: int) -> int:
    """Multiply-accumulates of convolutions and linear layers for one image (half of what counts as FLOPs)."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    was_training = network.training
    network.eval()
    device = next(network.parameters()).device
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, in_channels, image_size, image_size, device=device))
    network.train(was_training)
    return int(counter.get_total_flops()) // 2
