"""axe-core finds nothing serious, in any tab, at both widths and in both themes."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from thumbnet.demo.pictures import EXAMPLES

SERIOUS = {"serious", "critical"}
GRADIOS_OWN: dict[str, str] = {}
"""Rule → why what is left of it is not ours to change."""


def violations(page) -> dict[str, list[str]]:
    """Rule → the elements that break it, of those that are serious."""
    found = Axe().run(page).response["violations"]
    return {
        rule["id"]: [node["html"][:200] for node in rule["nodes"]]
        for rule in found
        if rule["impact"] in SERIOUS and rule["id"] not in GRADIOS_OWN
    }


def test_nothing_keeps_anybody_out_of_a_tab(page, open_tab, subtests):
    for tab in ("Classify", "Draw a digit", "Look inside", "Train one", "Use it"):
        with subtests.test(tab=tab):
            if tab == "Classify":
                page.locator("input[type=file]").first.set_input_files(EXAMPLES / "chelsea.jpg")
                expect(page.locator(".heat")).to_be_visible()
            else:
                open_tab(tab)
            if tab == "Look inside":
                page.get_by_role("button", name="Show me an example").click()
                expect(page.locator(".filmstrip li").first).to_be_visible()
            assert violations(page) == {}


OUTLINE_OF_THE_FOCUS = """() => {
  const style = getComputedStyle(document.activeElement)
  return document.activeElement === document.body ? null : [style.outlineStyle, parseFloat(style.outlineWidth)]
}"""
"""None while the browser's own controls have the focus, as they do after the last of the page."""


@pytest.mark.parametrize("tab", ["Classify", "Train one"])
def test_whatever_has_the_focus_of_the_keyboard_is_outlined(page, open_tab, tab):
    open_tab(tab)
    outlines = []
    while len(outlines) < 12:
        page.keyboard.press("Tab")
        if outline := page.evaluate(OUTLINE_OF_THE_FOCUS):
            outlines.append(outline)
    assert all(style == "solid" and width >= 2 for style, width in outlines), outlines
