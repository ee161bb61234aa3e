"""The code that the page offers works."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from thumbnet import Classifier
from thumbnet.demo.pictures import EXAMPLES
from thumbnet.demo.tabs.use import PYTHON, SNIPPETS, about, read_card, values_of
from thumbnet.model.weights import SHIPPED_ROOT


def test_the_python_snippet_gives_the_pages_answer(tmp_path, cifar10):
    (tmp_path / "picture.jpg").write_bytes((EXAMPLES / "chelsea.jpg").read_bytes())
    code = PYTHON.format_map(values_of(cifar10))
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    prediction = cifar10.predict(EXAMPLES / "chelsea.jpg")
    assert done.stdout.split() == [prediction.label, str(prediction.probability), str(prediction.abstained)]


@pytest.mark.parametrize(
    ("source", "name", "expected"),
    [
        (
            "you/birds",
            "cifar10",
            ('load("you/birds")', "--weights you/birds", "model=cifar10'", 'load("you/birds", rev'),
        ),
        (
            "my runs/o\"dd'",
            "Möwen & co",
            ('load("my runs/o\\"dd\'")', "'my runs/o\"dd'\"'\"''", "M%C3%B6wen%20%26%20co", "you/M-wen-co"),
        ),
    ],
)
def test_every_snippet_loads_the_model_it_is_shown_for(cifar10, source, name, expected):
    model = Classifier(dataclasses.replace(cifar10.config, name=name), cifar10.runtime, source=source)
    snippets = {title: code.format_map(values_of(model)) for title, code in SNIPPETS}
    python, shell, address, hub = expected
    assert python in snippets["Python"]
    assert all(shell in snippets[title] for title in snippets if title != "Python")
    assert address in snippets["curl"]
    assert address.rstrip("'") in snippets["JavaScript"]
    assert hub in snippets["Hugging Face Hub"]
    for title in ("Python", "Hugging Face Hub"):
        compile(snippets[title], title, "exec")


def test_nobody_is_told_to_upload_into_the_repository_of_another(cifar10):
    ours, theirs = (Classifier(cifar10.config, cifar10.runtime, source=source) for source in ("runs", "you/birds"))
    assert [values_of(model)["upload"].count("hf upload") for model in (ours, theirs)] == [1, 0]


def test_what_was_loaded_can_be_loaded_again(tmp_path):
    assert Classifier.load("mnist").source == "mnist"
    folder = shutil.copytree(SHIPPED_ROOT / "mnist", tmp_path / "copy")
    assert Classifier.load(folder).source == str(folder)


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


def test_a_card_in_another_encoding_is_shown(tmp_path, cifar10):
    (tmp_path / "README.md").write_bytes("# Müller".encode("latin-1"))
    assert read_card(Classifier(cifar10.config, cifar10.runtime, tmp_path)) == "## M\ufffdller"
