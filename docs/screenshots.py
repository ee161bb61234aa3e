"""Photograph the demo for the README: docs/images/demo.png and demo-dark.png. Needs Chromium.

    python -P docs/screenshots.py

A classified photograph at 1440 pixels' width, once in light and once in dark. Run it again whenever the shipped
weights or the look of the demo change.
"""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Literal

from playwright.sync_api import sync_playwright

from thumbnet.demo.app import SHIPPED, build_demo, load_classifiers, serve

ROOT = Path(__file__).parents[1]
PHOTOGRAPH = ROOT / "demo" / "examples" / "chelsea.jpg"
Scheme = Literal["light", "dark"]
IMAGES = ROOT / "docs" / "images"
PICTURES: dict[Scheme, Path] = {"light": IMAGES / "demo.png", "dark": IMAGES / "demo-dark.png"}


def main() -> None:
    """Start the demo, photograph it, stop it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    demo = build_demo(load_classifiers(SHIPPED))
    address, _ = serve(demo, "127.0.0.1", port)
    try:
        for scheme, path in PICTURES.items():
            photograph(address, scheme, path)
            print(path.relative_to(ROOT))
    finally:
        demo.close(verbose=False)


def photograph(url: str, scheme: Scheme, path: Path) -> None:
    """Save a picture of the demo after it has classified PHOTOGRAPH."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 780}, color_scheme=scheme)
        page.goto(url)
        page.locator(".examples img").last.wait_for()
        page.locator("input[type=file]").set_input_files(PHOTOGRAPH)
        page.locator(".answer .seen").wait_for()
        page.locator(".bars").wait_for()
        page.wait_for_load_state("networkidle")
        page.screenshot(path=path, animations="disabled")
        browser.close()


if __name__ == "__main__":
    main()
