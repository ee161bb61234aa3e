"""Fill the figures of README.md and docs/ from the result files they describe.

    python docs/figures.py            write the figures into the texts
    python docs/figures.py --check    change nothing; exit code 1 and a list where a text differs from its file

A figure stands between two comments, which a Markdown reader does not show. The first one says which model or file,
which value of its results.json or of that file, and how to print it (a name from FORMATS):

    <!-- number cifar10 test.accuracy percent -->93.75 %<!-- /number -->
    <!-- number docs/course/day2/results.json mlp.seconds seconds -->42 s<!-- /number -->

A table with a row for each run stands between two others, which name the file and one of TABLES (see tables.py):

    <!-- table benchmarks/results/ablations.json networks-on-mnist -->
    <!-- /table -->
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tables import TABLES

ROOT = Path(__file__).resolve().parent.parent
MARKER = re.compile(r"(<!-- number (\S+) (\S+) (\S+) -->)(.*?)(<!-- /number -->)", re.DOTALL)
TABLE = re.compile(r"(<!-- table (\S+) (\S+) -->\n)(.*?)(<!-- /table -->)", re.DOTALL)

FORMATS: dict[str, Callable[[Any], str]] = {
    "percent": lambda share: f"{share:.2%}".replace("%", " %"),
    "points": lambda points: f"{points:.1f}",
    "decimal": lambda value: f"{value:.3f}",
    "count": lambda value: f"{value:,}".replace(",", " "),
    "millions": lambda value: f"{value / 1e6:.2f} M",
    "minutes": lambda seconds: f"{seconds / 60:.0f} min",
    "seconds": lambda seconds: f"{seconds:.0f} s",
    "scientific": lambda value: f"{value:.1e}",
    "text": str,
}


def texts() -> list[Path]:
    """The files that may hold figures."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def fill(text: str) -> str:
    """The text with every figure and table as its file has it. Raises LookupError for one that does not exist."""
    text = TABLE.sub(lambda match: f"{match[1]}\n{table(match[2], match[3])}\n{match[5]}", text)
    return MARKER.sub(lambda match: match[1] + figure(match[2], match[3], match[4]) + match[6], text)


def figure(model: str, key: str, form: str) -> str:
    """One printed figure, such as figure("cifar10", "test.accuracy", "percent")."""
    if form not in FORMATS:
        raise LookupError(f"unknown format {form!r}; known: {', '.join(FORMATS)}")
    value = read_results(model)
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            raise LookupError(f"the results of {model} have no {key}")
        value = value[part]
    return FORMATS[form](value)


def table(model: str, name: str) -> str:
    """One table, such as table("benchmarks/results/ablations.json", "networks-on-mnist")."""
    if name not in TABLES:
        raise LookupError(f"unknown table {name!r}; known: {', '.join(TABLES)}")
    return TABLES[name](read_results(model))


@cache
def read_results(model: str) -> Any:
    """What results.json says of a shipped model, or a file that is named by its path from the root."""
    path = ROOT / model if "/" in model else ROOT / "model" / "weights" / model / "results.json"
    if not path.exists():
        raise LookupError(f"there is no {path.relative_to(ROOT)}")
    return json.loads(path.read_text(encoding="utf-8"))


def main(arguments: list[str]) -> int:
    """Write or check every text; the exit code."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    wrong = 0
    for path in texts():
        name = path.relative_to(ROOT)
        try:
            before = path.read_text(encoding="utf-8")
            after = fill(before)
        except LookupError as error:
            print(f"{name}: {error}", file=sys.stderr)
            wrong += 1
            continue
        if before == after:
            continue
        if arguments:
            print(f"{name}: figures differ from results.json; run: python docs/figures.py", file=sys.stderr)
            wrong += 1
        else:
            path.write_text(after, encoding="utf-8")
            print(f"{name}: updated")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
