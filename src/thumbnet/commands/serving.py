"""`thumbnet demo` and `thumbnet serve`: open a door to a model."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from typer.core import TyperCommand

from thumbnet.model.errors import MissingDependency

from .shared import output


def demo(
    weights: Annotated[
        list[str] | None, typer.Option("--weights", "-w", help="May be repeated; the shipped models by default.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 7860,
    share: Annotated[bool, typer.Option("--share", help="Make a public link that lasts some days.")] = False,
    auth: Annotated[
        str,
        typer.Option(
            envvar="THUMBNET_DEMO_AUTH",
            metavar="NAME:PASSWORD",
            show_default="everybody may come in",
            help="Who may come in; others on this machine see options, but not the variable.",
        ),
    ] = "",
    mcp: Annotated[bool, typer.Option("--mcp", help="Also be a tool of the Model Context Protocol.")] = False,
) -> None:
    """Serve the Gradio demo."""
    from thumbnet.demo.app import launch_demo

    launch_demo(weights or (), host=host, port=port, share=share, auth=auth, mcp=mcp)


def serve(
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights", "-w", help="May be repeated; the first answers by default.", show_default="the shipped"
        ),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(show_default="8000")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes.", show_default="one for each processor")] = None,
    threads: Annotated[
        int | None, typer.Option(help="Processor threads of a worker.", show_default="shared out")
    ] = None,
) -> None:
    """Serve the REST API. What is not given here is read from the environment."""
    try:
        from thumbnet.api import Settings
        from thumbnet.api.server import serve as run_server
    except ImportError as error:
        raise MissingDependency(error.name or "uvicorn", "api") from error
    chosen = tuple(weights) if weights else None
    given = {"weights": chosen, "host": host, "port": port, "workers": workers, "threads": threads}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    run_server(replace(Settings.from_environment(), **changes))


class ServeCommand(TyperCommand):
    """`serve`, whose help also lists the settings that are no options."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        super().format_help(ctx, formatter)
        try:
            rows = list(describe_settings())
        except ImportError:
            rows = [("", "", "pip install 'thumbnet[api]' to see them.")]
        table = Table(box=None)
        table.add_column("variable", no_wrap=True, style="bold cyan")
        table.add_column("default", no_wrap=True)
        table.add_column("meaning")
        for row in rows:
            table.add_row(*map(escape, row))
        title = "Environment (write lists with commas)"
        output.print(Panel(table, title=title, title_align="left", border_style="dim"), soft_wrap=False)


def describe_settings() -> Iterator[tuple[str, str, str]]:
    """(variable, default, meaning) of every setting of the API, as the docstring of Settings tells it."""
    from thumbnet.api.settings import Settings, variable

    entries = re.split(r"\n(?=\w+ {2})", inspect.cleandoc(Settings.__doc__ or ""))[1:]
    meanings = dict(re.split(r"\s{2,}", entry, maxsplit=1) for entry in entries)
    for field in fields(Settings):
        yield variable(field.name), written(field.default), " ".join(meanings[field.name].split())


def written(value: Any) -> str:
    """A value as its variable would have it."""
    if isinstance(value, tuple):
        return ",".join(value)
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
