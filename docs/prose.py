"""Check the style of README.md, CONTRIBUTING.md and docs/: what a spelling checker does not see.

    python docs/prose.py        exit code 1 and a line for each fault

British spelling, no words of advertising, one space between words, headings that go down one level at a time, one
title a page, words for every image.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
CODE = re.compile(
    r"^```.*?^```$|<!--.*?-->|`[^`\n]*`|\$\$.*?\$\$|\]\([^)]*\)|<[a-z/][^>]*>|https?://\S+", re.MULTILINE | re.DOTALL
)
AMERICAN = re.compile(
    r"\b(colors?|colored|grays?|behaviors?|neighbors?|neighboring|favorites?|center|centered|optimize[sd]?|optimizing"
    r"|normalize[sd]?|normalizing|initialize[sd]?|labeled|labeling|modeling|analyze[sd]?|catalogs?|license[sd])\b"
)
ADVERTISING = re.compile(
    r"\b(blazing\w*|cutting-edge|state-of-the-art|seamless\w*|effortless\w*|revolutionary|game-chang\w+|leverag\w+"
    r"|best-in-class|world-class|powerful|robustly|delve|unleash\w*|supercharg\w+)\b",
    re.IGNORECASE,
)


def texts() -> list[Path]:
    """The files that are checked."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def faults(text: str) -> Iterator[str]:
    """What is wrong with a text, as LINE: WHAT."""
    for match in re.finditer(r"!\[\s*\]\(|<img (?![^>]*alt=\"[^\"]+\")", FENCE.sub("", text)):
        yield f"an image without words: {match[0]}"
    plain = CODE.sub(lambda match: re.sub(r"[^\n]+", "¤", match[0]), text)
    level = 0
    for number, line in enumerate(plain.splitlines(), 1):
        if match := AMERICAN.search(line):
            yield f"{number}: American spelling: {match[0]}"
        if match := ADVERTISING.search(line):
            yield f"{number}: a word of advertising: {match[0]}"
        if not line.startswith("|") and re.search(r"[a-z,.;]  +[A-Za-z]", line):
            yield f"{number}: two spaces"
        if match := re.match(r"(#+) ", line):
            if len(match[1]) > level + 1 or (level and len(match[1]) == 1):
                yield f"{number}: a heading of level {len(match[1])} after one of level {level}"
            level = len(match[1])


def main() -> int:
    """Check every text; the exit code."""
    found = [f"{path.relative_to(ROOT)}:{fault}" for path in texts() for fault in faults(path.read_text("utf-8"))]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
