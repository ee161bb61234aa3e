"""What every test may use: the shipped models, real images, and a data set small enough to train on in a second."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest

from thumbnet import Classifier

StartDemo = Callable[..., AbstractContextManager[tuple[str, "subprocess.Popen[str]"]]]

ROOT = Path(__file__).parent.parent
TESTS = itertools.count()
os.environ.setdefault("THUMBNET_DATA", str(ROOT.parent / "shared" / "data"))
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # some hundred processes import what one can compile for all
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # of torch, in all processes: more would wait for each other


@pytest.fixture(scope="session")
def cifar10() -> Classifier:
    return Classifier.load("cifar10")


@pytest.fixture(scope="session")
def mnist() -> Classifier:
    return Classifier.load("mnist")


@pytest.fixture(scope="session")
def cifar10_images() -> np.ndarray:
    """The first 200 test images of CIFAR-10, (200, 32, 32, 3) uint8."""
    from torchvision.datasets import CIFAR10

    return CIFAR10(root=os.environ["THUMBNET_DATA"], train=False).data[:200]


@pytest.fixture(scope="session")
def chromium() -> str | None:
    """Where the browser is; without one of these, Playwright's own (`playwright install chromium`)."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="session")
def find_free_port() -> Callable[[], int]:
    """A function that gives a port of this machine that nothing listens on."""

    def find() -> int:
        with socket.create_server(("127.0.0.1", 0)) as server:
            return int(server.getsockname()[1])

    return find


@pytest.fixture(scope="session")
def start_demo(find_free_port: Callable[[], int]) -> StartDemo:
    """`with start_demo("--share", cache=folder) as (url, process)`: a running demo, stopped at the end.

    Gradio leaves event loops open when it builds a page, so the demo gets a process of its own.
    """

    @contextmanager
    def running(*options: str, cache: Path, **environment: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
        url = f"http://127.0.0.1:{find_free_port()}"
        process = subprocess.Popen(
            [
                sys.executable,
                "-X",
                "faulthandler",
                "-m",
                "thumbnet",
                "demo",
                "--port",
                url.rpartition(":")[2],
                *options,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"GRADIO_TEMP_DIR": str(cache), "PYTHONIOENCODING": "utf-8"} | environment,
        )
        with process:
            try:
                read_until(process, f"The demo runs on {url}")
                yield url, process
            finally:
                process.terminate()

    return running


@pytest.fixture(scope="session")
def demo_url(start_demo: StartDemo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running demo of the shipped models, for all tests that leave it as it is."""
    with start_demo(cache=tmp_path_factory.mktemp("cache")) as (url, _):
        yield url


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """What the process prints up to the line that has the text; fails where it ends without it."""
    assert process.stdout
    printed = ""
    for line in process.stdout:
        printed += line
        if text in line:
            return printed
    pytest.fail(f"the demo never printed {text!r}, but:\n{printed}")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the pixels that tests decode out of the user's cache, also where a test undoes its monkeypatches."""
    place = tmp_path_factory.getbasetemp() / "caches" / str(next(TESTS))  # made by what needs it: few do
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THUMBNET_CACHE", str(place))
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
