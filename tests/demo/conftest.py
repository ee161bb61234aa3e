"""The demo as visitors meet it: the shipped models, served by the command line on a free port of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from thumbnet import Classifier


@pytest.fixture(scope="session")
def classifiers(cifar10: Classifier, mnist: Classifier) -> dict[str, Classifier]:
    return {"cifar10": cifar10, "mnist": mnist}


@pytest.fixture(scope="session")
def url(
    start_demo: Callable[..., AbstractContextManager[tuple[str, object]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a running demo."""
    with start_demo(cache=tmp_path_factory.mktemp("cache")) as (address, _):
        yield address
