"""Train one: a small network learns handwritten digits while one watches."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import gradio as gr

from thumbnet.model import Classifier, ThumbnetError
from thumbnet.model.recipe import Loss

from .. import lesson
from ..answer import render_call, render_problem
from ..curves import render_curves, render_summary
from ..filmstrip import picture, sheet, signed
from ..lesson import Curves

AT_ONCE = 2
"""Trainings on the server; who comes later sees the place in the queue."""
MOST_FILTERS = 32
OPTIMIZERS = {"Adam": "adam", "SGD": "sgd"}
ACTIVATIONS = {"ReLU": "relu", "sigmoid": "sigmoid", "tanh": "tanh"}
LOSSES = {"cross-entropy": "cross_entropy", "mean squared error": "mse"}
assert set(LOSSES.values()) == set(get_args(Loss))  # noqa: S101

STYLE = """
.curves { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: 0.75rem; }
.curves svg { width: 100%; height: auto; background: var(--block-background-fill);
  border: 1px solid var(--border-color-primary); border-radius: var(--block-radius); }
.curves text { font: 10px var(--font); fill: var(--body-text-color-subdued); }
.curves .title { font-size: 12px; font-weight: 600; fill: var(--body-text-color); }
.curves line { stroke: var(--border-color-primary); }
.curves polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
.curves .now { stroke: var(--color-accent); }
.curves .before { stroke: var(--body-text-color-subdued); stroke-width: 1.5; stroke-dasharray: 4 3; }
.summary { margin: 0.25rem 0 0.75rem; }
"""


def build_tab(classifiers: Mapping[str, Classifier]) -> None:
    """Lay out the tab inside the current gr.Blocks. torch is imported when the first training starts."""
    with gr.Row():
        with gr.Column(scale=1, min_width=240):
            architecture = gr.Radio(list(lesson.ARCHITECTURES), value="MLP", label="Architecture")
            hidden = gr.Slider(4, lesson.MOST_HIDDEN, value=64, step=4, label="Hidden units")
            activation = gr.Radio(list(ACTIVATIONS), value="ReLU", label="Activation")
            loss = gr.Radio(list(LOSSES), value="cross-entropy", label="Loss")
            optimizer = gr.Radio(list(OPTIMIZERS), value="Adam", label="Optimiser")
            rate = gr.Radio([str(value) for value in lesson.RATES], value="0.001", label="Learning rate")
            with gr.Row():
                start = gr.Button("Train", variant="primary")
                stop = gr.Button("Stop", variant="secondary")
        with gr.Column(scale=2, min_width=300):
            board = gr.HTML(
                render_call(
                    "Train a network",
                    "It learns handwritten digits on this server's processor, for a minute at most. Choose, and watch; "
                    "then change one thing and compare.",
                )
            )

    stops: dict[str, threading.Event] = {}  # of the runs that wait or train

    def begin(previous: str, latest: Curves | None) -> tuple[str, Curves | None]:
        """A new run, and what it is compared with; a visitor who starts another one gives up the one before."""
        halt(previous)
        run_id = uuid.uuid4().hex
        stops[run_id] = threading.Event()
        return run_id, latest

    def halt(run_id: str) -> None:
        """Stop a run, also where it has not begun."""
        if run_id in stops:
            stops[run_id].set()

    def run(
        run_id: str,
        architecture: str,
        hidden: int,
        activation: str,
        loss: str,
        optimizer: str,
        rate: str,
        before: Curves | None,
    ) -> Iterator[tuple[str, Any]]:
        """Pictures of the training so far, and what the next run is compared with."""
        units = f", {int(hidden)} hidden units" if architecture == "MLP" else ""
        now = Curves(f"{architecture}{units}, {activation}, {loss}, {optimizer} at {rate}")
        try:
            yield render_summary(now, None, running=True), gr.skip()
            if problem := lesson.missing():
                yield render_call("Not here", problem), gr.skip()
                return
            recipe = lesson.recipe_of(
                architecture, ACTIVATIONS[activation], LOSSES[loss], OPTIMIZERS[optimizer], float(rate), int(hidden)
            )
            for curves in lesson.watch(recipe, now.title):
                now = curves
                if stops[run_id].is_set():
                    break
                yield show(now, before, running=True), now
            yield show(now, before, running=False), now
        except ThumbnetError as error:
            yield render_problem(str(error)), now
        finally:
            stops.pop(run_id, None)

    def show(now: Curves, before: Curves | None, *, running: bool) -> str:
        """The board."""
        weights = now.filters[:MOST_FILTERS]
        caption = f"The weights of the first layer, {len(weights)} of {len(now.filters)}: teal above zero, amber below."
        return (
            render_summary(now, before, running=running)
            + render_curves(now, before, lesson.SECONDS)
            + picture(sheet(signed(weights)), caption)
        )

    architecture.change(
        lambda name: gr.Slider(visible=name == "MLP"),
        architecture,
        hidden,
        show_progress="hidden",
        api_visibility="private",
    )
    private: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    latest, before, run_id = gr.State(None), gr.State(None), gr.State("")
    start.click(begin, [run_id, latest], [run_id, before], **private)
    stop.click(halt, run_id, None, **private)
    run_id.change(
        run,
        [run_id, architecture, hidden, activation, loss, optimizer, rate, before],
        [board, latest],
        concurrency_limit=AT_ONCE,
        trigger_mode="multiple",
        show_progress="minimal",
        api_visibility="private",
    )
