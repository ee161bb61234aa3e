"""Every error thumbnet raises on purpose, in one tree.

    ThumbnetError
    ├── InvalidImage               the bytes are not an image we accept
    │   ├── EmptyImage             no bytes at all
    │   ├── UnsupportedFormat      not JPEG, PNG, WebP, GIF or BMP
    │   ├── ImageTooLarge          over a limit on bytes, pixels or sides
    │   └── CorruptImage           a known format that cannot be decoded
    ├── InvalidArgument            a value outside what is allowed
    │   └── UnknownName            a name that is not in a list; suggests the nearest
    ├── WeightsError               a weights folder that cannot be used
    │   ├── WeightsNotFound        no such folder, shipped model or Hub repository
    │   └── WeightsCorrupt         a file is missing, unreadable or has another sha256
    ├── DatasetError               training data that is missing or makes no sense
    ├── CheckpointError            a run folder that cannot be resumed
    ├── TrainingDiverged           the loss is no longer a number
    └── MissingDependency          an optional part of thumbnet is not installed

Messages say what was received, what is allowed and what to do next. The API maps classes to status codes in
`api/problems.py`, the command line maps them to one line and an exit code in `cli.py`; nothing else interprets them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class ThumbnetError(Exception):
    """The root: `except ThumbnetError` catches whatever thumbnet raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle and copy, as out of another process: some are made of other things than their message."""
        return _made_again, (type(self), self.args)


class InvalidImage(ThumbnetError):
    """The input is not an image that thumbnet accepts."""


class EmptyImage(InvalidImage):
    """The input holds no bytes."""


class UnsupportedFormat(InvalidImage):
    """The input is in none of the accepted formats."""


class ImageTooLarge(InvalidImage):
    """The input breaks a limit on bytes, pixels or sides."""


class CorruptImage(InvalidImage):
    """The format is accepted, but the content cannot be decoded."""


class InvalidArgument(ThumbnetError, ValueError):
    """A value is outside what is allowed."""


class UnknownName(InvalidArgument):
    """A name is not in the list it must come from."""

    def __init__(self, kind: str, received: object, known: Iterable[str]) -> None:
        names = sorted(known)
        message = f"unknown {kind} {received!r}; known: {', '.join(names)}."
        if nearest := difflib.get_close_matches(str(received), names, n=1, cutoff=0.5):
            message += f" Did you mean {nearest[0]!r}?"
        super().__init__(message)


class WeightsError(ThumbnetError):
    """A weights folder cannot be used."""


class WeightsNotFound(WeightsError):
    """There is no such folder, shipped model or Hub repository."""


class WeightsCorrupt(WeightsError):
    """A file of a weights folder is missing, unreadable or not the one its sha256 was taken of."""


class DatasetError(ThumbnetError):
    """Training data is missing or makes no sense."""


class CheckpointError(ThumbnetError):
    """A run folder cannot be resumed."""


class TrainingDiverged(ThumbnetError):
    """The loss is no longer a finite number."""


class MissingDependency(ThumbnetError, ImportError):
    """An optional part of thumbnet is not installed."""

    def __init__(self, package: str, extra: str, then: str = "") -> None:
        command = f"pip install 'thumbnet[{extra}]'" + (f" && {then}" if then else "")
        super().__init__(f"this needs {package}, which is not installed; run: {command}")


def _made_again(kind: type[ThumbnetError], args: tuple[Any, ...]) -> ThumbnetError:
    error = kind.__new__(kind)
    error.args = args
    return error
