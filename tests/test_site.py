"""The documentation site: complete, without a broken link, and without anything from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Literal

import pytest
from playwright.sync_api import Browser, sync_playwright

from thumbnet import api, model
from thumbnet.commands.serving import describe_settings
from thumbnet.model.recipe import Recipe

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


class Quiet(SimpleHTTPRequestHandler):
    """A plain file server that prints nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, ROOT / "docs" / "site" / "build.py", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def browser(chromium: str | None) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


def test_what_is_no_site_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    for target in (tmp_path, tmp_path / "thesis.txt"):
        done = subprocess.run([sys.executable, ROOT / "docs" / "site" / "build.py", target], capture_output=True)
        assert (done.returncode, b"is something else" in done.stderr) == (1, True)
    assert (tmp_path / "thesis.txt").exists()


def test_every_page_of_the_docs_can_be_reached_from_the_navigation(site: Path) -> None:
    text = (site / "index.html").read_text(encoding="utf-8")
    links = {link.removeprefix("./") for link in re.findall(r'href="([^"#]+)"', text)}
    pages = {page.relative_to(DOCS).with_suffix(".html").as_posix() for page in DOCS.rglob("*.md")}
    assert pages - links <= {"index.html"}


def test_the_reference_has_every_public_name_setting_and_field(site: Path) -> None:
    def shown(page: str) -> str:
        return (site / "reference" / f"{page}.html").read_text(encoding="utf-8")

    for name in (*model.__all__, *api.__all__):
        assert f"<code>{name}</code>" in shown("python"), name
    for variable, _, _ in describe_settings():
        assert f"<code>{variable}</code>" in shown("settings"), variable
    for name in Recipe.__dataclass_fields__:
        assert f"<code>{name}</code>" in shown("recipe"), name


@pytest.mark.parametrize(("first", "then"), [("light", "dark"), ("dark", "light")])
def test_a_day_of_the_course_has_formulas_and_figures_in_the_colours_of_the_readers_system(
    site: Path, browser: Browser, first: Literal["light", "dark"], then: Literal["light", "dark"]
) -> None:
    def figures() -> list[str]:
        sources = [image.get_attribute("src") for image in page.locator("img[src*=neuron]").all() if image.is_visible()]
        return [str(source).split("/")[-1].split("#")[0] for source in sources]

    figure = {"light": "neuron.svg", "dark": "neuron-dark.svg"}
    page = browser.new_page(color_scheme=first)
    page.goto((site / "course" / "day1" / "index.html").as_uri())
    page.wait_for_selector(".katex")
    assert page.locator(".katex-error").count() == 0
    assert page.locator(".arithmatex:not(:has(.katex))").count() == 0
    assert figures() == [figure[first]]
    page.emulate_media(color_scheme=then)
    page.reload()
    page.wait_for_selector(".katex")
    assert figures() == [figure[then]]
    page.close()


def test_words_are_found_and_nothing_is_loaded_from_elsewhere(site: Path, browser: Browser) -> None:
    handler = partial(Quiet, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        home = f"http://127.0.0.1:{server.server_port}/"
        page = browser.new_page(viewport={"width": 380, "height": 900})
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for name in ("course/day2/index.html", "reference/api.html", "index.html"):
            page.goto(home + name)
            assert page.evaluate("document.documentElement.scrollWidth") <= 380, name
        page.set_viewport_size({"width": 1440, "height": 900})
        page.click(".md-search__button")
        page.keyboard.type("saturation")
        page.get_by_text("are saturated").first.wait_for()
        page.close()
        server.shutdown()
    assert [url for url in asked if not url.startswith((home, "data:", "blob:"))] == []
