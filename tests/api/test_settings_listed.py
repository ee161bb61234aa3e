"""Every setting is told of where operators look: in the docs and by `thumbnet serve --help`."""

import dataclasses
import re
from pathlib import Path

from typer.testing import CliRunner

from thumbnet.api import Settings
from thumbnet.cli import app
from thumbnet.commands.serving import describe_settings

TEXT = (Path(__file__).parents[2] / "docs" / "how-to" / "operate-the-api.md").read_text(encoding="utf-8")


def test_every_setting_is_described() -> None:
    rows = list(describe_settings())
    assert [name for name, _, _ in rows] == [f"THUMBNET_{field.name.upper()}" for field in dataclasses.fields(Settings)]
    assert all(meaning for _, _, meaning in rows)


def test_a_default_is_what_its_variable_may_be_set_to() -> None:
    environment = {name: default for name, default, _ in describe_settings() if default}
    assert Settings.from_environment(environment) == Settings()


def test_the_documented_settings_are_the_real_ones() -> None:
    """After a change: paste the table that this test prints."""
    rows = [
        f"| `{name}` | {f'`{default}`' if default else ''} | {text} |" for name, default, text in describe_settings()
    ]
    assert re.findall(r"^\| `THUMBNET_\w+` \|.*$", TEXT, re.MULTILINE) == rows, "\n".join(rows)


def test_the_help_of_serve_lists_every_setting() -> None:
    shown = CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "120"}).output
    for name, default, _ in describe_settings():
        assert name in shown
        assert default in shown
    of_the_demo = CliRunner().invoke(app, ["demo", "--help"]).output
    assert not [name for name, _, _ in describe_settings() if name in of_the_demo]
