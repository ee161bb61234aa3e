"""The programs of "use the ONNX file elsewhere": each is run, and says what Classifier says."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from thumbnet import Classifier
from thumbnet.demo.static_page import export_page
from thumbnet.model.weights import SHIPPED_ROOT

ROOT = Path(__file__).resolve().parent.parent
CODE = ROOT / "docs" / "how-to" / "code"
EXAMPLES = ROOT / "demo" / "examples"
PACKAGES = "g++ libstb-dev nlohmann-json3-dev"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The C++ program, built from elsewhere and by a Python with a relative path, as the page says."""
    if not compiler_and_headers():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"the C++ program needs {PACKAGES} (Debian, Ubuntu)")
    folder = tmp_path_factory.mktemp("cpp")
    (folder / "python").symlink_to(sys.prefix)
    python = Path("python", "bin", Path(sys.executable).name)
    done = subprocess.run(
        ["sh", CODE / "build.sh", python],
        cwd=folder,
        env=os.environ | {"CLASSIFY": "classify"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [str(folder / "classify")]


def compiler_and_headers() -> bool:
    """Whether this machine has what C++ needs beside OpenVINO."""
    headers = "#include <nlohmann/json.hpp>\n#include <stb/stb_image.h>\n"
    command = ["g++", "-std=c++17", "-E", "-x", "c++", "-o", os.devnull, "-"]
    return (
        bool(shutil.which("g++"))
        and not subprocess.run(command, input=headers.encode(), capture_output=True, check=False).returncode
    )


@pytest.fixture(params=["python", "c++"])
def program(request: pytest.FixtureRequest) -> list[str]:
    """The words that start a program."""
    if request.param == "python":
        return [sys.executable, "-W", "error", str(CODE / "classify_onnx.py")]
    return list(request.getfixturevalue("compiled"))


@pytest.fixture
def pictures(tmp_path: Path, rng: np.random.Generator) -> list[Path]:
    """Examples, and what preprocessing has to deal with: other sizes and shapes, transparency, grey, turned JPEGs."""
    examples = sorted(EXAMPLES.glob("*.png"))
    cat = Image.open(EXAMPLES / "cat.png").convert("RGB")
    wide = cat.resize((201, 150))
    made = {
        "wide": wide,
        "tall": cat.resize((77, 120)),
        "small": cat.resize((20, 20)),
        "grey": cat.resize((64, 64)).convert("L"),
    }
    see_through = cat.resize((90, 60)).convert("RGBA")
    see_through.putalpha(Image.fromarray(rng.integers(0, 256, (60, 90), dtype=np.uint8)))
    for name, image in (made | {"see-through": see_through}).items():
        image.save(tmp_path / f"{name}.png")
    for turn in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = turn
        wide.save(tmp_path / f"turned-{turn}.jpg", exif=exif, quality=95, subsampling=0)
    return [*examples, *sorted(tmp_path.iterdir())]


@pytest.mark.parametrize("weights", ["cifar10", "mnist"])
def test_a_program_without_thumbnet_says_what_the_classifier_says(
    program: list[str], weights: str, pictures: list[Path]
) -> None:
    done = subprocess.run(
        [*program, SHIPPED_ROOT / weights, *pictures], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    classifier = Classifier.load(weights, precision="fp32")
    for line, path in zip(done.stdout.splitlines(), pictures, strict=True):
        shown, label, probability, sure = line.split("\t")
        expected = classifier.predict(path)
        assert Path(shown) == path
        tolerance = 0.03 if path.suffix == ".jpg" or "see-through" in path.name else 1e-4
        assert float(probability) == pytest.approx(expected.probability, abs=tolerance), path.name
        assert label == expected.label, path.name
        assert (sure == "abstains") == expected.abstained, path.name


def test_the_cpp_program_says_which_file_is_no_picture(compiled: list[str]) -> None:
    command = [*compiled, SHIPPED_ROOT / "mnist", ROOT / "README.md"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {ROOT / 'README.md'}: ")


def test_the_page_of_twenty_lines_says_what_the_classifier_says(tmp_path: Path, chromium: str | None) -> None:
    export_page(tmp_path / "page", ["cifar10"])
    shutil.copy(CODE / "classify.html", tmp_path / "page")
    expected = Classifier.load("cifar10", precision="fp32").predict(EXAMPLES / "cat.png")
    handler = functools.partial(QuietHandler, directory=str(tmp_path / "page"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/classify.html")
        page.locator("input").set_input_files(EXAMPLES / "cat.png")
        expect(page.locator("output")).to_have_text(f"cat {expected.probability:.4f}", timeout=60_000)
        browser.close()
        server.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass
