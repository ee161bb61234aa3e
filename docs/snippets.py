"""Fill the code in docs/ from the files that the tests run.

    python docs/snippets.py            write the code into the texts
    python docs/snippets.py --check    change nothing; exit code 1 and a list where a text differs from its file

Code stands between two comments, which a Markdown reader does not show. The first one names a file from the root, and
after # a section of it; without one it is the whole file. In the file, a section is between two comments of its own:

    <!-- code docs/course/day1/neuron.py#forward -->          # --8<-- [start:forward]
    <!-- /code -->                                            # --8<-- [end:forward]
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MARKER = re.compile(r"(<!-- code (\S+?)(?:#(\S+))? -->\n)(.*?)(<!-- /code -->)", re.DOTALL)
SECTION = re.compile(r"^[ \t]*# --8<-- \[(?:start|end):\S+\][ \t]*\n", re.MULTILINE)
LANGUAGES = {".py": "python", ".sh": "bash", ".yaml": "yaml", ".json": "json", ".js": "js", ".toml": "toml"}


def fill(text: str) -> str:
    """The text with all code as its files have it. Raises LookupError for a file or section that does not exist."""
    return MARKER.sub(lambda match: match[1] + block(match[2], match[3]) + match[5], text)


def block(name: str, section: str | None) -> str:
    """The fenced code of a file or a section of it."""
    path = ROOT / name
    if not path.is_file():
        raise LookupError(f"there is no {name}")
    code = path.read_text(encoding="utf-8")
    if section:
        start, end = (f"# --8<-- [{mark}:{section}]\n" for mark in ("start", "end"))
        if start not in code or end not in code:
            raise LookupError(f"{name} has no section {section}")
        code = code[code.index(start) + len(start) : code.index(end)].rpartition("\n")[0]
    code = textwrap.dedent(SECTION.sub("", code)).strip("\n")
    return f"```{LANGUAGES.get(path.suffix, '')}\n{code}\n```\n"


def main(arguments: list[str]) -> int:
    """Write or check every text; the exit code."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    wrong = 0
    for path in sorted((ROOT / "docs").rglob("*.md")):
        before = path.read_text(encoding="utf-8")
        try:
            after = fill(before)
        except LookupError as error:
            print(f"{path.relative_to(ROOT)}: {error}", file=sys.stderr)
            wrong += 1
            continue
        if before != after and arguments:
            print(f"{path.relative_to(ROOT)} has code that is not that of its file", file=sys.stderr)
            wrong += 1
        elif before != after:
            path.write_text(after, encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
