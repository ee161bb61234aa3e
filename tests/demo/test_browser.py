"""The page in a real browser, used as a visitor would. Needs Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from thumbnet.demo.answer import describe
from thumbnet.demo.tabs.classify import EXAMPLES, EXAMPLES_OF

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""Without one of these, Playwright's own (`playwright install chromium`)."""

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
PATIENCE = 60_000
"""Milliseconds to wait for the page before a test fails."""

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
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
    page.close()
    assert not wrong


def is_elsewhere(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme not in ("data", "blob") and parts.hostname not in ("127.0.0.1", "localhost")


def upload(page: Page, file: str | dict[str, object]) -> None:
    page.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]


def test_an_uploaded_photograph_is_answered_in_words(page, classifiers):
    upload(page, EXAMPLES / "chelsea.jpg")
    prediction = classifiers["cifar10"].predict(EXAMPLES / "chelsea.jpg")
    expect(page.locator(".verdict")).to_have_text(describe(prediction))
    expect(page.get_by_alt_text("The picture at 32 by 32 pixels")).to_be_visible()
    expect(page.locator(".bars")).to_contain_text(prediction.label)
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_an_example_brings_its_own_model_and_can_be_cleared(page, classifiers):
    seven = page.locator(".examples button").nth(len(EXAMPLES_OF["cifar10"]))
    sentence = describe(classifiers["mnist"].predict(EXAMPLES / EXAMPLES_OF["mnist"][0]))
    seven.click()
    expect(page.locator(".verdict")).to_have_text(sentence)
    expect(page.get_by_label("mnist")).to_be_checked()
    page.get_by_label("cifar10").check()
    expect(page.get_by_alt_text("The picture at 32 by 32 pixels")).to_be_visible()
    seven.click()
    expect(page.locator(".verdict")).to_have_text(sentence)
    page.get_by_label("Remove Image").click()
    expect(page.locator(".verdict")).to_have_text("Show me a picture")
    expect(page.locator(".bars")).to_have_count(0)


def test_a_broken_picture_gets_a_friendly_line_and_the_next_one_works(page):
    upload(page, {"name": "words.png", "mimeType": "image/png", "buffer": b"these are words"})
    expect(page.get_by_role("alert")).to_contain_text("not an image that can be read; accepted are JPEG")
    page.get_by_label("Remove Image").click()
    expect(page.locator(".verdict")).to_have_text("Show me a picture")
    upload(page, EXAMPLES / "coffee.jpg")
    expect(page.get_by_alt_text("The picture at 32 by 32 pixels")).to_be_visible()
