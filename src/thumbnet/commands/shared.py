"""What the commands share: the option that names a model, and where they print."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from thumbnet.model import InvalidArgument

WeightsOption = Annotated[
    str, typer.Option("--weights", "-w", help="A shipped model, a weights folder, or a Hub repository (owner/name).")
]

errors = Console(stderr=True, emoji=False)
output = Console(soft_wrap=True, emoji=False)


def say(text: str) -> None:
    """Print a sentence as it is: names of files may hold what rich takes for markup."""
    output.print(text, highlight=False, markup=False)


def folder_path(text: str) -> Path:
    """A path that was given; an empty one, as of a variable that is not set, would mean the folder one is in."""
    if not text:
        raise typer.BadParameter("the path is empty; give the path of a folder.")
    return Path(text)


def require_png(option: str, file: Path) -> None:
    """Raise InvalidArgument where a picture would be written to a file that is called something else."""
    if file.suffix.lower() != ".png":
        raise InvalidArgument(f"{option} must be the name of a PNG file, such as picture.png; received {file}.")


def require_outside(folder: Path, data: Path | None) -> None:
    """Raise InvalidArgument where what is written would be taken for images of the data."""
    if data and folder.resolve().is_relative_to(data.resolve()):
        raise InvalidArgument(f"{folder} lies in {data}, and would be taken for images; choose another with --out.")


def require_writable(folder: Path, otherwise: str) -> None:
    """Raise InvalidArgument where a folder cannot be made or written to, before anything is computed for it."""
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists() or path.is_symlink())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        found = "may not be written to" if nearest.is_dir() else "is not a folder"
        raise InvalidArgument(f"cannot write to {folder}: {nearest} {found}. {otherwise}")
