"""What the commands share: the option that names a model, and where they print."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

WeightsOption = Annotated[
    str, typer.Option("--weights", "-w", help="A shipped model, a weights folder, or a Hub repository (owner/name).")
]

errors = Console(stderr=True, emoji=False)
output = Console(soft_wrap=True, emoji=False)
