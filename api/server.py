"""Starts the production WSGI server: granian, with workers and threads that fit the processors."""

from __future__ import annotations

import logging
import os
import socket
from dataclasses import replace
from functools import partial
from pathlib import Path

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from thumbnet.model import InvalidArgument
from thumbnet.model.weights import ONNX, find_weights, read_config, verified

from . import create_app
from .settings import Settings

logger = logging.getLogger(__name__)

MOST_WORKERS = 4  # by default; each holds its own copy of the model
REQUESTS_AT_ONCE = 32  # per worker: more than it computes, because a thread also waits for its client to send
HEADER_SECONDS = 10
STOP_SECONDS = 8  # less than the 10 s after which Docker kills

LOGGING = {
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
    "loggers": {
        "_granian": {"handlers": ["stderr"], "propagate": False},
        "thumbnet": {"handlers": ["stderr"], "propagate": False, "level": "INFO"},
    },
}


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises WeightsNotFound, WeightsCorrupt, or InvalidArgument where the address cannot be used, before any worker
    starts; SystemExit where the workers keep failing.
    """
    check_weights(settings.weights)
    address = usable_address(settings.host, settings.port)
    settings = share_processors(settings, available_processors())
    server = Granian(
        "thumbnet",
        address=address,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=settings.workers or 1,
        blocking_threads=REQUESTS_AT_ONCE,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=1000 * HEADER_SECONDS),
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
        log_level=LogLevels.error,
        log_dictconfig=LOGGING,
    )
    server.on_startup(partial(announce, settings))
    server.serve(target_loader=partial(create_app, settings), wrap_loader=False)


def announce(settings: Settings) -> None:
    """Log the address."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    logger.info(
        f"{settings.weights} on http://{host}:{settings.port} ({settings.workers} workers × {settings.threads} threads)"
    )


def share_processors(settings: Settings, processors: int) -> Settings:
    """Settings with workers and threads filled in, so that workers × threads ≤ processors."""
    workers = settings.workers or max(1, min(MOST_WORKERS, processors // (settings.threads or 1)))
    return replace(settings, workers=workers, threads=settings.threads or max(1, processors // workers))


def available_processors(cpu_max: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Processors that this process may use: its affinity, and the container's quota."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = cpu_max.read_text().split()
        return max(1, min(processors, int(quota) // int(period)))
    except (OSError, ValueError):  # no such file, or the quota is "max"
        return processors


def check_weights(weights: str) -> None:
    """Raise WeightsNotFound or WeightsCorrupt here rather than in every worker; downloads from the Hub only once."""
    folder = find_weights(weights)
    verified(folder, read_config(folder), ONNX)


def usable_address(host: str, port: int) -> str:
    """The IP address of a host on which the port is free. Raises InvalidArgument where there is none.

    granian looks up no names, and shares its ports (SO_REUSEPORT), so it would not notice another server there.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
        return str(address[0])
    except (OSError, UnicodeError) as error:
        raise InvalidArgument(
            f"cannot listen on {host}, port {port}: {error}. Choose another port, or stop what uses it."
        ) from error
