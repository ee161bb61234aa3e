"""`thumbnet demo` and `thumbnet serve`: open a door to a model."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from thumbnet.model.errors import MissingDependency


def demo(
    weights: Annotated[
        list[str] | None, typer.Option("--weights", "-w", help="May be repeated; the shipped models by default.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 7860,
    share: Annotated[bool, typer.Option("--share", help="Make a public link that lasts some days.")] = False,
) -> None:
    """Serve the Gradio demo."""
    from thumbnet.demo.app import launch_demo

    launch_demo(weights or (), host=host, port=port, share=share)


def serve(
    weights: Annotated[
        str | None, typer.Option("--weights", "-w", help="What to serve.", show_default="cifar10")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(show_default="8000")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes.", show_default="one for each processor")] = None,
    threads: Annotated[
        int | None, typer.Option(help="Processor threads of a worker.", show_default="shared out")
    ] = None,
) -> None:
    """Serve the REST API. What is not given here is read from THUMBNET_WEIGHTS, THUMBNET_HOST, and so on."""
    try:
        from thumbnet.api import Settings
        from thumbnet.api.server import serve as run_server
    except ImportError as error:
        raise MissingDependency(error.name or "granian", "api") from error
    given = {"weights": weights, "host": host, "port": port, "workers": workers, "threads": threads}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    run_server(replace(Settings.from_environment(), **changes))
