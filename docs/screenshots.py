"""Photograph the demo: the pictures and the moving one in README.md and docs/. Needs Chromium.

    python -P docs/screenshots.py

A classified photograph at 1440 pixels' width in light and in dark, and a short film: an answer, its heatmap, a drawn
digit, the inside of the network. Run it again whenever the shipped weights or the look of the demo change.
"""

from __future__ import annotations

import io
import shutil
import socket
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from thumbnet.demo.app import build_demo, load_classifiers, serve
from thumbnet.model.weights import shipped_weights

ROOT = Path(__file__).parents[1]
PHOTOGRAPH = ROOT / "demo" / "examples" / "chelsea.jpg"
Scheme = Literal["light", "dark"]
IMAGES = ROOT / "docs" / "images"
PICTURES: dict[Scheme, Path] = {"light": IMAGES / "demo.png", "dark": IMAGES / "demo-dark.png"}
FILM = IMAGES / "demo.webp"
FILM_SIZE = (1000, 680)


def main() -> None:
    """Start the demo, photograph it, stop it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    demo = build_demo(load_classifiers(shipped_weights()))
    address, _ = serve(demo, "127.0.0.1", port)
    IMAGES.mkdir(parents=True, exist_ok=True)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            for scheme, path in PICTURES.items():
                page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme=scheme)
                classify(page, address)
                page.screenshot(path=path, animations="disabled")
                print(path.relative_to(ROOT))
            width, height = FILM_SIZE
            film(browser.new_page(viewport={"width": width, "height": height}, color_scheme="light"), address)
            print(FILM.relative_to(ROOT))
            browser.close()
    finally:
        demo.close(verbose=False)


def classify(page: Page, url: str) -> None:
    """Open the demo and classify PHOTOGRAPH."""
    page.goto(url)
    page.locator(".examples img").last.wait_for()
    page.locator("input[type=file]").first.set_input_files(PHOTOGRAPH)
    page.locator(".heat").wait_for()
    page.wait_for_timeout(500)  # for the pictures to be painted


def film(page: Page, url: str) -> None:
    """Save FILM: what a visitor sees in half a minute, in some seconds."""
    frames: list[tuple[Image.Image, int]] = []

    def shoot(milliseconds: int) -> None:
        frames.append((Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB"), milliseconds))

    page.goto(url)
    page.locator(".examples img").last.wait_for()
    shoot(1200)
    classify(page, url)
    for strength in (80, 50, 20, 0, 40, 80):
        page.get_by_label("Strength of the heatmap").fill(str(strength))
        shoot(1400 if strength == 80 else 180)
    page.get_by_role("tab", name="Draw a digit").click()
    box = page.locator(".sketchpad canvas").bounding_box()
    if box is None:
        raise SystemExit("there is nothing to draw on")
    places = [(0.3, 0.3), (0.5, 0.2), (0.68, 0.35), (0.5, 0.5), (0.7, 0.68), (0.5, 0.85), (0.28, 0.75)]
    for number, (across, down) in enumerate(places):
        page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"], steps=8)
        if number == 0:
            page.mouse.down()
        page.wait_for_timeout(400)
        shoot(250)
    page.mouse.up()
    expect(page.locator(".verdict:visible")).to_contain_text("3")
    shoot(1500)
    page.get_by_role("tab", name="Look inside").click()
    page.get_by_role("button", name="Show me an example").click()
    page.locator(".sheet").first.wait_for()
    for number in (1, 2, 5, 8):
        page.locator(".steps input").nth(number - 1).check()
        expect(page.locator(".layer h3")).to_contain_text(f"{number} ·")
        shoot(900)
    first, *others = [frame for frame, _ in frames]
    durations = [milliseconds for _, milliseconds in frames]
    first.save(FILM, save_all=True, append_images=others, duration=durations, loop=0, quality=70, method=6)


if __name__ == "__main__":
    main()
