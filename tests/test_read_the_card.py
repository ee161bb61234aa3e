"""The guide to the card goes through all of it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def headings(name: str) -> list[str]:
    return re.findall(r"^## (.+)$", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)


def test_every_section_of_the_card_is_explained_in_its_order() -> None:
    sections = headings("MODEL_CARD.md")
    assert sections
    assert [title for title in headings("docs/how-to/read-the-card.md") if title in sections] == sections
