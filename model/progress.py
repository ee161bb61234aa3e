"""What a person sees and does while a network trains: the progress bar, metrics.jsonl, Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import rich.progress as rp

from .files import write_text


class Metrics:
    """metrics.jsonl: one line for each finished epoch. Those after the `keep`-th are of steps that will run again, and
    what tells of no epoch, as a loss of power may leave it, cannot be drawn."""

    def __init__(self, path: Path, keep: int) -> None:
        self.path = path
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
        write_text(path, "".join(line + "\n" for line in lines if 1 <= _epoch_of(line) <= keep))

    def add(self, **values: float) -> dict[str, float]:
        """Append the values of an epoch, and return them."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")
        return values


def _epoch_of(line: str) -> int:
    """The epoch that a line tells of, from 1; 0 where it tells of none."""
    try:
        return int(json.loads(line)["epoch"])
    except (ValueError, TypeError, KeyError):
        return 0


class Bar:
    """The progress bar: images a second, loss, validation accuracy, time left."""

    def __init__(self, bar: rp.Progress, task: rp.TaskID) -> None:
        self._bar, self._task = bar, task

    def step(self, *, loss: float, images_per_second: float) -> None:
        """Show a finished step."""
        self._bar.update(self._task, advance=1, loss=f"{loss:.3f}", speed=f"{images_per_second:,.0f}")

    def epoch(self, accuracy: float) -> None:
        """Show the validation accuracy of a finished epoch."""
        self._bar.update(self._task, accuracy=f"{accuracy:.2%}")


@contextlib.contextmanager
def progress_bar(total: int, done: int, visible: bool) -> Iterator[Bar]:
    """A bar over `total` steps, of which `done` are behind us."""
    columns = (
        rp.TextColumn("training"),
        rp.BarColumn(),
        rp.TaskProgressColumn(),
        rp.TextColumn("{task.fields[speed]} images/s · loss {task.fields[loss]} · val {task.fields[accuracy]} · left"),
        rp.TimeRemainingColumn(),
    )
    with rp.Progress(*columns, disable=not visible) as bar:
        yield Bar(bar, bar.add_task("train", total=total, completed=done, speed="–", loss="–", accuracy="–"))


@contextlib.contextmanager
def stop_on_ctrl_c() -> Iterator[threading.Event]:
    """The first Ctrl-C sets the event, so that the running step can end and be saved; a second one ends at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield stop
        return

    def request_stop(*_: Any) -> None:
        stop.set()
        signal.signal(signal.SIGINT, previous)

    previous = signal.signal(signal.SIGINT, request_stop)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, previous)
