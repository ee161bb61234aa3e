"""The Flask door: a classifier behind HTTP.

settings.py   what the operator can set
server.py     starts the production WSGI server
routes.py     the endpoints, read top to bottom
uploads.py    a request → the bytes of its images
loading.py    loads the classifier while the server already answers
schemas.py    what goes in and out, and the OpenAPI document
problems.py   every error → application/problem+json
"""

from __future__ import annotations

from apiflask import APIFlask
from flask.json.provider import DefaultJSONProvider

from thumbnet import __version__
from thumbnet.model import Classifier

from .loading import ModelLoader
from .problems import register_problems
from .routes import blueprint
from .schemas import DESCRIPTION, complete_openapi
from .settings import Settings
from .uploads import InMemoryRequest

__all__ = ["Settings", "create_app"]


class ReadableJSON(DefaultJSONProvider):
    """Keeps the order of the keys, and every language's letters."""

    sort_keys = False
    ensure_ascii = False


def create_app(settings: Settings | None = None, classifier: Classifier | None = None) -> APIFlask:
    """Build the WSGI application.

    settings     read from the environment (THUMBNET_WEIGHTS, …) where none are given
    classifier   answers with this one; otherwise `settings.weights` are loaded in a background thread, and
                 `/readyz` says 503 until they are loaded and warm

    Raises InvalidArgument where the environment makes no sense.
    """
    settings = settings or Settings.from_environment()
    app = APIFlask(
        __name__,
        title="thumbnet",
        version=__version__,
        docs_path=None,  # the UIs load from the network
        json_errors=False,  # problems.py answers
        static_folder=None,  # type: ignore[arg-type]  # Flask takes None
    )
    app.request_class = InMemoryRequest
    app.json = ReadableJSON(app)
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
        MAX_FORM_PARTS=2 * settings.max_images,
        MAX_IMAGES=settings.max_images,
        AUTO_SERVERS=False,  # would keep the Host header of whoever asks first
        AUTO_TAGS=False,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        DESCRIPTION=DESCRIPTION,
        LICENSE={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    app.spec_processor(complete_openapi)  # type: ignore[arg-type]  # a str is for YAML
    app.extensions["thumbnet"] = ModelLoader(settings, classifier)
    app.register_blueprint(blueprint)
    register_problems(app)
    return app
