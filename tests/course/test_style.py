"""The figures of the course: the same look, light and dark, and the same file every time."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from matplotlib.figure import Figure

COURSE = Path(__file__).parents[2] / "docs" / "course"
DAYS = [path.parent for path in sorted(COURSE.glob("day*/figures.py"))]


def square(figure: Figure, ink: object) -> None:
    figure.subplots().plot([0, 1], [0, 1], color=ink.blue, label="a line")  # type: ignore[attr-defined]


@pytest.fixture
def style(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "path", [str(COURSE), *sys.path])
    import style

    yield style
    del sys.modules["style"]


def test_one_call_draws_a_figure_light_and_dark(style, tmp_path: Path) -> None:
    light, dark = style.draw(tmp_path, "square", square)
    assert (light.name, dark.name) == ("square.svg", "square-dark.svg")
    assert style.LIGHT.blue.lower() in light.read_text("utf-8")
    assert style.DARK.blue.lower() in dark.read_text("utf-8")


def test_the_same_figure_is_the_same_file(style, tmp_path: Path) -> None:
    one = [path.read_bytes() for path in style.draw(tmp_path / "one", "square", square)]
    other = [path.read_bytes() for path in style.draw(tmp_path / "other", "square", square)]
    assert one == other
    assert b"<dc:date>" not in one[0]


def test_an_unknown_figure_is_refused_by_name(style, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["figures.py", "circle"])
    with pytest.raises(SystemExit, match="unknown figure circle; known: square"):
        style.draw_all(tmp_path, {"square": (square, (4, 3))})


@pytest.mark.parametrize("ink", ["LIGHT", "DARK"])
def test_words_can_be_read_on_their_page(style, ink: str) -> None:
    colours = getattr(style, ink)
    for colour in (colours.text, colours.muted):
        assert contrast(colour, colours.paper) >= 4.5, colour
    for colour in (colours.blue, colours.orange, colours.green):
        assert contrast(colour, colours.paper) >= 3, colour


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 … 21 (WCAG 2)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("day", DAYS, ids=lambda day: day.name)
def test_every_figure_is_drawn_by_code_shown_in_both_schemes_and_small(day: Path) -> None:
    text = (day / "index.md").read_text(encoding="utf-8")
    drawn = set(re.findall(r'^    "(\w+)": \(plot_', (day / "figures.py").read_text("utf-8"), re.MULTILINE))
    assert drawn == {path.stem for path in (day / "images").glob("*.svg") if not path.stem.endswith("-dark")}
    for name in drawn:
        assert f'srcset="images/{name}-dark.svg"' in text, name
        assert re.search(rf'<img alt="[^"]{{40,}}" src="images/{name}.svg">', text), name
        for suffix in ("", "-dark"):
            assert (day / "images" / f"{name}{suffix}.svg").stat().st_size < 150_000


@pytest.mark.parametrize("day", DAYS, ids=lambda day: day.name)
def test_a_day_has_exercises_with_solutions_and_a_quiz_with_answers(day: Path) -> None:
    exercises = (day / "exercises.md").read_text(encoding="utf-8")
    solutions = {path.name for path in (day / "solutions").glob("*.py")}
    assert len(solutions) >= 6
    assert solutions == set(re.findall(r"\(solutions/(\w+\.py)\)", exercises))
    quiz = (day / "index.md").read_text(encoding="utf-8").split("## Check yourself")[1]
    assert len(re.findall(r"^\*\*\d+\.\*\* ", quiz, re.MULTILINE)) == quiz.count("<summary>Answer</summary>") >= 8
