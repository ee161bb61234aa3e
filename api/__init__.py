"""The Flask door: a classifier behind HTTP.

What a request passes, from the outside in:

server.py        starts the workers, and drains them
sharing.py       gives each worker its share of the connections
protocol.py      HTTP within limits of time and size
gateway.py       room and deadline of a request, before Flask sees it
bodies.py        its body, within limits of size, time and memory
turns.py         short requests, computed in the event loop
framing.py       is it sound HTTP, and what WSGI makes of it
security.py      API keys, rate_limit.py, CORS
routes.py        /v1: the endpoints, read top to bottom
huggingface.py   /models: for the Hugging Face client
inference.py     /v2: the Open Inference Protocol, with its tensors.py
operations.py    health, metrics, the pages about the interface
uploads.py       a request → its images and parameters
predictions.py   its images → predictions, for every endpoint
batcher.py       the images of several requests, computed together

and what they share:

settings.py      what the operator can set
state.py         settings, models and metrics of an application
loading.py       loads the models while the server already answers
schemas.py       what goes in and out
openapi.py       the document about it
problems.py      every error → application/problem+json
metrics.py, logs.py
"""

from __future__ import annotations

from functools import partial
from typing import Any

import orjson
from apiflask import APIFlask
from flask import Response
from flask.json.provider import JSONProvider

from thumbnet import __version__
from thumbnet.model import Classifier

from . import huggingface, inference, operations, routes
from .framing import with_client_address
from .loading import Models
from .logs import register_access_log
from .metrics import Metrics
from .openapi import DESCRIPTION, SECURITY_SCHEMES, complete_openapi
from .problems import register_problems
from .rate_limit import register_rate_limit
from .security import register_security
from .settings import Settings
from .state import State
from .uploads import InMemoryRequest

__all__ = ["Settings", "create_app"]


class StrictJSON(JSONProvider):
    """orjson: fast, keeps the order of the keys and every language's letters, and takes nothing that is not JSON."""

    def dumps(self, obj: Any, **_: Any) -> str:
        """A value as text."""
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """The value of a text."""
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """A value as an answer."""
        return Response(orjson.dumps(self._prepare_response_obj(args, kwargs)), mimetype="application/json")


def create_app(settings: Settings | None = None, *classifiers: Classifier) -> APIFlask:
    """Build the WSGI application.

    settings      read from the environment (THUMBNET_WEIGHTS, …) where none are given
    classifiers   answer; without any, `settings.weights` are loaded in a background thread, and `/readyz` says 503
                  until they are loaded and warm

    Raises InvalidArgument where the environment makes no sense.
    """
    settings = settings or Settings.from_environment()
    app = APIFlask(
        __name__,
        title="thumbnet",
        version=__version__,
        docs_path=None,  # its pages load from the network; operations.py has one that does not
        json_errors=False,  # problems.py answers
        static_folder=None,  # type: ignore[arg-type]  # Flask takes None
    )
    app.request_class = InMemoryRequest
    app.json = StrictJSON(app)
    app.url_map.merge_slashes = False  # would redirect, and to the Host header
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
        MAX_FORM_MEMORY_SIZE=settings.max_body_bytes,  # of fields that are no files, which the line above bounds, too
        MAX_FORM_PARTS=2 * settings.max_images,
        MAX_IMAGES=settings.max_images,
        AUTO_SERVERS=False,  # would keep the Host header of whoever asks first
        AUTO_404_RESPONSE=False,
        SECURITY_SCHEMES=SECURITY_SCHEMES,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        DESCRIPTION=DESCRIPTION,
        LICENSE={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    app.spec_processor(partial(complete_openapi, keys=bool(settings.accepted_keys())))
    metrics = Metrics()
    app.extensions["thumbnet"] = State(settings, Models(settings, metrics, classifiers), metrics)
    for part in (routes, huggingface, inference, operations):
        app.register_blueprint(part.blueprint)
    register_access_log(app)  # first: it starts the clock, and sees the final answer
    register_problems(app)
    register_rate_limit(app, settings)  # before the keys, so that guessing them is limited, too
    register_security(app, settings)
    if settings.trusted_proxies:
        app.wsgi_app = with_client_address(app.wsgi_app, settings.trusted_proxies)  # type: ignore[method-assign, assignment]
    return app
