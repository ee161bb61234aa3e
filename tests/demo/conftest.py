"""The demo as visitors meet it: the shipped models, served by the command line on a free port of this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from thumbnet import Classifier
from thumbnet.demo.pictures import EXAMPLES_OF


@pytest.fixture(scope="session")
def classifiers(cifar10: Classifier, mnist: Classifier) -> dict[str, Classifier]:
    return {"cifar10": cifar10, "mnist": mnist}


@pytest.fixture(scope="session")
def url(demo_url: str) -> str:
    return demo_url


FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
PATIENCE = 60_000
"""Milliseconds to wait for the page before a test fails."""
NARROW = 600
"""Pixels under which the page has no room for all of its tabs."""

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="package")
def browser(chromium: str | None) -> Iterator[Browser]:
    """A browser for the tests of this folder: Playwright's event loop runs until it closes, and others want one."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=[(1440, "light"), (380, "dark")], ids=["wide-light", "narrow-dark"])
def page(request: pytest.FixtureRequest, browser: Browser, url: str) -> Iterator[Page]:
    """The demo's page; console errors, failed requests and requests to other machines fail the test."""
    width, scheme = request.param
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.set_default_timeout(PATIENCE)
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda sent: wrong.append(sent.url) if is_elsewhere(sent.url) else None)
    page.on("response", lambda reply: wrong.append(f"{reply.status} {reply.url}") if reply.status >= 400 else None)
    page.goto(url)
    expect(page.locator(".examples img")).to_have_count(sum(map(len, EXAMPLES_OF.values())))
    yield page
    take_screenshot(page, f"{request.node.originalname}-{width}-{scheme}")
    page.close()
    assert not wrong


def take_screenshot(page: Page, name: str) -> None:
    """Keep how a test leaves the page, where THUMBNET_SCREENSHOTS names a folder for it."""
    if folder := os.environ.get("THUMBNET_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{re.sub(r'[^a-z0-9-]+', '-', name)}.png", full_page=True)


@pytest.fixture
def open_tab(page: Page) -> Callable[[str], None]:
    """A function that opens a tab by its name, from the menu where the page is too narrow to show all of them."""

    def open_it(name: str) -> None:
        tab = page.get_by_role("tab", name=name, exact=True).first
        menu = page.locator(".overflow-menu > button").first
        if page.viewport_size and page.viewport_size["width"] < NARROW:
            expect(menu).to_be_visible()  # Gradio shows all tabs until it has measured them
        if not tab.is_visible():
            menu.click()
            tab = page.locator(".overflow-dropdown button", has_text=name)
        tab.click()

    return open_it


def is_elsewhere(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme not in ("data", "blob") and parts.hostname not in ("127.0.0.1", "localhost")
