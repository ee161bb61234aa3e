"""Watching a small network learn."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from thumbnet.demo import lesson
from thumbnet.demo.curves import render_curves, render_summary
from thumbnet.demo.lesson import Curves, recipe_of, watch
from thumbnet.model import InvalidArgument, UnknownName
from thumbnet.model.errors import DatasetError, MissingDependency


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "loss", "filters"), [("MLP", "cross_entropy", (32, 28, 28)), ("LeNet", "mse", (6, 5, 5))]
)
def test_a_network_learns_digits_in_seconds_and_shows_how(architecture, loss, filters):
    recipe = recipe_of(architecture, "tanh", loss, "adam", 0.003, 32)
    seen = []
    for curves in watch(recipe, "a lesson"):
        seen.append((curves.accuracy[-1], curves.filters.copy()))
        if len(seen) >= 3 and curves.accuracy[-1] > 0.6:
            break
    assert len(seen) >= 3
    assert seen[0][0] < 0.6 < seen[-1][0]
    assert seen[-1][1].shape == filters
    assert (seen[0][1] != seen[-1][1]).any()
    assert curves.seconds == sorted(curves.seconds)
    assert curves.losses[-1] < curves.losses[0]
    assert curves.images % lesson.BATCH_SIZE == 0


def test_a_lesson_that_nobody_watches_any_more_ends():
    training = watch(recipe_of("MLP", "relu", "cross_entropy", "sgd", 0.1, 8), "a lesson")
    assert len(list(itertools.islice(training, 1))) == 1
    training.close()


@pytest.mark.parametrize(
    ("choice", "value"),
    [("architecture", "VGG"), ("learning_rate", 5.0), ("hidden", 0), ("hidden", 10**6), ("hidden", True)],
)
def test_what_cannot_be_chosen_is_refused(choice, value):
    choices = {
        "architecture": "MLP",
        "activation": "relu",
        "loss": "mse",
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "hidden": 8,
    }
    with pytest.raises(InvalidArgument, match=choice.replace("_", " ").split()[0]):
        recipe_of(**choices | {choice: value})
    with pytest.raises(UnknownName):
        recipe_of(**choices | {"loss": "hinge"})


@pytest.mark.parametrize(
    ("error", "advice"),
    [(MissingDependency("torch", "train"), "thumbnet\\[train\\]"), (DatasetError("x"), "--download")],
)
def test_what_is_missing_is_said_in_a_line(monkeypatch, error, advice):
    def fail():
        raise error

    monkeypatch.setattr(lesson, "load_mnist", fail)
    assert re.search(advice, lesson.missing())


def test_the_tab_needs_no_torch_before_a_training_starts():
    code = (
        "import sys; sys.modules['torch'] = None; from thumbnet.demo.app import build_demo, load_classifiers;"
        "build_demo(load_classifiers(['mnist'])); from thumbnet.demo import lesson; print(lesson.missing())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == lesson.NO_TORCH, done.stderr


def test_curves_of_two_runs_share_their_axes_and_are_told_apart():
    before = Curves("before", seconds=[1.0, 2.0], losses=[2.0, 1.0], accuracy=[0.1, 0.5], images=256)
    now = Curves("<now>", seconds=[1.0], losses=[0.5], accuracy=[0.8], images=128)
    drawn = render_curves(now, before)
    assert drawn.count('<polyline class="now"') == drawn.count('<polyline class="before"') == 2
    assert "&lt;now&gt;" in drawn
    assert "from 0.5 to 0.5" in drawn
    said = render_summary(now, before, running=False)
    assert "80.0 %" in said.replace("\u00a0", " ")
    assert "before: 50.0 %" in said.replace("\u00a0", " ")
    assert "role=status" in said
    assert "role=status" not in render_summary(now, None, running=True)
    assert "before" not in render_curves(now, None)


@pytest.mark.slow
def test_a_visitor_trains_stops_and_compares(page, open_tab):
    open_tab("Train one")
    summary = page.locator(".summary")
    page.get_by_label("0.003").check()
    page.get_by_role("button", name="Train", exact=True).click()
    expect(summary).to_contain_text("Training for")
    expect(page.locator(".curves svg")).to_have_count(2)
    expect(page.locator(".runs li")).to_have_text(
        ["This run: MLP, 64 hidden units, ReLU, cross-entropy, Adam at 0.003"]
    )
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(summary).to_contain_text("Ended after")
    page.get_by_label("LeNet").check()
    expect(page.get_by_label("Hidden units")).to_have_count(0)
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.locator(".runs li").last).to_contain_text("The run before: MLP")
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(summary).to_contain_text("The run before:")
    expect(page.get_by_text("The weights of the first layer, all 6.")).to_be_visible()


@pytest.mark.slow
def test_two_train_at_once_the_third_waits_with_a_place_and_gets_it_when_one_leaves(browser, url):
    visitors = []
    for expected in (".curves", ".curves", ".verdict:visible"):
        visitor = browser.new_page(viewport={"width": 1440, "height": 900})
        visitor.set_default_timeout(60_000)
        visitor.goto(url)
        expect(visitor.locator(".examples img").last).to_be_visible()
        visitor.get_by_role("tab", name="Train one", exact=True).first.click()
        visitor.get_by_role("button", name="Train", exact=True).click()
        if expected == ".curves":
            expect(visitor.locator(expected)).to_be_visible()
        else:
            expect(visitor.locator(expected)).to_have_text("You are next.")
        visitors.append(visitor)
    first, second, third = visitors
    first.close()
    expect(third.locator(".curves")).to_be_visible()
    second.close()
    third.close()
