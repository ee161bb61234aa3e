"""Fill the code in docs/ from the files that the tests run.

    python docs/snippets.py            write the code into the texts
    python docs/snippets.py --check    change nothing; exit code 1 and a list where a text differs from its file

Code stands between two comments, which a Markdown reader does not show. The first one names a file from the root, and
after # a section of it; without one it is the whole file. In the file, a section is between two comments of its own:

    <!-- code docs/course/day1/neuron.py#forward -->          # --8<-- [start:forward]
    <!-- /code -->                                            # --8<-- [end:forward]

Files that are not of the course need no such comments. There a section is a function, method or class of Python, a
stage of a Dockerfile, or a key of YAML with all that is below it, and it must be the only one of its name:

    <!-- code api/batcher.py#_alone -->
    <!-- code Dockerfile#build-api -->
    <!-- code deploy/deployment.yaml#resources -->
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MARKER = re.compile(r"(<!-- code (\S+?)(?:#(\S+))? -->\n)(.*?)(<!-- /code -->)", re.DOTALL)
SECTION = re.compile(r"^[ \t]*# --8<-- \[(?:start|end):\S+\][ \t]*\n", re.MULTILINE)
LANGUAGES = {
    ".py": "python",
    ".sh": "bash",
    ".yaml": "yaml",
    ".json": "json",
    ".js": "js",
    ".mjs": "js",
    ".toml": "toml",
    ".txt": "text",
    "Dockerfile": "dockerfile",
}
"""Suffix, or name of a file without one → how its code is fenced."""


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
        code = cut_out(code, section, path)
    code = textwrap.dedent(SECTION.sub("", code)).strip("\n")
    return f"```{LANGUAGES.get(path.suffix or path.name, '')}\n{code}\n```\n"


def cut_out(code: str, section: str, path: Path) -> str:
    """One section of a file."""
    start, end = (f"# --8<-- [{mark}:{section}]\n" for mark in ("start", "end"))
    if start in code and end in code:
        return code[code.index(start) + len(start) : code.index(end)].rpartition("\n")[0]
    lines = code.splitlines()
    find = {".py": definitions, ".yaml": keys, "Dockerfile": stages}.get(path.suffix or path.name)
    found = find(lines, section) if find else []
    if len(found) != 1:
        raise LookupError(f"{path.relative_to(ROOT)} has {len(found) or 'no'} section {section}")
    return "\n".join(lines[slice(*found[0])])


def definitions(lines: list[str], name: str) -> list[tuple[int, int]]:
    """Where functions and classes of this name begin and end, with their decorators."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    nodes = [node for node in ast.walk(ast.parse("\n".join(lines))) if isinstance(node, kinds) and node.name == name]
    return [
        (min([node.lineno, *(each.lineno for each in node.decorator_list)]) - 1, node.end_lineno or 0) for node in nodes
    ]


def stages(lines: list[str], name: str) -> list[tuple[int, int]]:
    """Where stages of this name begin and end, with the comment above and without that of the next."""
    begins = [number for number, line in enumerate(lines) if line.startswith("FROM ")]
    begins = [number - comment_above(lines, number) for number in begins]
    named = re.compile(rf"^FROM .* AS {re.escape(name)}$", re.MULTILINE)
    ranges = zip(begins, [*begins[1:], len(lines)], strict=True)
    return [(begin, end) for begin, end in ranges if named.search("\n".join(lines[begin:end]))]


def keys(lines: list[str], name: str) -> list[tuple[int, int]]:
    """Where keys of this name begin and end, with the comment above and all lines that are further in."""
    found = []
    for number, line in enumerate(lines):
        if line.strip(" -").split(":")[0] == name:
            depth = len(line) - len(line.lstrip(" -"))
            inside = number + 1
            while inside < len(lines) and lines[inside][: depth + 1].isspace():
                inside += 1
            end = inside - (comment_above(lines, inside) if inside < len(lines) else 0)
            found.append((number - comment_above(lines, number), max(end, number + 1)))
    return found


def comment_above(lines: list[str], number: int) -> int:
    """How many lines directly above this one are comments."""
    count = 0
    while count < number and lines[number - count - 1].lstrip().startswith("#"):
        count += 1
    return count


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
