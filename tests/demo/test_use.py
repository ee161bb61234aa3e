"""The code that the page offers works."""

from __future__ import annotations

import subprocess
import sys

from playwright.sync_api import expect

from thumbnet import Classifier
from thumbnet.demo.tabs.use import PYTHON, SNIPPETS, about, read_card
from thumbnet.demo.uploads import EXAMPLES


def test_the_python_snippet_gives_the_pages_answer(tmp_path, cifar10):
    (tmp_path / "picture.jpg").write_bytes((EXAMPLES / "chelsea.jpg").read_bytes())
    code = PYTHON.format(weights="cifar10", name="cifar10")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    prediction = cifar10.predict(EXAMPLES / "chelsea.jpg")
    assert done.stdout.split() == [prediction.label, str(prediction.probability), str(prediction.abstained)]


def test_every_snippet_names_the_model_it_is_shown_for():
    for title, code in SNIPPETS:
        text = code.format(weights="my weights", name="birds")
        assert "my weights" in text or "birds" in text, title
        if title in ("Python", "Hugging Face Hub"):
            compile(text, title, "exec")


def test_the_card_is_shown_without_what_only_its_folder_has(cifar10):
    card = read_card(cifar10)
    assert card.lstrip().startswith("## thumbnet cifar10")
    assert "library_name" not in card
    assert "![" not in card
    assert cifar10.config.files["model.onnx"][:12] in about(cifar10)
    assert read_card(Classifier(cifar10.config, cifar10.runtime)) == "These weights have no card."


def test_choosing_a_model_changes_the_code_and_copies_it(page, open_tab):
    open_tab("Use it")
    panel = page.locator(".snippet:visible")
    expect(panel).to_contain_text('Classifier.load("cifar10")')
    page.locator("[role=tabpanel]:visible").get_by_label("mnist").first.check()
    expect(panel).to_contain_text('Classifier.load("mnist")')
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panel.get_by_role("button", name="Copy").click()
    expect(panel.get_by_role("button", name="Copied")).to_be_visible()
    assert 'Classifier.load("mnist")' in page.evaluate("navigator.clipboard.readText()")
    page.get_by_text("The model card").click()
    expect(page.get_by_role("heading", name="thumbnet mnist")).to_be_visible()
