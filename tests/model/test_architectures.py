"""The networks: shapes, sizes that match their docstrings, options, and the measured first layers."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from thumbnet.model.architectures import (
    ACTIVATIONS,
    ARCHITECTURES,
    POOLINGS,
    build,
    count_macs,
    count_parameters,
)
from thumbnet.model.architectures.airbench import ExactWhitening, WhiteningConv, whitening_filters
from thumbnet.model.architectures.layers import Normalize
from thumbnet.model.errors import InvalidArgument, UnknownName


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize(("channels", "size"), [(3, 32), (1, 28), (3, 48)])
def test_every_network_turns_pixels_into_logits(name: str, channels: int, size: int) -> None:
    network = build(name, num_classes=7, in_channels=channels, image_size=size).eval()
    pixels = torch.randint(0, 256, (2, channels, size, size), dtype=torch.uint8)
    logits = network(pixels)
    assert logits.shape == (2, 7)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_docstrings_give_the_parameters_and_cost_that_the_network_has(name: str) -> None:
    network = build(name, num_classes=10, in_channels=3, image_size=32)
    text = type(network).__doc__ or ""
    parameters, macs = re.findall(r"(?:Parameters|accumulates) ([\d.]+) ?([kM])", text)[:2]
    unit = {"k": 1e3, "M": 1e6}
    for (value, letter), measured in ((parameters, count_parameters(network)), (macs, count_macs(network, 3, 32))):
        digits = len(value.partition(".")[2])
        assert float(value) == round(measured / unit[letter], digits)
    assert re.search(r"\d{4}", text.partition("Source")[2]), "the docstring names its source with a year"


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("name", ["lenet", "alexnet", "vgg11"])
def test_the_classical_nets_take_any_activation_and_pooling(name: str, activation: str, pooling: str) -> None:
    options = {"activation": activation, "pooling": pooling}
    network = build(name, num_classes=10, in_channels=1, image_size=28, options=options)
    kinds = {type(module) for module in network.modules()}
    assert type(ACTIVATIONS[activation]()) in kinds
    assert (nn.MaxPool2d if pooling == "max" else nn.AvgPool2d) in kinds


def test_unknown_names_suggest_the_nearest_known_one() -> None:
    with pytest.raises(UnknownName, match=r"unknown architecture 'resnet10'; known: .*Did you mean 'resnet20'\?"):
        build("resnet10", num_classes=10, in_channels=3, image_size=32)
    with pytest.raises(UnknownName, match=r"Did you mean 'sigmoid'\?"):
        build("lenet", num_classes=10, in_channels=3, image_size=32, options={"activation": "sigmoyd"})
    with pytest.raises(UnknownName, match="unknown pooling 'mean'"):
        build("lenet", num_classes=10, in_channels=3, image_size=32, options={"pooling": "mean"})
    with pytest.raises(UnknownName, match=r"unknown option of mlp 'pooling'"):
        build("mlp", num_classes=10, in_channels=3, image_size=32, options={"pooling": "max"})


@pytest.mark.parametrize(
    ("name", "size", "options"),
    [
        ("thumbnet", 8, {}),
        ("lenet", 8, {}),
        ("alexnet", 4, {}),
        ("resnet20", 2, {}),
        ("resnet20", 32, {"depth": 21}),
        ("thumbnet", 32, {"widths": [16, 32, 64]}),
        ("airbench", 8, {}),
        ("airbench", 32, {"widths": [16, 32, 64, 64]}),
    ],
)
def test_a_value_the_network_cannot_take_is_refused(name: str, size: int, options: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument, match=f"cannot build {name}"):
        build(name, num_classes=10, in_channels=3, image_size=size, options=options)


@pytest.mark.parametrize(
    ("name", "option", "value", "wanted"),
    [
        ("resnet20", "batch_norm", "false", "true or false"),
        ("resnet20", "residual", 0, "true or false"),
        ("resnet20", "depth", 20.0, "a whole number"),
        ("alexnet", "dropout", float("nan"), "a finite number"),
        ("mlp", "hidden", [0], "whole numbers, 1 or more"),
        ("lenet", "activation", None, "a name"),
    ],
)
def test_an_option_is_of_the_kind_of_its_default(name: str, option: str, value: object, wanted: str) -> None:
    with pytest.raises(InvalidArgument, match=f"option {option} of {name} must be {wanted}; received"):
        build(name, num_classes=10, in_channels=3, image_size=32, options={option: value})


@pytest.mark.parametrize("widths", ["wide", "", b"abcd", 8, [8, 8, 8, 0], [8, 8, 8, 1.5], [8, 8, 8, True]])
def test_widths_are_whole_numbers(widths: object) -> None:
    with pytest.raises(InvalidArgument, match=r"option widths of thumbnet must be whole numbers, 1 or more; received"):
        build("thumbnet", num_classes=10, in_channels=3, image_size=32, options={"widths": widths})


def test_normalisation_gives_training_pixels_zero_mean_and_unit_variance() -> None:
    pixels = torch.randint(0, 200, (50, 3, 16, 16), dtype=torch.uint8)
    layer = Normalize(3)
    layer.fit(pixels)
    normalised = layer(pixels)
    torch.testing.assert_close(normalised.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(normalised.std(dim=(0, 2, 3)), torch.ones(3), atol=1e-4, rtol=0)


def test_normalisation_survives_images_of_one_colour() -> None:
    layer = Normalize(1)
    layer.fit(torch.full((4, 1, 8, 8), 7, dtype=torch.uint8))
    assert layer(torch.full((1, 1, 8, 8), 7, dtype=torch.uint8)).isfinite().all()


@pytest.mark.parametrize("name", ["airbench", "thumbnet"])
def test_whitening_decorrelates_patches_and_is_not_trained(name: str) -> None:
    torch.manual_seed(0)
    smooth = nn.functional.interpolate(torch.rand(200, 3, 8, 8) * 255, size=(32, 32), mode="bilinear").byte()
    network = build(name, num_classes=10, in_channels=3, image_size=32)
    network.fit_statistics(smooth)
    layer = next(module for module in network.modules() if isinstance(module, WhiteningConv))
    responses = layer(network.normalize(smooth)).transpose(0, 1).flatten(1)
    covariance = responses[:12] @ responses[:12].T / responses.shape[1]
    off_diagonal = covariance - covariance.diag().diag()
    assert off_diagonal.abs().max() < 0.05
    torch.testing.assert_close(responses[:12], -responses[12:])
    assert not layer.weight.requires_grad


@pytest.mark.parametrize("name", ["airbench", "thumbnet"])
def test_the_exported_network_gives_the_same_logits(name: str) -> None:
    torch.manual_seed(0)
    network = build(name, num_classes=10, in_channels=3, image_size=32).eval()
    pixels = torch.randint(0, 256, (20, 3, 32, 32), dtype=torch.uint8)
    network.fit_statistics(pixels)
    torch.testing.assert_close(network.exportable()(pixels), network(pixels), atol=1e-3, rtol=1e-3)
    assert isinstance(network.features[0], WhiteningConv), "the network itself stays as it is"


@torch.no_grad()
def test_the_exported_whitening_loses_nothing_to_bf16() -> None:
    torch.manual_seed(0)
    shades = torch.randint(0, 256, (500, 1, 8, 8)).expand(-1, 3, -1, -1)
    pixels = (shades + torch.randint(-2, 3, (500, 3, 8, 8))).clamp(0, 255).to(torch.uint8)
    normalize, whitening = Normalize(3), WhiteningConv(3, 24)
    normalize.fit(pixels)
    whitening.weight.copy_(whitening_filters(normalize(pixels)))
    exact = ExactWhitening(normalize, whitening.weight)
    expected = whitening(normalize(pixels))

    def in_bf16(images: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """Rounded operands, exact products and sums: what matrix units do."""
        return nn.functional.conv2d(images.bfloat16().double(), kernel.bfloat16().double(), bias).float()

    def error(result: torch.Tensor) -> float:
        return float((result - expected).abs().max())

    doubled = torch.cat((pixels, pixels), dim=1).float()
    assert error(in_bf16(doubled, exact.kernel, exact.bias.double())) < 0.02
    assert error(in_bf16(normalize(pixels), whitening.weight, None)) > 0.1
