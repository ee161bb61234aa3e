"""The tab that looks inside, and the sheets it shows."""

from __future__ import annotations

import numpy as np
from playwright.sync_api import expect

from thumbnet.demo.filmstrip import (
    describe_layer,
    paint,
    render_filters,
    render_logits,
    render_maps,
    sheet,
    signed,
    strip,
)
from thumbnet.demo.pictures import EXAMPLES
from thumbnet.model import Classifier
from thumbnet.model.feature_maps import Inside


def test_values_above_and_below_zero_get_two_colours_and_zero_none():
    painted = np.asarray(paint(signed(np.array([[1.0, 0.0, -1.0]], np.float32))).convert("RGB")).astype(int)
    above, zero, below = painted[0]
    assert above[1] > above[0] + 50  # teal
    assert below[0] > below[2] + 100  # amber
    assert zero.min() > 240


def test_a_sheet_is_one_picture_to_a_screen_reader_and_its_caption_cannot_inject_html():
    tiles = [paint(signed(np.ones((3, 3), np.float32)))] * 13
    shown = sheet(tiles, 'all 13 "maps" <b>')
    assert shown.count("<img ") == shown.count('alt=""') == 13
    assert 'aria-label="all 13 &quot;maps&quot; &lt;b&gt;"' in shown
    assert "<b>" not in shown


def test_a_layer_is_described_with_its_cost(cifar10):
    first, *_, last = Inside(cifar10).layers
    assert "24 × 31 × 31 values · 312 parameters" in describe_layer(1, first)
    assert "10 values" in describe_layer(14, last)
    assert "each reads the three colours" in render_filters(first)
    assert render_filters(last) == ""


def test_the_last_layer_is_shown_as_the_answer_it_is():
    shown = render_logits(np.array([-1.0, 2.0, 0.5], np.float32), ("cat", "ice_cream", "<b>"))
    assert shown.index("ice cream") < shown.index("&lt;b&gt;") < shown.index("cat</span>")
    assert "−1.0" in shown
    assert shown.count('class="below"') == 1


def test_every_layer_of_the_shipped_models_can_be_shown(classifiers: dict[str, Classifier]):
    for classifier in classifiers.values():
        network = Inside(classifier)
        maps = network.maps(classifier.read(EXAMPLES / "cat.png"))
        assert strip(network.layers, maps).count('type="radio"') == len(network.layers)
        for number, (layer, values) in enumerate(zip(network.layers, maps, strict=True), start=1):
            assert f"{number} · {layer.kind}" in describe_layer(number, layer)
            assert "What it hands on" in render_maps(values)


def test_choosing_a_layer_shows_its_maps_and_filters(page, open_tab, cifar10):
    open_tab("Look inside")
    page.get_by_role("button", name="Show me an example").click()
    layers = Inside(cifar10).layers
    expect(page.locator(".filmstrip li")).to_have_count(len(layers))
    expect(page.locator(".layer h3")).to_have_text(f"1 · {layers[0].kind}")
    page.get_by_label(f"4 · {layers[3].kind}").check()
    expect(page.locator(".layer h3")).to_have_text(f"4 · {layers[3].kind}")
    expect(page.get_by_label(f"4 · {layers[3].kind}")).to_be_checked()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".layer h3")).to_have_text(f"5 · {layers[4].kind}")
    expect(page.locator(".sheet")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_another_model_starts_again_with_its_own_layers_and_a_bad_picture_gets_a_line(page, open_tab, mnist):
    open_tab("Look inside")
    page.locator("input[type=file]").last.set_input_files(EXAMPLES / "digit-7.png")
    expect(page.locator(".filmstrip li").first).to_be_visible()
    page.locator("[role=tabpanel]:visible").get_by_label("mnist").check()
    expect(page.locator(".layer p").first).to_contain_text(f"{Inside(mnist).layers[0].parameters} parameters")
    page.locator("[role=tabpanel]:visible").get_by_label("Remove Image").click()
    expect(page.locator(".verdict:visible")).to_have_text("Choose a picture")
    page.locator("input[type=file]").last.set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": b"words"}
    )
    expect(page.get_by_role("alert")).to_contain_text("not an image")
