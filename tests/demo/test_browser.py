"""Classify in a real browser, used as a visitor would. Needs Chromium."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from thumbnet.demo.answer import describe
from thumbnet.demo.pictures import EXAMPLES, EXAMPLES_OF
from thumbnet.demo.tabs.classify import as_csv


def upload(page: Page, file: str | dict[str, object]) -> None:
    page.locator("input[type=file]").first.set_input_files(file)  # type: ignore[arg-type]


def drag(page: Page, file: Path, box: Locator) -> None:
    """Drop a file on a box as a hand would: what a script drops stays readable for longer, and hides mistakes."""
    place = box.bounding_box()
    assert place
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        event = {"type": kind, "x": place["x"] + 50, "y": place["y"] + 50, "data": data}
        session.send("Input.dispatchDragEvent", event)


def test_a_picture_that_is_dropped_on_another_takes_its_place(page, classifiers):
    for name in ("ship.png", "frog.png"):
        drag(page, EXAMPLES / name, page.locator(".picture:visible").first)
        prediction = classifiers["cifar10"].predict(EXAMPLES / name)
        expect(page.locator(".verdict").first).to_have_text(describe(prediction))


def test_an_uploaded_photograph_is_answered_in_words(page, classifiers):
    upload(page, EXAMPLES / "chelsea.jpg")
    prediction = classifiers["cifar10"].predict(EXAMPLES / "chelsea.jpg")
    expect(page.locator(".verdict").first).to_have_text(describe(prediction))
    expect(page.get_by_alt_text("The picture at 32 by 32 pixels")).to_be_visible()
    expect(page.locator("ol.bars li").first).to_contain_text(prediction.label)
    expect(page.locator(".heat")).to_have_css("opacity", "0.8")
    page.get_by_label("Strength of the heatmap").fill("30")
    expect(page.locator(".heat")).to_have_css("opacity", "0.3")
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_of_two_examples_the_last_is_shown(page, classifiers):
    examples = page.locator(".examples button")
    examples.nth(3).evaluate("(bird) => bird.click()")
    examples.nth(10).evaluate("(truck) => truck.click()")  # while the bird is on its way
    prediction = classifiers["cifar10"].predict(EXAMPLES / "truck.png")
    expect(page.locator(".verdict").first).to_have_text(describe(prediction))


def test_the_page_is_english_whatever_the_browser_speaks(browser, url):
    page = browser.new_page(locale="de-DE")
    page.goto(url)
    page.locator(".examples button").first.click()
    expect(page.locator(".heat")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.close()


def test_an_example_brings_its_own_model_and_can_be_cleared(page, classifiers):
    seven = page.locator(".examples button").nth(len(EXAMPLES_OF["cifar10"]))
    sentence = describe(classifiers["mnist"].predict(EXAMPLES / "digit-7.png"))
    seven.click()
    expect(page.locator(".verdict").first).to_have_text(sentence)
    expect(page.get_by_label("mnist").first).to_be_checked()
    page.get_by_label("cifar10").first.check()
    expect(page.get_by_alt_text("The picture at 32 by 32 pixels")).to_be_visible()
    seven.click()
    expect(page.locator(".verdict").first).to_have_text(sentence)
    page.get_by_label("Remove Image").first.click()
    expect(page.locator(".verdict").first).to_have_text("Show me a picture")
    expect(page.locator("ol.bars")).to_have_count(0)


def test_a_broken_picture_gets_a_friendly_line_and_the_next_one_works(page):
    upload(page, {"name": "words.png", "mimeType": "image/png", "buffer": b"these are words"})
    expect(page.get_by_role("alert")).to_contain_text("not an image that can be read; accepted are JPEG")
    page.get_by_label("Remove Image").first.click()
    expect(page.locator(".verdict").first).to_have_text("Show me a picture")
    upload(page, EXAMPLES / "coffee.jpg")
    expect(page.get_by_alt_text("The picture at 32 by 32 pixels")).to_be_visible()


def test_several_pictures_are_answered_at_once_and_become_a_table(page, classifiers):
    page.get_by_text("Several pictures at once").click()
    pictures = {name: (EXAMPLES / name).read_bytes() for name in ("ship.png", "cat.png")}
    files = {"ship.png": pictures["ship.png"], "=words.png": b"words", "cat.png": pictures["cat.png"]}
    page.locator("input[type=file]").nth(1).set_input_files(
        [{"name": name, "mimeType": "image/png", "buffer": data} for name, data in files.items()]
    )
    expect(page.locator(".several li")).to_have_count(3)
    expect(page.locator(".several li").nth(1)).to_contain_text("not an image")
    with page.expect_download() as download:
        page.get_by_text("Download as CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    model = classifiers["cifar10"]
    assert [row["label"] for row in rows] == [model.predict(EXAMPLES / "ship.png").label, "", "cat"]
    assert rows[1]["problem"].startswith("the bytes are not an image")
    assert float(rows[2]["probability"]) == model.predict(EXAMPLES / "cat.png").probability


def test_a_cell_of_the_table_is_never_a_formula():
    assert as_csv([("=1+1", 0.5, "cat")]).splitlines()[1] == "'=1+1,0.5,cat"
