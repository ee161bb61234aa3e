"""The page without a server: exported, served as plain files from a sub-folder, and used in a real browser."""

from __future__ import annotations

import base64
import contextlib
import functools
import gzip
import hashlib
import http.server
import io
import json
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import yaml
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from typer.testing import CliRunner

from thumbnet.cli import app
from thumbnet.demo.answer import describe
from thumbnet.demo.pictures import EXAMPLES
from thumbnet.demo.static_page import WEB, export_page
from thumbnet.demo.strokes import CANVAS, as_digit
from thumbnet.model import Classifier, InvalidArgument, Prediction, Score
from thumbnet.model.errors import ThumbnetError, WeightsCorrupt, WeightsNotFound
from thumbnet.model.weights import SHIPPED_ROOT, read_config, write_config

from .conftest import take_screenshot

IMAGES = 500
FAKE_CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]

CLASSIFY = """
async ([folder, files]) => {
  const { loadClassifier } = await import("./classifier.js");
  const { toPixels } = await import("./preprocess.js");
  const { decode } = await import("./app.js");
  const network = await loadClassifier(folder);
  const answers = [];
  const read = (file) => decode(new Blob([Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0))]));
  for (const picture of await Promise.all(files.map(read))) {
    const pixels = toPixels(picture, network.preprocessing);
    const { scores, abstained } = await network.classify(pixels);
    answers.push({ scores, abstained, pixels: btoa(String.fromCharCode(...pixels)) });
  }
  return answers;
}
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an exported page, in a sub-folder of a plain file server."""
    root = tmp_path_factory.mktemp("root")
    export_page(root / "some where" / "page", ["cifar10", "mnist"])
    with serving(root) as address:
        yield f"{address}some%20where/page/"


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a plain server of files."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@contextlib.contextmanager
def visit(browser: Browser, site: str, width: int, scheme: Literal["light", "dark"]) -> Iterator[Page]:
    """The page; console errors and requests to anybody but its server fail the test."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.set_default_timeout(60_000)
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda sent: None if sent.url.startswith((site, "blob:")) else wrong.append(sent.url))
    page.on("request", lambda sent: wrong.append(f"{sent.method} {sent.url}") if sent.method != "GET" else None)
    page.goto(site)
    expect(page.locator("#verdict")).to_have_text("Show me a picture")
    yield page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
    assert not wrong


@pytest.fixture(params=[(1440, "light"), (380, "dark")], ids=["wide-light", "narrow-dark"])
def static(request: pytest.FixtureRequest, browser: Browser, site: str) -> Iterator[Page]:
    width, scheme = request.param
    with visit(browser, site, width, scheme) as page:
        yield page
        take_screenshot(page, f"static-{request.node.originalname}-{width}-{scheme}")


@pytest.fixture(scope="module")
def modules(browser: Browser, site: str) -> Iterator[Page]:
    """The page for tests that only call functions of its modules, and leave it as it is."""
    with visit(browser, site, 1440, "light") as page:
        yield page


@pytest.fixture(scope="module")
def camera(browser: Browser, chromium: str | None) -> Iterator[Browser]:
    """A browser that has a camera and grants it to every page."""
    camera = browser.browser_type.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu", *FAKE_CAMERA])
    yield camera
    camera.close()


def as_png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(file, "PNG")
    return file.getvalue()


def ask(page: Page, model: int, files: list[bytes]) -> list[dict[str, Any]]:
    """What the browser answers for the bytes of image files."""
    encoded = [base64.b64encode(file).decode() for file in files]
    answers: list[dict[str, Any]] = page.evaluate(CLASSIFY, [f"models/model{model}", encoded])
    return answers


@pytest.mark.slow
def test_the_browser_agrees_with_the_classifier_on_the_test_images(modules):
    from torchvision.datasets import CIFAR10, MNIST

    root = os.environ["THUMBNET_DATA"]
    cifar10, mnist = (Classifier.load(name, precision="fp32") for name in ("cifar10", "mnist"))
    sets = [(0, cifar10, CIFAR10(root, train=False).data), (1, mnist, MNIST(root, train=False).data.numpy()[..., None])]
    for number, classifier, images in sets:
        pixels = images[:IMAGES]
        expected = classifier.predict_batch(list(pixels))
        answers = ask(modules, number, [as_png(image) for image in pixels])
        agreed = [a["scores"][0]["label"] == e.label for a, e in zip(answers, expected, strict=True)]
        assert np.mean(agreed) >= 0.99
        assert np.mean([a["abstained"] == e.abstained for a, e in zip(answers, expected, strict=True)]) >= 0.99
        for answer, prediction in zip(answers, expected, strict=True):
            assert abs(answer["scores"][0]["probability"] - prediction.probability) < 0.02
        seen = [np.frombuffer(base64.b64decode(answer["pixels"]), np.uint8) for answer in answers]
        assert np.array_equal(np.stack(seen), pixels.reshape(IMAGES, -1))


def photographs() -> dict[str, bytes]:
    """A photograph in many guises."""
    with Image.open(EXAMPLES / "chelsea.jpg") as opened:
        cat = opened.convert("RGB")
    exif = Image.Exif()
    exif[274] = 6
    guises: dict[str, tuple[Image.Image, str, dict[str, Any]]] = {
        "as it is": (cat, "PNG", {}),
        "large": (cat.resize((1500, 1000), Image.Resampling.BICUBIC), "PNG", {}),
        "tall": (cat.crop((100, 0, 200, 300)), "PNG", {}),
        "tiny": (cat.resize((20, 13)), "PNG", {}),
        "grey": (cat.convert("L"), "PNG", {}),
        "palette": (cat.convert("P"), "PNG", {}),
        "WebP": (cat, "WEBP", {"lossless": True}),
        "turned": (cat.rotate(90, expand=True), "JPEG", {"exif": exif, "quality": 95}),
        "transparent": (Image.merge("RGBA", (*cat.split(), Image.radial_gradient("L").resize(cat.size))), "PNG", {}),
    }
    files = {}
    for name, (picture, form, options) in guises.items():
        file = io.BytesIO()
        picture.save(file, form, **options)
        files[name] = file.getvalue()
    return files


def test_a_photograph_looks_to_the_network_as_it_does_elsewhere(modules):
    classifier = Classifier.load("cifar10", precision="fp32")
    files = photographs()
    for (name, data), answer in zip(files.items(), ask(modules, 0, list(files.values())), strict=True):
        prediction = classifier.predict(data)
        seen = np.frombuffer(base64.b64decode(answer["pixels"]), np.uint8).astype(int)
        difference = np.abs(seen - prediction.pixels.ravel())
        assert difference.mean() < 1.5, name
        probabilities = {score["label"]: score["probability"] for score in answer["scores"]}
        assert all(abs(probabilities[s.label] - s.probability) < 0.05 for s in prediction.scores), name


def test_answers_are_put_into_the_same_words_as_in_the_demo(modules):
    code = "async (all) => { const { describe } = await import('./words.js'); return all.map(describe); }"
    cases = [
        (label, probability, abstained, classes)
        for label in ("cat", "airplane", "8", "11", "7", "unicorn", "ice_cream", "hourglass")
        for probability in (0.9999, 0.97, 0.61, 0.42, 0.004)
        for abstained in (False, True)
        for classes in (10, 100)
    ]
    sent, expected = [], []
    for label, probability, abstained, classes in cases:
        scores = [Score(label, probability), *(Score(f"other {n}", 0.0) for n in range(classes - 1))]
        sent.append(
            {"scores": [{"label": s.label, "probability": s.probability} for s in scores], "abstained": abstained}
        )
        expected.append(describe(Prediction(tuple(scores), abstained, np.zeros((1, 1, 3), np.uint8), 1.0)))
    assert modules.evaluate(code, sent) == expected


def test_strokes_become_the_same_digit_as_in_the_demo(modules, rng):
    code = """async (all) => { const { asDigit } = await import('./strokes.js');
      return all.map((ink) => { const digit = asDigit(Uint8Array.from(ink)); return digit && Array.from(digit); }); }"""
    drawings = [np.zeros((CANVAS, CANVAS), np.uint8) for _ in range(4)]
    drawings[1][20:90, 50:60] = 255
    drawings[2][10:20, 5:105] = 200
    drawings[2][15:100, 60:72] = 255
    drawings[3][40:45, 40:45] = rng.integers(0, 256, (5, 5))
    answers = modules.evaluate(code, [drawing.ravel().tolist() for drawing in drawings])
    assert answers[0] is None
    for drawing, answer in zip(drawings[1:], answers[1:], strict=True):
        expected = as_digit(drawing).ravel().astype(int)
        assert np.abs(np.array(answer) - expected).mean() < 4


def test_a_chosen_picture_is_answered_and_cleared(static, cifar10):
    static.locator("#file").set_input_files(EXAMPLES / "ship.png")
    expect(static.locator("#verdict")).to_have_text(describe(cifar10.predict(EXAMPLES / "ship.png")))
    expect(static.locator("#bars li")).to_have_count(5)
    expect(static.locator("#seen figcaption")).to_have_text("What the network sees: 32 × 32 pixels")
    static.get_by_role("button", name="Clear").click()
    expect(static.locator("#verdict")).to_have_text("Show me a picture")
    expect(static.locator("#bars")).to_be_hidden()


def test_a_dropped_picture_is_answered(static, cifar10):
    data = base64.b64encode((EXAMPLES / "truck.png").read_bytes()).decode()
    transfer = static.evaluate_handle(
        """(data) => { const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
           const transfer = new DataTransfer(); transfer.items.add(new File([bytes], "t.png", { type: "image/png" }));
           return transfer; }""",
        data,
    )
    static.dispatch_event("#card", "drop", {"dataTransfer": transfer})  # beside the box does as well
    expect(static.locator("#verdict")).to_have_text(describe(cifar10.predict(EXAMPLES / "truck.png")))


def test_a_bad_file_gets_a_friendly_line_and_the_next_one_works(static, tmp_path, subtests):
    bad = {"not a picture": b"these are words", "0 bytes": b"", "more than 10 MB": b"\xff" * (11 << 20)}
    for said, data in bad.items():
        with subtests.test(said=said):
            (tmp_path / "x.png").write_bytes(data)
            static.locator("#file").set_input_files(tmp_path / "x.png")
            expect(static.locator("#aside")).to_contain_text(said)
            expect(static.locator("#verdict")).to_have_text("I can’t use this picture")
            static.locator("#examples button").first.click()
            expect(static.locator("#verdict")).to_contain_text("cat")


def test_a_digit_can_be_drawn_and_examples_shown_with_the_keyboard(static):
    static.get_by_label("mnist").check()
    expect(static.locator("#verdict")).to_have_text("Draw a digit")
    box = static.locator("#pad canvas").bounding_box()
    at = lambda x, y: (box["x"] + x * box["width"], box["y"] + y * box["height"])  # noqa: E731
    static.mouse.move(*at(0.3, 0.25))
    static.mouse.down()
    static.mouse.move(*at(0.7, 0.25), steps=10)
    static.mouse.move(*at(0.45, 0.8), steps=15)
    static.mouse.up()
    expect(static.locator("#verdict")).to_contain_text("7")
    static.get_by_role("button", name="a handwritten 2").focus()
    static.keyboard.press("Enter")
    expect(static.locator("#bars li").first).to_contain_text("2")


def test_the_camera_takes_a_picture(camera, site):
    page = camera.new_page()
    page.set_default_timeout(60_000)
    page.goto(site)
    page.get_by_role("button", name="Use the camera").click()
    expect(page.locator("#camera")).to_be_visible()
    page.get_by_role("button", name="Take the picture").press("Enter")  # which is there as soon as there is one
    expect(page.locator("#aside")).to_contain_text("Answered in")
    expect(page.locator("#camera")).to_be_hidden()
    expect(page.locator("#webcam")).to_be_focused()
    page.close()


def test_a_camera_that_is_granted_too_late_is_switched_off(camera, site):
    page = camera.new_page()
    page.set_default_timeout(60_000)
    page.add_init_script("""
      const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (...wanted) => (window.stream = await ask(...wanted));
    """)
    page.goto(site)
    expect(page.locator("#verdict")).to_have_text("Show me a picture")
    page.evaluate("webcam.click(); document.querySelector('input[value=mnist]').click();")
    while not page.evaluate("window.stream?.getTracks().every((track) => track.readyState === 'ended')"):
        page.wait_for_timeout(50)  # for ever, where the camera stays on
    expect(page.locator("#shoot")).to_be_hidden()
    page.close()


@pytest.mark.parametrize("static", [(1440, "light")], indirect=True)
def test_an_example_that_comes_late_is_not_the_answer_to_something_newer(static):
    static.evaluate(
        """() => { const original = window.fetch;
           window.fetch = async (url) => {
             const answer = await original(url);
             if (String(url).includes("dog")) await new Promise((go) => (window.arrive = go));
             return answer;
           } }"""
    )
    dog, ship = (static.locator(f"#examples button:has(img[src$='{name}.png'])") for name in ("dog", "ship"))
    dog.click()
    ship.click()
    expect(static.locator("#verdict")).to_contain_text("ship")
    while not static.evaluate("Boolean(window.arrive)"):
        static.wait_for_timeout(50)
    static.evaluate("window.arrive()")
    static.wait_for_timeout(1000)
    expect(static.locator("#verdict")).to_contain_text("ship")


@pytest.mark.parametrize("static", [(1440, "light")], indirect=True)
def test_an_example_that_cannot_be_loaded_is_named(static):
    static.evaluate("void (window.fetch = () => Promise.reject(new TypeError()))")
    static.locator("#examples button").first.click()
    expect(static.locator("#verdict")).to_have_text("This page is not complete")
    expect(static.locator("#aside")).to_contain_text(" could not be loaded (no connection). Reload the page.")


@pytest.mark.parametrize("static", [(1440, "light")], indirect=True)
def test_the_same_file_can_be_chosen_again(static):
    static.locator("#file").set_input_files(EXAMPLES / "ship.png")
    expect(static.locator("#verdict")).to_contain_text("ship")
    assert static.evaluate("document.getElementById('file').value") == ""


def test_without_a_camera_the_answer_before_is_taken_away(static):
    static.locator("#examples button").first.click()
    expect(static.locator("#bars")).to_be_visible()
    static.evaluate("void (navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error()))")
    static.get_by_role("button", name="Use the camera").click()
    expect(static.locator("#verdict")).to_have_text("No camera")
    expect(static.locator("#bars")).to_be_hidden()


@pytest.mark.parametrize("missing", ["models/model0/model.onnx", "vendor/onnxruntime.wasm.gz"])
def test_a_missing_file_is_named_at_once(browser, site, missing):
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.route(f"**/{missing}", lambda route: route.fulfill(status=404))
    page.goto(site)
    expect(page.locator("#verdict")).to_have_text("This page is not complete")
    expect(page.locator("#aside")).to_contain_text("could not be loaded")
    page.close()


def test_one_can_draw_where_the_browser_keeps_points_to_itself(browser, site):
    """As over plain http from another machine."""
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.add_init_script("delete PointerEvent.prototype.getCoalescedEvents")
    page.goto(site)
    page.get_by_label("mnist").check()
    expect(page.locator("#verdict")).to_have_text("Draw a digit")
    box = page.locator("#pad canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 30, steps=10)
    page.mouse.up()
    expect(page.locator("#aside")).to_contain_text("Answered in")
    page.close()


def test_own_models_of_grey_images_take_pictures_and_offer_no_examples(browser, tmp_path):
    weights = shutil.copytree(SHIPPED_ROOT / "mnist", tmp_path / "letters")
    write_config(weights, replace(read_config(weights), name="letters", labels=tuple("ABCDEFGHIJ")))
    export_page(tmp_path / "page", [str(weights)])
    assert json.loads((tmp_path / "page" / "models.json").read_text())["models"][0]["draws"] is False
    with serving(tmp_path / "page") as address:
        page = browser.new_page()
        page.goto(address)
        expect(page.locator("#verdict")).to_have_text("Show me a picture")
        expect(page.locator("#drop")).to_be_visible()
        expect(page.locator("#try")).to_be_hidden()
        page.close()


def test_while_another_network_loads_no_answer_of_the_one_before_stands(static):
    static.locator("#examples button").first.click()
    expect(static.locator("#bars")).to_be_visible()
    static.evaluate("void (window.fetch = () => new Promise(() => {}))")
    static.get_by_label("mnist").check()
    expect(static.locator("#verdict")).to_have_text("Loading the network …")
    expect(static.locator("#bars")).to_be_hidden()
    expect(static.locator("#seen")).to_be_hidden()


def test_opened_as_a_file_it_says_what_it_needs(browser, tmp_path):
    export_page(tmp_path / "page", ["mnist"])
    page = browser.new_page()
    page.goto((tmp_path / "page" / "index.html").as_uri())
    expect(page.locator(".late")).to_be_visible()
    expect(page.locator("#aside code")).to_have_text("python -m http.server")
    page.close()


def test_nothing_keeps_anybody_out(static):
    from .test_accessibility import violations

    static.locator("#examples button").first.click()
    expect(static.locator("#bars")).to_be_visible()
    assert violations(static) == {}


def test_the_command_says_how_large_it_is_and_what_to_do_next(tmp_path):
    result = CliRunner().invoke(app, ["export-web", str(tmp_path / "page")])
    assert result.exit_code == 0, result.output
    assert "http.server" in result.output
    assert "--repo-type space" in result.output
    size = sum(path.stat().st_size for path in (tmp_path / "page").rglob("*") if path.is_file())
    assert f"{size / 1e6:.1f} MB" in result.output
    assert size <= 15e6
    front = (tmp_path / "page" / "README.md").read_text().split("---")[1]
    assert yaml.safe_load(front)["sdk"] == "static"
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


def test_an_earlier_export_is_replaced_but_nothing_else(tmp_path):
    page, other = tmp_path / "page", tmp_path / "thesis"
    export_page(page, ["mnist"])
    (page / "models.json").write_text("{}")
    export_page(page, ["mnist"])
    assert len(json.loads((page / "models.json").read_text())["models"]) == 1
    other.mkdir()
    (other / "chapter.tex").write_text("years of work")
    with pytest.raises(InvalidArgument, match="--force"):
        export_page(other, ["mnist"])
    assert (other / "chapter.tex").exists()
    export_page(other, ["mnist"], force=True)
    assert (other / "index.html").exists()


def test_a_folder_that_only_has_a_file_of_the_same_name_is_no_earlier_export(tmp_path):
    for names in (["models.json", "thesis.txt"], ["models.json", "index.html", "thesis.txt"]):
        for name in names:
            (tmp_path / name).write_text("{}")
        with pytest.raises(InvalidArgument, match="--force"):
            export_page(tmp_path, ["mnist"])
        assert (tmp_path / "thesis.txt").exists()


def test_nobody_replaces_the_folder_one_is_in(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    for directory in (Path(), Path(".."), Path("/"), Path.home()):
        with pytest.raises(InvalidArgument, match="give the name of a directory inside it"):
            export_page(directory, ["mnist"], force=True)


def test_a_link_to_a_page_stays_a_link(tmp_path):
    (tmp_path / "page").mkdir()
    (tmp_path / "link").symlink_to("page")
    export_page(tmp_path / "link", ["mnist"])
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "page" / "index.html").exists()


def test_where_nothing_can_be_written_a_sentence_says_so():
    with pytest.raises(ThumbnetError, match="cannot write the page"):
        export_page(Path("/proc/nobody/page"), ["mnist"])


def test_a_model_that_cannot_be_loaded_is_not_exported(tmp_path):
    shutil.copytree(SHIPPED_ROOT / "mnist", tmp_path / "weights")
    config = json.loads((tmp_path / "weights" / "config.json").read_text())
    config["preprocessing"]["image_size"] = 48
    (tmp_path / "weights" / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsCorrupt):
        export_page(tmp_path / "page", [str(tmp_path / "weights")])
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize(
    ("weights", "error"), [(["mnits"], WeightsNotFound), ([], InvalidArgument), (["mnist", "mnist"], InvalidArgument)]
)
def test_a_failure_leaves_nothing_behind_and_an_earlier_export_alone(tmp_path, weights, error):
    export_page(tmp_path / "page", ["mnist"])
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(error):
        export_page(tmp_path / "page", weights)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_runtime_is_the_published_one():
    origin = json.loads((WEB / "vendor" / "origin.json").read_text())
    for name, expected in origin["sha256"].items():
        data = (WEB / "vendor" / name).read_bytes()
        assert hashlib.sha256(gzip.decompress(data) if name.endswith(".gz") else data).hexdigest() == expected
