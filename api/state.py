"""What the parts of one application share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app

from .loading import Models
from .metrics import Metrics
from .settings import Settings


def never() -> bool:
    """An application without a server of ours behind it is not told that it will stop."""
    return False


@dataclass(slots=True)
class State:
    """Settings, models, metrics, and whether the server is about to stop."""

    settings: Settings
    models: Models
    metrics: Metrics
    draining: Callable[[], bool] = never


def current_state() -> State:
    """That of the current application."""
    state: State = current_app.extensions["thumbnet"]
    return state
