"""Layers and what they hand on, read off the graph that computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from thumbnet import Classifier
from thumbnet.model import InvalidArgument
from thumbnet.model.architectures import ARCHITECTURES, build, count_macs
from thumbnet.model.feature_maps import Inside
from thumbnet.model.images import Preprocessing
from thumbnet.model.weights import WeightsConfig, save_weights


@pytest.fixture(scope="module", params=ARCHITECTURES)
def untrained(request, tmp_path_factory):
    """Each architecture with random weights, as a classifier and in torch."""
    torch.manual_seed(0)
    network = build(request.param, num_classes=3, in_channels=3, image_size=32)
    network.fit_statistics(torch.randint(0, 256, (50, 3, 32, 32), dtype=torch.uint8))
    network.eval()
    folder = tmp_path_factory.mktemp(request.param)
    config = WeightsConfig(
        name="untrained",
        architecture=request.param,
        labels=("a", "b", "c"),
        preprocessing=Preprocessing(image_size=32, channels=3),
    )
    save_weights(folder / "weights", network, config)
    return request.param, network, Classifier.load(folder / "weights", precision="fp32")


def test_every_architecture_can_be_looked_into(untrained, rng):
    _, network, classifier = untrained
    inside = Inside(classifier)
    pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    maps = inside.maps(pixels)
    assert [values.shape for values in maps] == [layer.shape for layer in inside.layers]
    assert np.array_equal(maps[-1], classifier.logits(pixels[None])[0])
    cost = sum(layer.macs for layer in inside.layers)
    assert count_macs(network, 3, 32) == cost


def test_a_convolutions_maps_are_those_of_torch(cifar10, cifar10_images):
    inside = Inside(cifar10)
    network = Classifier.load("cifar10", runtime="torch").runtime._network.cpu()
    wanted = []
    network.features[1].register_forward_hook(lambda *call: wanted.append(call[2]))
    with torch.no_grad():
        network(torch.from_numpy(cifar10_images[:1]).permute(0, 3, 1, 2))
    assert np.abs(inside.maps(cifar10_images[0])[0] - wanted[0][0].numpy()).max() < 0.01


def test_layers_are_named_counted_and_have_their_filters(mnist):
    layers = Inside(mnist).layers
    assert layers[0].kind == "convolution 2×2"
    assert layers[0].filters.shape == (8, 1, 2, 2)
    assert layers[0].parameters == 8 * 1 * 2 * 2 + 8
    assert layers[0].macs == 8 * 27 * 27 * 4
    assert layers[-1].kind == "linear"
    assert layers[-1].shape == (10,)
    assert [layer.kind for layer in layers].count("max pooling") == 3
    assert all(layer.filters is None and layer.macs == 0 for layer in layers if "pooling" in layer.kind)


def test_looking_inside_changes_no_answer(cifar10, cifar10_images):
    before = cifar10.logits(cifar10_images[:8])
    Inside(cifar10).maps(cifar10_images[0])
    assert np.array_equal(cifar10.logits(cifar10_images[:8]), before)


def test_only_the_graph_can_be_looked_into():
    with pytest.raises(InvalidArgument, match="runtime='openvino' only"):
        Inside(Classifier.load("mnist", runtime="torch"))
