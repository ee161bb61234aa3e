"""How the tests of a day reach its code: as a learner who runs it, with the day's folder on the path."""

from __future__ import annotations

import copy
import functools
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from thumbnet.model import datasets

COURSE = Path(__file__).parents[2] / "docs" / "course"
Load = Callable[[str], ModuleType]
Read = Callable[..., Any]


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Path:
    """The folder of the day that the test file is named after."""
    return COURSE / request.path.stem.removeprefix("test_")


@pytest.fixture(scope="module")
def read_once() -> Read:
    """Read a built-in data set from its files the first time; give copies, as a lesson may change what it gets."""
    read = functools.cache(datasets._read_torchvision)
    return lambda *arguments: copy.deepcopy(read(*arguments))


@pytest.fixture
def load(folder: Path, read_once: Read, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """`load("mlp")` imports a module or solution of the day. Other days have modules of the same name: none stays."""
    monkeypatch.setattr(datasets, "_read_torchvision", read_once)
    monkeypatch.setattr(sys, "path", [str(folder), str(folder / "solutions"), *sys.path])
    yield importlib.import_module
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(COURSE)):
            del sys.modules[name]


@pytest.fixture
def results(folder: Path) -> Any:
    """What the day's full run measured."""
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


@pytest.fixture
def page(folder: Path) -> str:
    """The text of the day."""
    return (folder / "index.md").read_text(encoding="utf-8")
