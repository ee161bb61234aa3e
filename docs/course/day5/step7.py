"""Step 7: many callers: a bounded queue, a deadline, and images of several requests computed together.

.venv/bin/python docs/course/day5/step7.py
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import step4
from flask import Blueprint, Flask, current_app
from problems import explain_errors
from werkzeug.exceptions import ServiceUnavailable

from thumbnet import Classifier, Prediction
from thumbnet.model import Pixels

blueprint = Blueprint("v1", __name__, url_prefix="/v1")


# --8<-- [start:room]
class WaitingRoom:
    """One thread computes; the others wait for it, so many at most, for so long at most."""

    def __init__(self, compute: Callable[[list[Pixels]], list[Prediction]], places: int = 32, batch: int = 16) -> None:
        """
        places   requests that may wait
        batch    images computed together
        """
        self._compute = compute
        self._batch = batch
        self._waiting: queue.Queue[tuple[Pixels, Future[Prediction]]] = queue.Queue(places)
        threading.Thread(target=self._work, daemon=True).start()

    def predict(self, pixels: Pixels, seconds: float = 2.0) -> Prediction:
        """The answer for one image. Raises ServiceUnavailable where there is no place, or no turn in time."""
        answer: Future[Prediction] = Future()
        try:
            self._waiting.put_nowait((pixels, answer))
        except queue.Full:
            raise ServiceUnavailable("all places are taken; come again.", retry_after=1) from None
        try:
            return answer.result(seconds)
        except TimeoutError:
            if answer.cancel():  # not begun: now nobody will compute it
                raise ServiceUnavailable(f"no turn within {seconds:g} s; come again.", retry_after=1) from None
            return answer.result()

    def _work(self) -> None:
        while True:
            taken = [self._waiting.get()]  # sleeps until somebody comes
            while len(taken) < self._batch and not self._waiting.empty():
                taken.append(self._waiting.get())
            wanted = [(pixels, answer) for pixels, answer in taken if answer.set_running_or_notify_cancel()]
            if not wanted:
                continue
            try:
                predictions = self._compute([pixels for pixels, _ in wanted])
                for (_, answer), prediction in zip(wanted, predictions, strict=True):
                    answer.set_result(prediction)
            except Exception as error:  # noqa: BLE001  # raised again where it is waited for
                for _, answer in wanted:
                    answer.set_exception(error)


# --8<-- [end:room]


@blueprint.post("/predict")
def predict() -> dict[str, Any]:
    """Classify the image that is the body."""
    classifier: Classifier = current_app.extensions["classifier"]
    room: WaitingRoom = current_app.extensions["room"]
    top_k = step4.wanted_classes(len(classifier.labels))
    answer = room.predict(classifier.read(step4.received_image())).to_dict()
    return {"predictions": [answer | {"scores": answer["scores"][:top_k]}]}


def create_app(classifier: Classifier, places: int = 32, batch: int = 16) -> Flask:
    """Build an application around a classifier."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = step4.MAX_BYTES
    app.extensions["classifier"] = classifier
    app.extensions["room"] = WaitingRoom(classifier.predict_pixels, places, batch)
    app.register_blueprint(blueprint)
    explain_errors(app)
    return app


def timeline(requests: int, milliseconds: float, batch: int) -> list[int]:
    """Sizes of the batches when so many requests come at once and a batch takes so long, whatever its size."""
    sizes: list[int] = []

    def compute(images: list[Any]) -> list[Any]:
        sizes.append(len(images))
        time.sleep(milliseconds / 1000)
        return images

    room = WaitingRoom(compute, places=requests, batch=batch)
    callers = [threading.Thread(target=room.predict, args=(number, 30.0)) for number in range(requests)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    return sizes


if __name__ == "__main__":
    create_app(Classifier.load("cifar10", threads=1)).run(port=8200)
