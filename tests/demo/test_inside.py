"""The tab that looks inside, and the sheets it shows."""

from __future__ import annotations

import numpy as np
from playwright.sync_api import expect

from thumbnet.demo.filmstrip import GAP, TILE, describe_layer, render_filters, render_maps, sheet, signed
from thumbnet.demo.tabs.classify import EXAMPLES
from thumbnet.model.feature_maps import Inside


def test_values_above_and_below_zero_get_two_colours_and_zero_none():
    above, zero, below = signed(np.array([[[1.0, 0.0, -1.0]]], np.float32))[0, 0].astype(int)
    assert above[1] > above[0] + 50  # teal
    assert below[0] > below[2] + 100  # amber
    assert zero.min() > 240


def test_a_sheet_has_every_tile_enlarged_with_gaps_that_let_the_page_through():
    tiles = np.full((13, 3, 3, 3), 7, np.uint8)
    paper = sheet(tiles)
    assert paper.shape == (2 * TILE + GAP, 12 * TILE + 11 * GAP, 4)
    assert (paper[..., 3] == 255).sum() == 13 * TILE**2
    assert set(paper[paper[..., 3] == 255][:, 0]) == {7}


def test_a_layer_is_described_with_its_cost(cifar10):
    first, *_, last = Inside(cifar10).layers
    assert "24 × 31 × 31 values · 312 parameters" in describe_layer(1, first)
    assert "10 values" in describe_layer(14, last)
    assert "each reads the three colours" in render_filters(first)
    assert render_filters(last) == ""
    assert "airplane" in render_maps(last, np.zeros(10, np.float32), cifar10.labels)


def test_choosing_a_layer_shows_its_maps_and_filters(page, open_tab, cifar10):
    open_tab("Look inside")
    page.get_by_role("button", name="Show me an example").click()
    layers = Inside(cifar10).layers
    expect(page.locator(".filmstrip li")).to_have_count(len(layers))
    expect(page.locator(".layer h3")).to_have_text(f"1 · {layers[0].kind}")
    page.get_by_label(f"4 · {layers[3].kind}").check()
    expect(page.locator(".layer h3")).to_have_text(f"4 · {layers[3].kind}")
    expect(page.locator(".filmstrip li").nth(3)).to_have_class("chosen")
    expect(page.locator(".sheet")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_another_model_starts_again_with_its_own_layers_and_a_bad_picture_gets_a_line(page, open_tab, mnist):
    open_tab("Look inside")
    page.locator("input[type=file]").last.set_input_files(EXAMPLES / "digit-7.png")
    expect(page.locator(".filmstrip li").first).to_be_visible()
    page.locator("[role=tabpanel]:visible").get_by_label("mnist").check()
    expect(page.locator(".layer p")).to_contain_text(f"{Inside(mnist).layers[0].parameters} parameters")
    page.locator("[role=tabpanel]:visible").get_by_label("Remove Image").click()
    expect(page.locator(".verdict:visible")).to_have_text("Choose a picture")
    page.locator("input[type=file]").last.set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": b"words"}
    )
    expect(page.get_by_role("alert")).to_contain_text("not an image")
