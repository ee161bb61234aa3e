"""A page that classifies in the visitor's browser: files for any static host, and nothing that runs on a server."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from thumbnet.model import Classifier, InvalidArgument
from thumbnet.model.errors import ThumbnetError
from thumbnet.model.files import replacing_folder, write_json
from thumbnet.model.weights import CARD, CONFIG, ONNX, find_weights, verified

from .pictures import EXAMPLES, EXAMPLES_OF, reads_digits

WEB = Path(__file__).parent / "web"
LOGO = Path(__file__).parent / "logo.svg"
MARK = "models.json"
"""The file by which an earlier export is known."""

SPACE = """\
---
title: thumbnet
emoji: 🖼
colorFrom: green
colorTo: gray
sdk: static
app_file: index.html
license: apache-2.0
---

A small neural network that looks at pictures in the browser. Made with `thumbnet export-web`.
"""


def export_page(directory: Path, weights: Sequence[str], *, force: bool = False) -> int:
    """Write the page for some models into a directory; the size of all its files in bytes.

    directory   made where it does not exist; an earlier export in it is replaced as a whole
    weights     shipped models, weights folders or Hub repositories; the first one is chosen at the start
    force       replace a directory with other files in it, too

    Raises InvalidArgument where the directory holds something else, and what find_weights raises.
    """
    if not weights:
        raise InvalidArgument("a page needs at least one model; received none.")
    try:
        directory = directory.resolve()  # a link stays one, and what it leads to is replaced
        if directory.is_file():
            raise InvalidArgument(f"{directory} is a file; give the path of a directory.")
        if Path.cwd().is_relative_to(directory) or Path.home().is_relative_to(directory):
            raise InvalidArgument(
                f"{directory} would be replaced as a whole, with you in it; give the name of a directory inside it."
            )
        if directory.exists() and holds_something_else(directory) and not force:
            raise InvalidArgument(f"{directory} has files of something else; choose another directory, or --force.")
        with replacing_folder(directory) as page:
            write_page(page, weights)
    except OSError as error:
        raise ThumbnetError(f"cannot write the page: {error}. Nothing was changed.") from error
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def holds_something_else(directory: Path) -> bool:
    """Whether a directory has other files than an earlier export."""
    ours = {path.name for path in WEB.iterdir()} | {LOGO.name, CARD, MARK, "models", "examples"}
    names = {path.name for path in directory.iterdir()}
    return bool(names) and not {MARK, "index.html"} <= names <= ours


def write_page(page: Path, weights: Sequence[str]) -> None:
    """All files of the page, into an empty folder."""
    shutil.copytree(WEB, page, dirs_exist_ok=True)
    shutil.copy(LOGO, page)
    (page / CARD).write_text(SPACE, encoding="utf-8")
    models: list[dict[str, Any]] = []
    for wanted in weights:
        source = find_weights(wanted)
        config = Classifier.load(source).config  # a page of a model that cannot be loaded would be of no use
        if config.name in (model["name"] for model in models):
            raise InvalidArgument(f"two models are named {config.name!r}; export one of them, or rename one.")
        folder = page / "models" / f"model{len(models)}"
        folder.mkdir(parents=True)
        shutil.copy(verified(source, config, ONNX), folder / ONNX)
        write_json(folder / CONFIG, json.loads((source / CONFIG).read_text(encoding="utf-8")))
        models.append(
            {
                "name": config.name,
                "folder": folder.relative_to(page).as_posix(),
                "draws": reads_digits(config),
                "examples": copy_examples(config.name, page),
            }
        )
    write_json(page / MARK, {"models": models})


def copy_examples(model: str, page: Path) -> list[dict[str, str]]:
    """The example pictures of a model, copied, and what they show."""
    (page / "examples").mkdir(exist_ok=True)
    return [
        {"file": Path(shutil.copy(EXAMPLES / name, page / "examples")).relative_to(page).as_posix(), "text": text}
        for name, text in EXAMPLES_OF.get(model, {}).items()
    ]
