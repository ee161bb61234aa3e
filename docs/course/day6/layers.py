"""Which layers of an image are built again after a change.

.venv/bin/python docs/course/day6/layers.py
"""

from __future__ import annotations

import hashlib

Step = tuple[str, tuple[str, ...]]
"""An instruction, and the files it copies."""

NAIVE: list[Step] = [
    ("FROM python:3.11-slim-bookworm", ()),
    ("COPY . .", ("app.py", "requirements.txt")),
    ("RUN pip install -r requirements.txt", ()),
    ('CMD ["python", "app.py"]', ()),
]
ORDERED: list[Step] = [
    ("FROM python:3.11-slim-bookworm", ()),
    ("COPY requirements.txt .", ("requirements.txt",)),
    ("RUN pip install -r requirements.txt", ()),
    ("COPY app.py .", ("app.py",)),
    ('CMD ["python", "app.py"]', ()),
]


# --8<-- [start:keys]
def layer_keys(steps: list[Step], files: dict[str, str]) -> list[str]:
    """What each layer is remembered by: the layer below, the instruction, and what it copies."""
    keys, below = [], ""
    for instruction, copied in steps:
        content = "".join(files[name] for name in copied)
        below = hashlib.sha256(f"{below}|{instruction}|{content}".encode()).hexdigest()
        keys.append(below)
    return keys


def built_again(steps: list[Step], before: dict[str, str], after: dict[str, str]) -> list[str]:
    """The instructions that run again when the files have changed."""
    pairs = zip(steps, layer_keys(steps, before), layer_keys(steps, after), strict=True)
    return [instruction for (instruction, _), old, new in pairs if old != new]


# --8<-- [end:keys]

FILES = {"app.py": "print(1)", "requirements.txt": "flask"}


def main() -> None:
    """Print what an edit of app.py costs."""
    for name, steps in (("naive", NAIVE), ("ordered", ORDERED)):
        print(name, built_again(steps, FILES, FILES | {"app.py": "print(2)"}))


if __name__ == "__main__":
    main()
