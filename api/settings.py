"""What the operator can set: one frozen dataclass, from arguments or THUMBNET_* environment variables."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from thumbnet.model import InvalidArgument
from thumbnet.model.classifier import BATCH_SIZE
from thumbnet.model.runtimes import PRECISIONS

RANGES: dict[str, tuple[float, float]] = {
    "port": (1, 65_535),
    "workers": (1, 1024),
    "threads": (1, 1024),
    "batch_size": (1, BATCH_SIZE),
    "max_images": (1, 1024),
    "max_body_bytes": (1024, 1024**3),
    "queue": (1, 100_000),
    "deadline": (0.01, 600),
    "body_timeout": (0.1, 600),
    "drain": (0, 600),
    "rate_limit": (0, 1_000_000),
    "trusted_proxies": (0, 10),
}
"""Lowest and highest value of each number."""
OPTIONAL = ("workers", "threads")
LISTS = ("weights", "api_keys", "cors_origins")
SECRETS = ("api_keys", "api_keys_file")
"""Where one of these is set and empty, somebody believes that keys are asked for."""
ALIKE = 0.9
"""How much of a variable's name is that of a setting where that is meant: THUMBNET_API_KEY, and not THUMBNET_DATA."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How to serve. `THUMBNET_PORT` sets `port`, and so on; lists are written with commas.

    weights           shipped models, weights folders, or Hub repositories ("owner/name"); the first answers where a
                      request names none
    host              address to listen on; "0.0.0.0" for all
    port              1 … 65535
    workers           processes; by default one for each processor, at most 4
    threads           processor threads a worker computes with; by default the processors are shared out
    precision         fp32; bf16, faster where native, and less exact; auto, bf16 there if a known answer comes out
    batch_size        short requests that are computed together, at most; 1 for each on its own
    max_images        images in one request
    max_body_bytes    of a whole request
    queue             requests that a worker holds at once, computing or waiting; more are told to come again (503)
    deadline          seconds a request may wait before it is computed; then it is told to come again (503)
    body_timeout      seconds a client may take to send its request's body
    drain             seconds between SIGTERM, when /readyz turns to 503, and the end of accepting requests
    api_keys          keys that callers must send, as `Authorization: Bearer KEY` or `X-API-Key: KEY`; none by default
    api_keys_file     a file with one key a line, in addition; lines that begin with # are remarks
    rate_limit        requests a second of one client (its key or address), with bursts of twice as many; 0 for no limit
    trusted_proxies   proxies in front that set X-Forwarded-For
    cors_origins      web origins whose pages may call ("https://example.org"), "*" for all; none by default
    """

    weights: tuple[str, ...] = ("cifar10", "mnist")
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int | None = None
    threads: int | None = None
    precision: str = "auto"
    batch_size: int = 8
    max_images: int = 32
    max_body_bytes: int = 10 * 1024 * 1024
    queue: int = 64
    deadline: float = 2.0
    body_timeout: float = 8.0
    drain: float = 1.5
    api_keys: tuple[str, ...] = ()
    api_keys_file: str = ""
    rate_limit: float = 0.0
    trusted_proxies: int = 0
    cors_origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        hints = {field.name: str(field.type) for field in fields(self)}
        for name, (lowest, highest) in RANGES.items():
            value = getattr(self, name)
            if value is None and name in OPTIONAL:
                continue
            whole = not hints[name].startswith("float")
            kind = int if whole else (int, float)
            if not isinstance(value, kind) or isinstance(value, bool) or not lowest <= value <= highest:
                wanted = "a whole number" if whole else "a number"
                raise InvalidArgument(
                    f"{name} ({variable(name)}) must be {wanted}, {lowest} … {highest}; received {value!r}."
                )
        if not self.host:
            raise InvalidArgument(f"host ({variable('host')}) must not be empty.")
        if self.precision not in PRECISIONS:
            allowed = ", ".join(PRECISIONS)
            raise InvalidArgument(
                f"precision ({variable('precision')}) must be one of {allowed}; received {self.precision!r}."
            )
        if not self.weights or not all(self.weights):
            raise InvalidArgument(f"weights ({variable('weights')}) must not be empty.")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read THUMBNET_* variables; what is not set keeps its default.

        Raises InvalidArgument that names the variable, also where the name of one is nearly that of a setting.
        """
        check_spelling(environment, [variable(field.name) for field in fields(cls)])
        values: dict[str, Any] = {}
        for field in fields(cls):
            if (text := environment.get(variable(field.name))) is not None:
                values[field.name] = parse(field.name, text)
                if not text.strip() and field.name in SECRETS:
                    raise InvalidArgument(f"{variable(field.name)} is set and empty; give it a value, or unset it.")
                if text.strip() and values[field.name] == ():
                    raise InvalidArgument(f"{variable(field.name)} lists nothing; received {text!r}.")
        return cls(**values)

    def accepted_keys(self) -> tuple[str, ...]:
        """The API keys of settings and file. Raises InvalidArgument where they cannot be read or a file holds none."""
        check_printable(self.api_keys, variable("api_keys"))  # bytes of the environment that are not UTF-8, too
        if not self.api_keys_file:
            return self.api_keys
        try:
            lines = Path(self.api_keys_file).read_text(encoding="utf-8-sig").split("\n")
        except (OSError, UnicodeError) as error:
            raise InvalidArgument(f"cannot read {variable('api_keys_file')} {self.api_keys_file!r}: {error}") from error
        keys = tuple(line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#"))
        if not keys:
            raise InvalidArgument(f"{variable('api_keys_file')} {self.api_keys_file!r} holds no key; write one a line.")
        check_printable(keys, f"{variable('api_keys_file')} {self.api_keys_file!r}")
        return self.api_keys + keys


def check_spelling(names: Iterable[str], known: Sequence[str]) -> None:
    """Raise InvalidArgument where one of the names must be a misspelt one of those that are known."""
    for name in set(names).difference(known):
        if name.startswith(variable("")) and (meant := difflib.get_close_matches(name, known, n=1, cutoff=ALIKE)):
            raise InvalidArgument(f"{name} is no setting; rename it to {meant[0]} if you mean that, or unset it.")


def check_printable(keys: Iterable[str], source: str) -> None:
    """Raise InvalidArgument where a key could not be sent in a header."""
    if not all(key.isprintable() for key in keys):
        raise InvalidArgument(f"{source} must hold printable UTF-8; one of its keys does not.")


def parse(name: str, text: str) -> Any:
    """The value that a text stands for; one that stands for none stays a text, for Settings to refuse."""
    if name in LISTS:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if name not in RANGES:
        return text
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"THUMBNET_{name.upper()}"
