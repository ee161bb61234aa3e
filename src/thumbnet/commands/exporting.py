"""`thumbnet export-web`: a page that needs no server."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from thumbnet.model.weights import shipped_weights

from .shared import output, require_writable


def export_web(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the page is written.")],
    weights: Annotated[
        list[str] | None, typer.Option("--weights", "-w", help="May be repeated; the shipped models by default.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a directory that holds other files, too.")] = False,
) -> None:
    """Write a page that classifies in the browser, for any static host."""
    from thumbnet.demo.static_page import export_page

    require_writable(directory.absolute().parent, "Choose another directory.")
    size = export_page(directory, weights or shipped_weights(), force=force)
    place = escape(shlex.quote(str(directory)))
    output.print(
        f"{escape(str(directory))}: {size / 1e6:.1f} MB that any static host can serve; pictures stay in the browser."
    )
    output.print(f"  look at it   python3 -m http.server --directory {place}", highlight=False)
    output.print("  publish it   hf repos create you/thumbnet --repo-type space --space-sdk static", highlight=False)
    output.print(f"               hf upload you/thumbnet {place} --repo-type space", highlight=False)
