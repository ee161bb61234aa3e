"""Pieces of Markdown."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence

WIDTH = 120
SPECIAL = re.compile(r"[\\`*_<>\[\]#&~$]|^[-+](?=\s|$)|(?<=\d)[.)](?=\s|$)")
"""What may be markup, also only where a line begins with it: the marks of lists."""


def blocks(*parts: str) -> str:
    """The parts that are not empty, with a blank line between them."""
    return "\n\n".join(part.strip() for part in parts if part)


def paragraph(*sentences: str) -> str:
    """Sentences as lines of at most 120 letters; empty ones are passed over."""
    return textwrap.fill(" ".join(filter(None, sentences)), WIDTH, break_long_words=False, break_on_hyphens=False)


def plain(text: str) -> str:
    """Text of strangers, such as the name of a class, that shall not be taken for Markdown or HTML."""
    return SPECIAL.sub(r"\\\g<0>", text)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells may hold any text but line breaks."""
    lines = [head, ["---"] * len(head), *rows]
    escaped = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in escaped)
