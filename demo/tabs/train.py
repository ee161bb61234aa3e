"""Train one: a small network learns handwritten digits while one watches."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import gradio as gr

from thumbnet.model import Classifier, ThumbnetError
from thumbnet.model.recipe import Loss

from .. import curves, lesson
from ..answer import render_call
from ..curves import render_curves, render_summary
from ..filmstrip import KEY, paint, sheet, signed, some
from ..lesson import Curves
from ..visitors import visitor
from ..waiting import Line

WAITING = 16
"""Visitors in line, at most."""
MOST_FILTERS = 32
OPTIMIZERS = {"Adam": "adam", "SGD": "sgd"}
ACTIVATIONS = {"ReLU": "relu", "sigmoid": "sigmoid", "tanh": "tanh"}
LOSSES = {"cross-entropy": "cross_entropy", "mean squared error": "mse"}
assert set(LOSSES.values()) == set(get_args(Loss))  # noqa: S101

INVITATION = render_call(
    "Train a network",
    "It learns handwritten digits on this server’s processor, for a minute at most. Watch it learn; then change one "
    "thing and compare.",
)
PREPARING = render_call("Getting ready", "The first training since the demo’s start takes some seconds to begin.")

STYLE = (
    curves.STYLE
    + """
.choices label { padding: 0.3125rem 0.625rem; }
"""
)


def build_tab(classifiers: Mapping[str, Classifier]) -> None:
    """Lay out the tab inside the current gr.Blocks. torch is imported when the first training starts."""
    line = Line(lesson.AT_ONCE, WAITING)
    possible = lesson.has_torch()
    with gr.Row():
        with gr.Column(scale=1, min_width=260):
            with gr.Group():
                architecture = gr.Radio(
                    list(lesson.ARCHITECTURES), value="MLP", label="Architecture", elem_classes="choices"
                )
                hidden = gr.Slider(4, lesson.MOST_HIDDEN, value=64, step=4, label="Hidden units")
                activation = gr.Radio(list(ACTIVATIONS), value="ReLU", label="Activation", elem_classes="choices")
                loss = gr.Radio(list(LOSSES), value="cross-entropy", label="Loss", elem_classes="choices")
                optimizer = gr.Radio(list(OPTIMIZERS), value="Adam", label="Optimiser", elem_classes="choices")
                rate = gr.Radio(
                    [str(value) for value in lesson.RATES], value="0.001", label="Learning rate", elem_classes="choices"
                )
            with gr.Row():
                start = gr.Button("Train", variant="primary", min_width=100, interactive=possible)
                stop = gr.Button("Stop", variant="secondary", min_width=100, interactive=possible)
        with gr.Column(scale=2, min_width=300):
            board = gr.HTML(INVITATION if possible else render_call("Not here", lesson.NO_TORCH))

    def run(
        architecture: str,
        hidden: int,
        activation: str,
        loss: str,
        optimizer: str,
        rate: str,
        before: Curves | None,
        request: gr.Request,
    ) -> Iterator[tuple[str, Any]]:
        """What the board shows while a visitor waits and trains, and what the next run is compared with."""
        units = f", {int(hidden)} hidden units" if architecture == "MLP" else ""
        title = f"{architecture}{units}, {activation}, {loss}, {optimizer} at {rate}"
        try:
            recipe = lesson.recipe_of(
                architecture, ACTIVATIONS[activation], LOSSES[loss], OPTIMIZERS[optimizer], float(rate), int(hidden)
            )
            turn = line.enter(visitor(request))
        except ThumbnetError as error:
            yield render_call("Not now", str(error)), gr.skip()
            return
        now: Curves | None = None
        try:
            while (place := line.place(turn)) and not turn.over.is_set():
                yield render_place(place), gr.skip()
                turn.over.wait(lesson.PAUSE)
            if not turn.over.is_set():
                yield PREPARING, gr.skip()
                if problem := lesson.missing():
                    yield render_call("Not here", problem), gr.skip()
                    return
                for now in itertools.takewhile(lambda _: not turn.over.is_set(), lesson.watch(recipe, title)):
                    yield show(now, before, running=True), now
            if not turn.replaced:
                yield (show(now, before, running=False), now) if now else (INVITATION, gr.skip())
        except ThumbnetError as error:
            yield render_call("It did not work", str(error)), gr.skip()
        finally:
            line.leave(turn)

    def end(request: gr.Request) -> None:
        """Stop a visitor's run, also one that waits."""
        line.end(visitor(request))

    architecture.change(
        lambda name: gr.Slider(visible=name == "MLP"),
        architecture,
        hidden,
        show_progress="hidden",
        api_visibility="private",
    )
    latest = gr.State(None)
    start.click(
        run,
        [architecture, hidden, activation, loss, optimizer, rate, latest],
        [board, latest],
        concurrency_limit=None,  # `line` says who may train, and lets the others see their place
        trigger_mode="multiple",
        show_progress="hidden",
        api_visibility="private",
    )
    stop.click(end, None, None, show_progress="hidden", api_visibility="private")


def render_place(place: int) -> str:
    """The card of a visitor who waits, the first in line being 1."""
    ahead = "You are next." if place == 1 else f"You are number {place} in line."
    return render_call(
        ahead, f"Others train now, {lesson.AT_ONCE} at once and for a minute at most; yours begins by itself."
    )


def show(now: Curves, before: Curves | None, *, running: bool) -> str:
    """The board of a run."""
    weights = now.filters[:MOST_FILTERS]
    caption = f"The weights of the first layer, {some(len(weights), len(now.filters))}. {KEY}"
    return (
        render_summary(now, before, running=running)
        + render_curves(now, before)
        + sheet([paint(signed(each)) for each in weights], caption)
    )
