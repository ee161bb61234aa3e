import io
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from PIL import Image

from thumbnet.api import Settings, create_app
from thumbnet.model import Classifier

Encode = Callable[..., bytes]
Serve = Callable[..., AbstractContextManager[tuple[str, subprocess.Popen[bytes]]]]


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    return Classifier.load("cifar10", threads=1)


@pytest.fixture
def app(classifier: Classifier) -> APIFlask:
    return create_app(Settings(), classifier)


@pytest.fixture
def client(app: APIFlask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def picture() -> Image.Image:
    """Something with structure that is no square and has no symmetry."""
    x, y = np.meshgrid(np.arange(60), np.arange(44))
    return Image.fromarray(np.stack([4 * x, 5 * y, (x * y) % 256], axis=-1).astype(np.uint8))


@pytest.fixture(scope="session")
def encode() -> Encode:
    """`encode(image, "PNG")`: the bytes of an image file."""

    def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        return buffer.getvalue()

    return encoded


@pytest.fixture(scope="session")
def png(picture: Image.Image, encode: Encode) -> bytes:
    return encode(picture, "PNG")


@pytest.fixture(scope="session")
def jpeg(picture: Image.Image, encode: Encode) -> bytes:
    return encode(picture, "JPEG")


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory, find_free_port: Callable[[], int]) -> Serve:
    """`with serve(workers=2, queue=4) as (url, process)`: the real server with settings, ready, stopped at the end."""

    @contextmanager
    def serving(workers: int = 1, **settings: Any) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
        port = find_free_port()
        code = "from thumbnet.api import Settings, server; server.serve(Settings.from_environment())"
        environment = os.environ | {
            "THUMBNET_WEIGHTS": "cifar10",
            "THUMBNET_HOST": "127.0.0.1",
            "THUMBNET_PORT": str(port),
            "THUMBNET_WORKERS": str(workers),
            "THUMBNET_THREADS": "1",
            **{f"THUMBNET_{name.upper()}": str(value) for name, value in settings.items()},
        }
        log = tmp_path_factory.mktemp("server") / "log"
        with log.open("wb") as output:
            process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=output, stderr=output)
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until_ready(url, process, log)
            yield url, process
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    return serving


@pytest.fixture(scope="session")
def server(serve: Serve) -> Iterator[str]:
    """The address of a running server."""
    with serve() as (url, _):
        yield url


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5):
                return
        except urllib.error.HTTPError as error:
            error.close()
        except OSError:
            pass
        time.sleep(0.05)
    pytest.fail(f"the server was not ready in {seconds} s:\n{log.read_text()}")
