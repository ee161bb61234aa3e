"""What the operator can set: one frozen dataclass, from arguments or THUMBNET_* environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from thumbnet.model import InvalidArgument

RANGES = {
    "port": (1, 65_535),
    "workers": (1, 1024),
    "threads": (1, 1024),
    "max_images": (1, 1024),
    "max_body_bytes": (1024, 1024**3),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How to serve. `THUMBNET_PORT` sets `port`, and so on.

    weights          a shipped model, a weights folder, or a Hub repository ("owner/name")
    host             address to listen on; "0.0.0.0" for all
    port             1 … 65535
    workers          processes; by default one for each processor, at most 4
    threads          processor threads a worker computes with; by default the processors are shared out
    max_images       images in one request
    max_body_bytes   of a whole multipart request; one image may have 10 MiB
    """

    weights: str = "cifar10"
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int | None = None
    threads: int | None = None
    max_images: int = 32
    max_body_bytes: int = 32 * 1024 * 1024

    def __post_init__(self) -> None:
        for name, (lowest, highest) in RANGES.items():
            value = getattr(self, name)
            if value is None and name in ("workers", "threads"):
                continue
            if not isinstance(value, int) or not lowest <= value <= highest:
                raise InvalidArgument(
                    f"{name} ({variable(name)}) must be a whole number, {lowest} … {highest}; received {value!r}."
                )
        for name in ("weights", "host"):
            if not getattr(self, name):
                raise InvalidArgument(f"{name} ({variable(name)}) must not be empty.")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read THUMBNET_* variables; what is not set keeps its default. Raises InvalidArgument naming the variable."""
        values: dict[str, Any] = {}
        for field in fields(cls):
            if (text := environment.get(variable(field.name))) is not None:
                is_number = field.name in RANGES and text.strip().isdecimal()
                values[field.name] = int(text) if is_number else text
        return cls(**values)


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"THUMBNET_{name.upper()}"
