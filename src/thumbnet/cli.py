"""The `thumbnet` command: every door from the shell."""

from __future__ import annotations

import io
import sys
from typing import Annotated, Any

import typer
import typer.core
from rich.markup import escape

import thumbnet
from thumbnet.model import ThumbnetError

from .commands import classifying, exporting, serving, training, tuning, watching
from .commands.shared import errors


class Command(typer.core.TyperGroup):
    """Turns thumbnet's own errors, and those of files, into one line and exit code 1."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Read the command line and run what it says."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")  # a terminal need not know every character
        return super().main(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # typer ends quietly, as `… | head` wants
            raise
        except (ThumbnetError, OSError) as error:  # of files and folders that cannot be read or written
            errors.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=Command,
    help="Labelled thumbnails → a small CNN → a demo, an API and a model repository.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def main(version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False) -> None:
    """Labelled thumbnails → a small CNN → a demo, an API and a model repository."""
    if version:
        print(thumbnet.__version__)
        raise typer.Exit


for command in (
    classifying.predict,
    classifying.explain,
    classifying.info,
    training.train,
    training.evaluate,
    tuning.tune,
    serving.demo,
    exporting.export_web,
    serving.serve,
    watching.drift,
):
    app.command(cls=serving.ServeCommand if command is serving.serve else None)(command)
