"""The reference, generated from the code: docstrings, command line, settings, OpenAPI document and recipe."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import typer.main

from thumbnet.api import Settings, create_app
from thumbnet.cli import app
from thumbnet.commands.serving import describe_settings
from thumbnet.model import Classifier, recipe, recipes
from thumbnet.model.weights import RESULTS, WeightsConfig, find_weights

MODULES = ("thumbnet", "thumbnet.model", "thumbnet.api", "thumbnet.demo")
RESULTS_MEANING = {
    "dataset": "the data it was trained and tested on",
    "validation": "images held out of the training split, on which everything was chosen, and the accuracy on them",
    "test": "the test split, read once: accuracy, cross-entropy, expected "
    "calibration error, coverage and what is right of it, area under the risk-coverage curve",
    "per_class": "precision and recall of each class on the test images",
    "reliability": "test images by confidence: how sure the model was, and how often right",
    "risk_coverage": "the share of mistakes among the images it is surest of",
    "mistakes": "the most confident mistakes, as the numbers of test images",
    "baseline": "what is usual on validation images, for `thumbnet drift`",
    "confusion": "test images by label (rows) and answer (columns)",
    "abstention": "how confidence is measured, the threshold, and the evidence for the choice",
    "corruptions": "accuracy on spoilt images",
    "outliers": "images of none of the classes: how many it abstains from, and how well confidence tells them apart",
    "recipe": "the recipe of the run",
    "parameters": "numbers that were trained",
    "macs": "multiply-accumulates for one image",
    "training": "machine, number format, time and versions of the run",
}
"""Every key of results.json of the shipped CIFAR-10 model."""
ENTRY = re.compile(r"(\S.*?) {2,}(\S.*)")


def write_reference(folder: Path) -> list[str]:
    """Write the pages below reference/; their names, from the folder."""
    pages = {
        "python": python_page(),
        "command-line": command_page(),
        "settings": settings_page(),
        "api": api_page(Settings()),
        "recipe": recipe_page(),
        "weights-folder": weights_page(),
    }
    (folder / "reference").mkdir()
    for name, text in pages.items():
        (folder / "reference" / f"{name}.md").write_text(text, encoding="utf-8")
    return [f"reference/{name}.md" for name in pages]


def table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table; a cell may hold any text."""
    lines = [heads, tuple("---" for _ in heads), *rows]
    cells = [[" ".join(cell.split()).replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"


def prose(text: str) -> str:
    """A text that means every < and * as it is, except in code."""
    parts = re.split(r"(`[^`]+`)", text)
    parts[::2] = [re.sub(r"([<>*_])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


def docstring(thing: Any) -> str:
    """A docstring as Markdown: its lists of parameters become tables, indented blocks become code."""
    found = []
    for paragraph in re.split(r"\n\s*\n", inspect.getdoc(thing) or ""):
        lines = paragraph.splitlines()
        if all(line.startswith("    ") for line in lines):
            found.append("```text\n" + inspect.cleandoc(paragraph) + "\n```\n")
        elif ENTRY.fullmatch(lines[0]) and all(ENTRY.fullmatch(line) or line.startswith("  ") for line in lines):
            found.append(table(("name", "meaning"), list(entries(lines))))
        else:
            found.append(prose(paragraph) + "\n")
    return "\n".join(found)


def entries(lines: list[str]) -> Iterator[tuple[str, str]]:
    """(name, meaning) of the lines of a list of parameters; a meaning goes on in lines that are indented."""
    name, meaning = "", ""
    for line in lines:
        if not line.startswith("  ") and (match := ENTRY.fullmatch(line)):
            if name:
                yield f"`{name}`", prose(meaning)
            name, meaning = match[1], match[2]
        else:
            meaning += " " + line.strip()
    yield f"`{name}`", prose(meaning)


def public_names(module: ModuleType) -> list[str]:
    """What a module offers."""
    return [name for name in getattr(module, "__all__", []) if not name.startswith("__")]


def python_page() -> str:
    """The public names of the packages; one that is offered twice is described once."""
    text, seen = ["# Python\n"], set()
    for module in map(importlib.import_module, MODULES):
        text.append(f"## `{module.__name__}`\n\n{docstring(module)}")
        for name in public_names(module):
            thing = getattr(module, name)
            key = f"{name}{id(thing)}"
            if key in seen:
                text.append(f"`{name}` is [described above](#{name.lower()}).\n")
                continue
            seen.add(key)
            text.append(f"### `{name}`\n\n{signature(name, thing)}{docstring(thing) if callable(thing) else ''}")
            if inspect.isclass(thing):
                text.extend(members(name, thing))
    return "\n".join(text)


def signature(name: str, thing: Any) -> str:
    """The signature of something, as a block of code."""
    if not (inspect.isclass(thing) or inspect.isroutine(thing)):
        shown = f"{name} = {thing!s}"
    else:
        try:
            shown = name + re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(thing)))
        except ValueError:
            shown = name
        if len(shown) > 90:  # a parameter a line
            shown = re.sub(r", (?=[\w*]+(?::|,|\)|=))", ",\n    ", shown).replace("(", "(\n    ", 1)
            shown = re.sub(r"\)( -> [^)]*)?$", r",\n)\1", shown)
    return f"```python\n{shown}\n```\n\n"


def members(owner: str, kind: type) -> Iterator[str]:
    """The public methods and properties that a class defines itself."""
    for name, member in vars(kind).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            yield f"#### `{owner}.{name}`\n\n{docstring(member)}"
        elif isinstance(member, classmethod | staticmethod) or inspect.isfunction(member):
            yield f"#### `{owner}.{name}()`\n\n{signature(name, getattr(kind, name))}{docstring(member)}"


def command_page() -> str:
    """The commands, their arguments and options."""
    text = ["# Command line\n"]
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        text.append(f"## `thumbnet {name}`\n\n{prose(inspect.cleandoc(command.help or ''))}\n")
        rows = []
        for parameter in command.params:
            option = parameter.param_type_name == "option"
            written = ", ".join([*parameter.opts, *parameter.secondary_opts]) if option else parameter.name.upper()
            shown = parameter.show_default if isinstance(getattr(parameter, "show_default", None), str) else ""
            plain = isinstance(parameter.default, int | float | str | Path) and not isinstance(parameter.default, bool)
            default = shown or (f"`{parameter.default}`" if plain and str(parameter.default) else "")
            rows.append((f"`{written}`", default, prose(getattr(parameter, "help", None) or "")))
        text.append(table(("argument or option", "default", "meaning"), rows))
    return "\n".join(text)


def settings_page() -> str:
    """The settings of the API."""
    rows = [
        (f"`{name}`", f"`{default}`" if default else "", prose(text)) for name, default, text in describe_settings()
    ]
    return "# Settings of the API\n\nWrite lists with commas.\n\n" + table(("variable", "default", "meaning"), rows)


def recipe_page() -> str:
    """The fields of a recipe, with the texts below them in the source, and the named recipes."""
    (kind,) = (
        node
        for node in ast.parse(inspect.getsource(recipe)).body
        if isinstance(node, ast.ClassDef) and node.name == "Recipe"
    )
    rows = []
    for field, below in zip(kind.body, kind.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            default = ast.unparse(field.value) if field.value and not isinstance(field.value, ast.Call) else ""
            cells = (f"`{ast.unparse(field.target)}`", f"`{ast.unparse(field.annotation)}`")
            rows.append((*cells, f"`{default}`" if default else "", prose(str(below.value.value))))
    named = [(f"`{name}`", prose(value.summary)) for name, value in recipes.RECIPES.items()]
    return (
        f"# Recipe\n\n{docstring(recipe.Recipe)}\n{table(('field', 'type', 'default', 'meaning'), rows)}\n"
        f"## Named recipes\n\n{table(('name', 'summary'), named)}"
    )


def weights_page() -> str:
    """What is in a weights folder."""
    weights = importlib.import_module("thumbnet.model.weights")
    rows = [(f"`{field.name}`", f"`{field.type}`") for field in dataclasses.fields(WeightsConfig)]
    return (
        f"# Weights folder\n\n{docstring(weights)}\n## `config.json`\n\n{docstring(WeightsConfig)}\n"
        f"{table(('key', 'type'), rows)}\n## `results.json`\n\n{results_keys()}"
    )


def results_keys() -> str:
    """The keys of the results of the shipped CIFAR-10 model, with an example of each."""
    results = json.loads((find_weights("cifar10") / RESULTS).read_text(encoding="utf-8"))
    if unknown := set(results) ^ set(RESULTS_MEANING):
        raise LookupError(f"docs/site/reference.py must describe what results.json has: {', '.join(sorted(unknown))}")
    rows = [
        (f"`{key}`", meaning, ", ".join(f"`{name}`" for name in results[key]) if isinstance(results[key], dict) else "")
        for key, meaning in RESULTS_MEANING.items()
    ]
    return "Shares and probabilities are 0 … 1.\n\n" + table(("key", "meaning", "in the CIFAR-10 model it has"), rows)


def api_page(settings: Settings) -> str:
    """The endpoints, as the OpenAPI document has them."""
    document: Any = create_app(settings, Classifier.load("mnist")).spec
    text = [f"# The API\n\n{document['info']['description']}\n"]
    text.append("Beside what is listed, any endpoint may answer 401, 429 or 503, or 500, with a [Problem](#problem).\n")
    for path, operations in sorted(document["paths"].items(), key=lambda item: (importance(item[0]), item[0])):
        for method, operation in operations.items():
            if method == "parameters":
                continue
            text.append(f"## `{method.upper()} {path}`\n\n{prose(operation.get('summary', ''))}\n")
            text.append(prose(operation.get("description", "")) + "\n")
            given = [
                (f"`{p['name']}`", p["in"], kind_of(p.get("schema", {})), prose(p.get("description", "")))
                for p in operation.get("parameters", [])
                if "name" in p
            ]
            if given:
                text.append(table(("parameter", "in", "type", "meaning"), given))
            if body := operation.get("requestBody"):
                kinds = ", ".join(f"`{kind}`" for kind in body["content"])
                text.append(f"Body: {kinds}. {prose(body.get('description', ''))}\n")
            rows = [
                (f"`{status}`", prose(response.get("description", "")), contents(response))
                for status, response in operation["responses"].items()
                if status not in {"401", "429", "503", "default"}
            ]
            text.append(table(("status", "meaning", "holds"), rows))
    text.append("## Schemas\n")
    for name, schema in document["components"]["schemas"].items():
        text.append(f"### `{name}`\n\n{prose(schema.get('description', ''))}\n")
        rows = [
            (
                f"`{key}`",
                kind_of(value),
                "yes" if key in schema.get("required", []) else "",
                prose(value.get("description", "")),
            )
            for key, value in schema.get("properties", {}).items()
        ]
        if rows:
            text.append(table(("field", "type", "required", "meaning"), rows))
    return "\n".join(text)


def importance(path: str) -> int:
    """The project's own endpoints come first, then those that speak other protocols, then those of operators."""
    return next((rank for rank, start in enumerate(("/v1", "/models", "/v2")) if path.startswith(start)), 3)


def contents(response: dict[str, Any]) -> str:
    """What a response holds."""
    return ", ".join(
        f"`{kind}` {kind_of(content.get('schema', {}))}" for kind, content in response.get("content", {}).items()
    )


def kind_of(schema: dict[str, Any]) -> str:
    """The type that a schema describes, in a word or two."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(kind_of(option) for option in options)
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    return str(schema.get("type", "anything"))
