"""The rules of the house that can be read off the source: imports point down, and nothing happens at import."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import thumbnet
from thumbnet.model import errors

ROOT = Path(__file__).parent.parent
SOURCES = sorted(path for folder in ("src", "model", "api", "demo") for path in (ROOT / folder).rglob("*.py"))
SERVING = {"api", "demo"}


def imported(path: Path) -> set[str]:
    """Absolute names of the modules a file imports, those of its own folder included as `.name`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level + (node.module or ""))
    return names


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_point_down(path: Path) -> None:
    folder = path.relative_to(ROOT).parts[0]
    for name in imported(path):
        first = name.split(".")[0]
        assert first not in {"model", "api", "demo", "tests"}, f"{name} must be imported as thumbnet.{first}"
        used = name.removeprefix("thumbnet.").split(".")[0] if name.startswith("thumbnet.") else ""
        if folder in SERVING:
            assert used not in (SERVING - {folder}) | {"cli", "commands"}, f"{folder} must not use {name}"
        if folder == "model":
            assert not name.startswith("thumbnet"), f"model must not use {name}"
            assert first not in {"flask", "apiflask", "gradio", "uvicorn", "typer"}, f"model must not use {name}"


def test_importing_thumbnet_loads_nothing_heavy_and_starts_nothing() -> None:
    code = """
import sys, threading
import thumbnet
heavy = {"torch", "torchvision", "openvino", "gradio", "flask", "matplotlib", "huggingface_hub"} & set(sys.modules)
print(sorted(heavy), threading.active_count())
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[] 1"


def test_the_public_names_are_these() -> None:
    assert thumbnet.__all__ == ["Classifier", "InvalidImage", "Prediction", "Score", "ThumbnetError", "__version__"]
    assert all(hasattr(thumbnet, name) for name in thumbnet.__all__)


def test_the_drawn_exception_tree_is_the_real_one() -> None:
    drawn = errors.__doc__ or ""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) > 10
    for kind in kinds:
        line = next(line for line in drawn.splitlines() if kind.__name__ in line.split())
        depth = len(kind.__mro__) - kind.__mro__[::-1].index(errors.ThumbnetError) - 1
        parents = [base for base in kind.__mro__[1:] if base in kinds]
        assert line.index(kind.__name__) == 4 + 4 * len(parents), (kind, depth)
