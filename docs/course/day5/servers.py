"""Run one of the servers that the page compares: servers.py NAME PORT."""

from __future__ import annotations

import sys

import step5
import step7
import uvicorn
from flask import Flask
from werkzeug.serving import run_simple

from thumbnet import Classifier
from thumbnet.api import Settings
from thumbnet.api.gateway import Gateway
from thumbnet.api.metrics import Metrics
from thumbnet.api.protocol import LimitedProtocol


def production(app: Flask, port: int) -> None:
    """The project's server around any WSGI application, in one process."""
    gateway = Gateway(app.wsgi_app, Settings(), Metrics(), lambda: False)
    uvicorn.run(gateway, port=port, http=LimitedProtocol, lifespan="off", log_level="error")


def main(name: str, port: int) -> None:
    """Serve until the process is ended."""
    classifier = Classifier.load("cifar10", threads=1)
    if name == "one_by_one":
        run_simple("127.0.0.1", port, step5.create_app(classifier), threaded=False)
    elif name == "thread_each":
        run_simple("127.0.0.1", port, step5.create_app(classifier), threaded=True)
    elif name == "production":
        production(step5.create_app(classifier), port)
    else:
        production(step7.create_app(classifier), port)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
