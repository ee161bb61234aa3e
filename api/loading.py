"""The models that are served. They load in the background, so that the server can say how it is from the start."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Sequence
from functools import partial

from werkzeug.exceptions import NotFound, ServiceUnavailable

from thumbnet.model import Classifier, ImageInput, InvalidArgument, Pixels, ThumbnetError
from thumbnet.model.weights import ONNX

from .batcher import Batcher
from .metrics import Metrics
from .settings import Settings
from .turns import current_turn

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 10.0
"""How long a prediction waits for a worker that has just started, before it is told to come again."""

DECODERS = threading.BoundedSemaphore(2)
"""Images that a worker decodes at once: one of them may take 130 MB, and more would not be faster."""


class ServedModel(Classifier):
    """A classifier that computes the images of several requests together."""

    def __init__(self, classifier: Classifier, metrics: Metrics) -> None:
        super().__init__(classifier.config, Batcher(classifier.runtime, partial(metrics.batch, classifier.name)))

    def read(self, image: ImageInput) -> Pixels:
        """What the network sees of an image. Raises InvalidImage."""
        with contextlib.nullcontext() if current_turn() else DECODERS:  # the event loop decodes one at a time anyway
            return super().read(image)

    @property
    def sha256(self) -> str:
        """Of the network that computes, model.onnx."""
        return self.config.files[ONNX]

    @property
    def version(self) -> str:
        """Names these weights: the beginning of their sha256."""
        return self.sha256[:12]


class Models:
    """The models of an application: loading, ready, or impossible to load and why."""

    def __init__(self, settings: Settings, metrics: Metrics, classifiers: Sequence[Classifier] = ()) -> None:
        """
        classifiers   served as they are; otherwise `settings.weights` are loaded in a background thread
        """
        self._settings = settings
        self._metrics = metrics
        self._models: dict[str, ServedModel] = {}
        self._failure: str | None = None
        self._finished = threading.Event()
        if classifiers:
            self._serve(classifiers)
            self._finished.set()
        else:
            threading.Thread(target=self._load, name="load-models", daemon=True).start()

    def loaded(self) -> bool:
        """Whether nobody has to wait for them any more."""
        return self._finished.is_set()

    def all(self, patience: float = 0.0) -> dict[str, ServedModel]:
        """Name → model, the default first, after at most `patience` seconds.

        Raises ServiceUnavailable where they are not loaded by then.
        """
        self._finished.wait(patience)
        if self._failure is not None:
            raise ServiceUnavailable(f"the models could not be loaded: {self._failure}")
        if not self._finished.is_set():
            raise ServiceUnavailable("the models are still loading; try again in a second.", retry_after=1)
        return self._models

    def get(self, name: str | None = None, patience: float = PATIENCE_SECONDS) -> ServedModel:
        """A model by its name, the default for None. Raises NotFound, or ServiceUnavailable as `all` does."""
        models = self.all(patience)
        if name is None:
            return next(iter(models.values()))
        if name not in models:
            raise NotFound(f"there is no model {name!r} here; there is {', '.join(models)}.")
        return models[name]

    def _serve(self, classifiers: Sequence[Classifier]) -> None:
        check_names([classifier.name for classifier in classifiers])
        for classifier in classifiers:
            model = self._models[classifier.name] = ServedModel(classifier, self._metrics)
            self._metrics.model(model.name, model.sha256, model.labels)

    def _load(self) -> None:
        started = time.perf_counter()
        try:
            classifiers = [
                Classifier.load(weights, threads=self._settings.threads, precision=self._settings.precision)
                for weights in self._settings.weights
            ]
            for classifier in classifiers:
                classifier.check()  # also warms it: the first prediction is slow, let nobody wait for it
            self._serve(classifiers)
            names = ", ".join(f"{model.name} ({model.precision})" for model in self._models.values())
            logger.info("loaded %s in %.1f s", names, time.perf_counter() - started)
        except ThumbnetError as error:
            logger.error("the models could not be loaded: %s", error)
            self._failure = str(error)
        except Exception as error:  # a thread's exception would be lost
            logger.exception("the models could not be loaded")
            self._failure = f"{type(error).__name__}; the server's log says more."
        finally:
            self._finished.set()


def check_names(names: Sequence[str]) -> None:
    """Raise InvalidArgument where two models have the same name, or one has a name that is no part of a URL."""
    for name in names:
        if "/" in name or name in (".", ".."):  # clients resolve the latter themselves (RFC 3986, 5.2.4)
            raise InvalidArgument(
                f"a model is named {name!r}, which cannot be part of a URL; name it without / in its config.json."
            )
        if names.count(name) > 1:
            raise InvalidArgument(
                f"two models are named {name!r}; serve one of them, or rename one in its config.json."
            )
