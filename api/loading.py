"""Loads the classifier in the background, so that the server can say how it is from the start."""

from __future__ import annotations

import logging
import threading
import time

import numpy as np
from werkzeug.exceptions import ServiceUnavailable

from thumbnet.model import Classifier, ThumbnetError

from .settings import Settings

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 10.0
"""How long a prediction waits for a worker that has just started, before it is told to come again."""


class ModelLoader:
    """The classifier of an application: loading, ready, or impossible to load and why."""

    def __init__(self, settings: Settings, classifier: Classifier | None = None) -> None:
        self._settings = settings
        self._classifier = classifier
        self._failure: str | None = None
        self._finished = threading.Event()
        if classifier is not None:
            self._finished.set()
        else:
            threading.Thread(target=self._load, name="load-model", daemon=True).start()

    def classifier(self, patience: float = 0.0) -> Classifier:
        """The classifier, after at most `patience` seconds. Raises ServiceUnavailable where there is none by then."""
        self._finished.wait(patience)
        if self._classifier is not None:
            return self._classifier
        if self._failure is not None:
            raise ServiceUnavailable(f"{self._settings.weights!r} could not be loaded: {self._failure}")
        raise ServiceUnavailable(f"{self._settings.weights!r} is still loading; try again in a second.", retry_after=1)

    def _load(self) -> None:
        started = time.perf_counter()
        try:
            classifier = Classifier.load(self._settings.weights, threads=self._settings.threads)
            wanted = classifier.config.preprocessing
            blank = np.zeros((wanted.image_size, wanted.image_size, wanted.channels), np.uint8)
            classifier.predict(blank)  # the first prediction is slow: let nobody wait for it
            self._classifier = classifier
            logger.info("loaded %s in %.1f s", self._settings.weights, time.perf_counter() - started)
        except ThumbnetError as error:
            logger.error("%s could not be loaded: %s", self._settings.weights, error)
            self._failure = str(error)
        except Exception as error:  # a thread's exception would be lost
            logger.exception("%s could not be loaded", self._settings.weights)
            self._failure = f"{type(error).__name__}; the server's log says more."
        finally:
            self._finished.set()
