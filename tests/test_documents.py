"""The texts: figures agree with their files, links lead somewhere, and what readers may copy works."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from thumbnet.cli import app
from thumbnet.model.recipes import RECIPES
from thumbnet.model.weights import find_weights, read_config

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")

RUN_ALL = """
import sys
for code in sys.stdin.read().split("\\0"):
    exec(compile(code, "snippet", "exec"), globals())
"""


def name(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def snippets(document: Path, language: str) -> list[str]:
    """The blocks of code of a document in one language."""
    return [code for kind, code in FENCE.findall(document.read_text(encoding="utf-8")) if kind == language]


def headings(document: Path) -> set[str]:
    """The anchors that GitHub gives to a document's headings."""
    lines = re.findall(r"^#+ (.+)$", FENCE.sub("", document.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every `thumbnet …` line of the documents, as (document, words)."""
    for document in DOCUMENTS:
        for code in snippets(document, "bash"):
            for line in code.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                while words and re.match(r"[A-Z_]+=", words[0]):  # a variable before the command
                    del words[0]
                if words and Path(words[0]).name == "thumbnet":
                    yield name(document), [word for word in words[1:] if word != "&"]


def test_every_figure_is_the_one_in_its_result_file() -> None:
    command = [sys.executable, ROOT / "docs" / "figures.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_block_of_code_is_that_of_its_file() -> None:
    command = [sys.executable, ROOT / "docs" / "snippets.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    for link in LINK.findall(FENCE.sub("", document.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link


def test_the_readmes_tree_is_that_of_the_repository() -> None:
    (tree,) = snippets(ROOT / "README.md", "text")
    folder = ""
    for line in tree.splitlines():
        entry = line.split()[0]
        if not line.startswith(" "):
            folder = entry if entry.endswith("/") else ""
        path = ROOT / (folder + entry if line.startswith(" ") else entry)
        assert path.is_dir() if entry.endswith("/") else path.is_file(), line
    for path in (ROOT / "model").glob("[a-z]*.py"):
        assert f"  {path.name} " in tree, path


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_python_snippet_compiles(document: Path) -> None:
    for code in snippets(document, "python"):
        compile(code, name(document), "exec")


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_shell_snippet_parses(document: Path) -> None:
    for code in snippets(document, "bash"):
        done = subprocess.run(["bash", "-n"], input=code, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_no_command_asks_an_index_for_thumbnet_which_none_has(document: Path) -> None:
    # In a sentence it may: an extra of a thumbnet that is installed already is found without one.
    text = document.read_text(encoding="utf-8")
    assert not re.search(r"^\s*(\S*/)?pip install '?thumbnet\b", text, re.MULTILINE)


@pytest.mark.parametrize("document", ["README.md", "docs/quickstart.md"])
def test_the_python_of_the_first_pages_runs_without_a_network(document: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN_ALL],
        input="\0".join(snippets(ROOT / document, "python")),
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_every_thumbnet_command_in_the_texts_exists() -> None:
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    found = list(commands())
    assert {words[0] for _, words in found} >= set(known)
    for document, words in found:
        if words == ["--help"]:
            continue
        options = {option for parameter in known[words[0]].params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= options, f"{document}: {' '.join(words)}"


def test_every_recipe_that_the_texts_tune_needs_no_model_that_must_be_trained_before() -> None:
    tuned = [
        words[words.index("--recipe") + 1] for _, words in commands() if words[0] == "tune" and "--recipe" in words
    ]
    assert tuned
    for recipe in tuned:
        assert not RECIPES[recipe].teacher, recipe


@pytest.mark.parametrize("document", ["Makefile", "docs/how-to/train.md"])
def test_teachers_are_trained_before_the_model_that_needs_them(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    student = text.index("train --recipe cifar10\n")
    for teacher in RECIPES["cifar10"].teacher_names():
        assert 0 <= text.find(f"train --recipe cifar10-teacher --out {Path(teacher).parent}") < student


def test_figures_of_an_earlier_model_are_said_to_be_so() -> None:
    measured = json.loads((ROOT / "benchmarks" / "results" / "inference.json").read_text())["sha256"]
    design = (ROOT / "docs" / "explanation" / "design.md").read_text(encoding="utf-8")
    current = read_config(find_weights("cifar10")).files["model.onnx"]
    assert ("of the model before this one" in design) == (measured != current)


def test_every_named_recipe_is_explained() -> None:
    text = (ROOT / "docs" / "how-to" / "train.md").read_text(encoding="utf-8")
    for recipe in RECIPES:
        assert f"| `{recipe}` |" in text


@pytest.mark.parametrize(
    ("file", "section", "first", "last"),
    [
        ("api/batcher.py", "_alone", "def _alone(self", "return rows"),
        ("Dockerfile", "build-api", "FROM build AS build-api", "install --constraint constraints.txt '.[api]'"),
        ("deploy/deployment.yaml", "livenessProbe", "# Starts anew only what", "failureThreshold: 3"),
        ("deploy/pdb.yaml", "spec", "spec:", "app.kubernetes.io/name: thumbnet-api"),
    ],
)
def test_texts_may_show_a_part_of_the_projects_own_files(
    monkeypatch: pytest.MonkeyPatch, file: str, section: str, first: str, last: str
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import snippets as code_of

    lines = code_of.block(file, section).splitlines()
    assert lines[1].startswith(first)
    assert lines[-2].endswith(last)
    with pytest.raises(LookupError, match=f"{file} has no section nothing"):
        code_of.block(file, "nothing")
