"""What every test may use: the shipped models, real images, and a data set small enough to train on in a second."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from thumbnet import Classifier

ROOT = Path(__file__).parent.parent
os.environ.setdefault("THUMBNET_DATA", str(ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def cifar10() -> Classifier:
    return Classifier.load("cifar10")


@pytest.fixture(scope="session")
def mnist() -> Classifier:
    return Classifier.load("mnist")


@pytest.fixture(scope="session")
def cifar10_images() -> np.ndarray:
    """The first 200 test images of CIFAR-10, (200, 32, 32, 3) uint8."""
    from torchvision.datasets import CIFAR10

    return CIFAR10(root=os.environ["THUMBNET_DATA"], train=False).data[:200]


@pytest.fixture(scope="session")
def find_free_port() -> Callable[[], int]:
    """A function that gives a port of this machine that nothing listens on."""

    def find() -> int:
        with socket.create_server(("127.0.0.1", 0)) as server:
            return int(server.getsockname()[1])

    return find


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
