"""Drawings become digits as MNIST has them, and the tab answers while one draws."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from playwright.sync_api import expect

from thumbnet.demo.answer import describe
from thumbnet.demo.pictures import EXAMPLES, EXAMPLES_OF
from thumbnet.demo.strokes import CANVAS, as_digit, read_ink


def blank() -> np.ndarray:
    return np.zeros((CANVAS, CANVAS), np.uint8)


@pytest.mark.parametrize(("top", "left"), [(0, 0), (60, 75), (30, 5)])
def test_strokes_are_scaled_to_twenty_pixels_and_centred_by_mass_wherever_they_are(top, left):
    ink = blank()
    ink[top : top + 50, left : left + 25] = 255
    digit = as_digit(ink)
    assert (digit.shape, digit.dtype) == ((28, 28, 1), np.uint8)
    rows, columns = np.nonzero(digit[:, :, 0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 23, 9, 18)
    assert digit.max() == 255


def test_the_heavier_side_is_nearer_to_the_middle():
    ink = blank()
    ink[40:60, 20:40] = 255
    ink[48:52, 40:100] = 255
    digit = as_digit(ink)[:, :, 0].astype(float)
    centre = (digit.sum(axis=0) * (np.arange(28) + 0.5)).sum() / digit.sum()
    assert abs(centre - 14) <= 0.5
    assert np.nonzero(digit.sum(axis=0))[0].min() > 4


def test_a_dot_and_a_long_line_fit():
    for shape in [(slice(50, 51), slice(50, 51)), (slice(0, 112), slice(0, 3)), (slice(110, 112), slice(0, 112))]:
        ink = blank()
        ink[shape] = 255
        assert as_digit(ink).any()


def test_an_empty_canvas_is_no_digit():
    assert as_digit(blank()) is None
    assert as_digit(blank() + 10) is None


@pytest.mark.parametrize("sent", [None, 5, [1], "", "not base64!", "AAAA", "A" * 10**6, "ключ"])
def test_what_is_no_drawing_has_no_ink(sent):
    assert not read_ink(sent).any()


def test_a_drawing_is_read_as_it_was_sent():
    ink = np.random.default_rng(0).integers(0, 256, (CANVAS, CANVAS), dtype=np.uint8)
    assert np.array_equal(read_ink(base64.b64encode(ink.tobytes()).decode()), ink)


INK = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const at = data.findIndex((value, index) => index % 4 === 3 && value === 255) - 3;
  return { drawn: `rgb(${data.slice(at, at + 3).join(", ")})`, wanted: getComputedStyle(canvas).color };
}"""
"""Of a canvas: the colour of its first opaque pixel, and that of ink by its style."""


def test_a_drawn_seven_is_a_seven_and_can_be_cleared(page, open_tab):
    open_tab("Draw a digit")
    canvas = page.locator(".sketchpad canvas")
    box = canvas.bounding_box()
    at = lambda x, y: (box["x"] + x * box["width"], box["y"] + y * box["height"])  # noqa: E731
    page.mouse.move(*at(0.3, 0.25))
    page.mouse.down()
    page.mouse.move(*at(0.7, 0.25), steps=10)
    page.mouse.move(*at(0.45, 0.8), steps=15)
    page.mouse.up()
    verdict = page.locator(".verdict:visible")
    expect(verdict).to_contain_text("7")
    expect(page.get_by_alt_text("The picture at 28 by 28 pixels")).to_be_visible()
    before = canvas.evaluate(INK)
    assert before["drawn"] == before["wanted"]
    schemes = ["light", "dark"]
    if page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches"):
        schemes.reverse()
    page.emulate_media(color_scheme=schemes[1])
    page.wait_for_function(
        f"before => {{ const now = ({INK})(document.querySelector('.sketchpad canvas'));"
        " return now.wanted !== before && now.drawn === now.wanted; }",
        arg=before["wanted"],
    )
    page.emulate_media(color_scheme=schemes[0])
    page.get_by_role("button", name="Clear").last.click()
    expect(verdict).to_have_text("Draw a digit")


def test_who_cannot_draw_chooses_a_digit_with_the_keyboard(page, open_tab, mnist):
    open_tab("Draw a digit")
    for file in list(EXAMPLES_OF["mnist"])[:2]:
        button = page.get_by_role("button", name=f"Show the {file.removeprefix('digit-').removesuffix('.png')}")
        button.focus()
        page.keyboard.press("Enter")
        label = mnist.predict(EXAMPLES / file).label
        expect(page.locator(".columns .best span")).to_have_text(label)
        assert label in describe(mnist.predict(EXAMPLES / file))
