"""The check of style finds what it is for, and nothing in the texts."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "docs" / "prose.py"


@pytest.fixture(scope="module")
def prose():
    spec = importlib.util.spec_from_file_location("prose", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_texts_follow_the_style_of_the_house() -> None:
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("The color of it.", "1: American spelling: color"),
        ("A seamless demo.", "1: a word of advertising: seamless"),
        ("One  two.", "1: two spaces"),
        ("# Title\n\n### Deep", "3: a heading of level 3 after one of level 1"),
        ("# Title\n\n# Another", "3: a heading of level 1 after one of level 1"),
        ("![](picture.png)", "an image without words: !["),
    ],
)
def test_a_fault_of_style_is_found(prose, text: str, fault: str) -> None:
    (found,) = prose.faults(text)
    assert found.startswith(fault)


def test_code_is_not_prose(prose) -> None:
    assert not list(prose.faults("`color  map`\n\n```python\ncolor  = 1  # normalize\n```\n\n[a](normalize.md)\n"))
