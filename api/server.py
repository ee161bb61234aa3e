"""Starts the production server: uvicorn's workers behind one socket, with our limits, and a supervisor that drains.

uvicorn was chosen because its parser is strict, its workers are replaced, and it can be limited: see protocol.py and
gateway.py. granian answered more requests a second, but let through what is framed twice or breaks off.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import multiprocessing
import os
import shutil
import signal
import socket
import stat
import struct
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ctypes import c_bool
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from uvicorn import Config
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from thumbnet.model import InvalidArgument
from thumbnet.model.files import write_json
from thumbnet.model.weights import CONFIG, ONNX, find_weights, read_config, verified

from . import create_app, metrics, rate_limit
from .framing import Rejected, as_http, describe
from .gateway import Gateway
from .loading import check_names
from .logs import LOGGING
from .protocol import LimitedProtocol
from .security import check_origins
from .settings import Settings
from .sharing import Shares, SharingLoop
from .state import State

try:
    import fcntl
except ImportError:  # there is none for Windows
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

MOST_WORKERS = 4  # by default; each holds its own copy of the models
IDLE_SECONDS = 30  # between two requests of a connection
STOP_SECONDS = 3  # for requests that are under way, after the drain: more than protocol.ENOUGH_SECONDS
KILL_SECONDS = 3.0  # from the end of the drain; a worker that is still there hangs
HANG_SECONDS = 60.0  # a processor may be so slow, and busy
TURN_AWAY_SECONDS = 0.5  # for requests that come too late, and once more for what their clients still send
TURN_AWAY_THREADS = 64
HANDSHAKE_SECONDS = 0.1  # for clients that have begun to connect; one that is further away may be reset
SO_ATTACH_FILTER = 26  # asm-generic/socket.h
DROP_SYN = (
    (0x30, 0, 0, 13),  # load the byte of flags of the TCP header
    (0x45, 0, 1, 0x02),  # with SYN among them go on, otherwise pass over the next
    (0x06, 0, 0, 0),  # keep nothing of the packet
    (0x06, 0, 0, 0xFFFFFFFF),  # keep all of it
)
"""Instructions of a socket filter (linux/filter.h): code, how many to pass over if true and if not, value."""
MOST_AT_A_RESTART = 2
"""As many processes as workers: a new one begins before the old one ends."""
SWITCH_SECONDS = 0.0005
"""For which a busy event loop may keep the interpreter from a thread whose model is done; Python's own 5 ms cost a
seventh of the answers under overload."""
FOLDER = "thumbnet-"
LOCK = "held-by-the-server"
RATE_CLIENTS = "rates"
MALLOC = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "1048576"}
"""glibc would keep what large images took, once for each thread that has decoded one."""


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises WeightsNotFound, WeightsCorrupt, or InvalidArgument where the address, the keys or other settings cannot be
    used, before any worker starts; SystemExit where the workers cannot start.
    """
    check_origins(settings.cors_origins)
    address = usable_address(settings.host, settings.port)
    settings = share_processors(settings, available_processors())
    with temporary_folder() as shared:
        kept = keep(settings, shared)
        # The workers write their metrics and the clients' rates to files that all of them see.
        os.environ[metrics.DIRECTORY] = str(shared)
        os.environ[rate_limit.FILE] = str(shared / RATE_CLIENTS)
        for name, value in MALLOC.items():
            os.environ.setdefault(name, value)
        draining = multiprocessing.get_context("spawn").Value(c_bool, False, lock=False)
        shares = Shares(MOST_AT_A_RESTART * (settings.workers or 1))
        config = Config(
            partial(build_gateway, kept, draining, shares),
            factory=True,
            loop=partial(SharingLoop, shares),  # type: ignore[arg-type]  # it takes what it could import
            host=address,
            port=settings.port,
            workers=settings.workers,
            http=LimitedProtocol,
            ws="none",
            lifespan="off",
            log_config=LOGGING,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        listener = config.bind_socket()
        announce(settings, keys=len(kept.api_keys))
        try:
            supervisor = Supervisor(config, [listener], draining, settings.drain)
            supervisor.run()
        finally:
            listener.close()
    if supervisor.failed:
        raise SystemExit(STARTUP_FAILURE)


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that lives as long as the server; those of servers that were killed are removed.

    Raises InvalidArgument where nothing can be written.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER}*"):
        if is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)
    try:
        temporary = tempfile.TemporaryDirectory(prefix=FOLDER)
    except OSError as error:
        raise no_place(error) from error
    with temporary as name, contextlib.ExitStack() as held:
        folder = Path(name)
        if fcntl:
            try:
                lock = held.enter_context((folder / f".{LOCK}").open("w"))
                fcntl.flock(lock, fcntl.LOCK_EX)
                (folder / f".{LOCK}").rename(folder / LOCK)  # under this name it has always been held
            except OSError as error:
                raise no_place(error) from error
        yield folder


def is_abandoned(folder: Path) -> bool:
    """Whether it is one of ours, and the server that it belongs to is no more."""
    if not fcntl:
        return False
    try:
        found = folder.lstat()
        if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):
            return False
        with open(folder / LOCK, opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except OSError:  # none of ours, or held
        return False


def no_place(error: OSError) -> InvalidArgument:
    """What to do where temporary files cannot be written."""
    return InvalidArgument(f"no place for temporary files: {error}. Set TMPDIR to a folder for them.")


class Supervisor(Multiprocess):
    """Keeps the workers running. After SIGTERM /readyz says 503 for `drain` seconds, then the workers finish."""

    def __init__(self, config: Config, sockets: list[socket.socket], draining: Any, drain: float) -> None:
        hang_up = signal.getsignal(signal.SIGHUP) if hasattr(signal, "SIGHUP") else None
        super().__init__(config, sockets)
        if hang_up is signal.SIG_IGN:  # started by nohup
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._draining = draining
        self._drain = drain
        self._asked: WeakKeyDictionary[Process, float] = WeakKeyDictionary()  # since when an answer is awaited
        self.failed = False

    def keep_subprocess_alive(self) -> None:
        """Replace workers that have ended, or answer no more; nobody once the server stops."""
        if self._draining.value and not any(worker.process.is_alive() for worker in self.processes):
            self.should_exit.set()  # all were told to end, and nobody is left to drain
        if self._draining.value or self.should_exit.is_set():
            return
        for place, worker in enumerate(self.processes):
            ended = not worker.process.is_alive()
            if not ended and not self._hangs(worker):
                continue
            what = "has ended by itself" if ended else f"has not answered for {HANG_SECONDS:g} s"
            worker.kill()
            worker.join()
            if worker.exitcode == STARTUP_FAILURE:
                logger.error("worker %s cannot start", worker.pid)
                self.failed = True
                self.should_exit.set()
                return
            logger.warning("worker %s %s; another takes its place", worker.pid, what)
            self.processes[place] = Process(self.config, self.sockets)
            self.processes[place].start()

    def _hangs(self, worker: Process) -> bool:
        """Whether it has not answered for long. uvicorn would wait for each, for 5 s, which a slow start may take."""
        try:
            if worker not in self._asked:
                worker.parent_conn.send(b"ping")
                self._asked[worker] = time.monotonic()
            elif worker.parent_conn.poll():
                worker.parent_conn.recv()
                del self._asked[worker]
            else:
                return time.monotonic() - self._asked[worker] > HANG_SECONDS
        except (OSError, EOFError):  # it is about to end
            pass
        return False

    def join_all(self) -> None:
        """Wait until the workers have finished, and meanwhile answer for them who connects now."""
        until = time.monotonic() + KILL_SECONDS
        with ThreadPoolExecutor(len(self.sockets)) as pool:
            pool.map(turn_away, self.sockets)
            for worker in self.processes:
                worker.process.join(max(0.0, until - time.monotonic()))
                if worker.process.is_alive():
                    logger.error("worker %s does not end; it is killed", worker.pid)
                    worker.process.kill()
                    worker.process.join()

    def handle_hup(self) -> None:
        """The terminal is gone: end as after SIGTERM."""
        self.handle_term()

    def handle_ttin(self) -> None:
        """No more workers than there are settings for."""

    def handle_ttou(self) -> None:
        """Nor fewer."""

    def handle_term(self) -> None:
        """Begin to drain; a second one ends it."""
        if self._draining.value:
            self.should_exit.set()
            return
        self._draining.value = True
        logger.info("SIGTERM: not ready from now on, stopping in %g s", self._drain)
        timer = threading.Timer(self._drain, self.should_exit.set)
        timer.daemon = True
        timer.start()


def turn_away(listener: socket.socket) -> None:
    """Tell whoever has connected after the workers stopped to come again; without a word they would be cut off."""
    status, headers, body = describe(Rejected(503, "this server is stopping; come again."), [])
    answer = as_http((status, [*headers, ("connection", "close")], body))

    until = time.monotonic() + TURN_AWAY_SECONDS
    end = until + HANDSHAKE_SECONDS + TURN_AWAY_SECONDS

    def seconds_left() -> float:
        return max(0.01, end - time.monotonic())

    def tell(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(seconds_left())
            connection.recv(65_536)
            connection.sendall(answer)
            connection.shutdown(socket.SHUT_WR)
            while time.monotonic() < end and connection.recv(65_536):  # closed with bytes unread, it would be reset
                connection.settimeout(seconds_left())

    ignoring = False
    listener.setblocking(False)
    with ThreadPoolExecutor(TURN_AWAY_THREADS) as pool:
        while time.monotonic() < end:
            if time.monotonic() > until and not ignoring:
                ignore_newcomers(listener)
                until, ignoring = until + HANDSHAKE_SECONDS, True
            try:
                pool.submit(tell, listener.accept()[0])
            except BlockingIOError:
                if time.monotonic() > until and ignoring:
                    break
                time.sleep(0.01)
            except OSError:  # it stops before a worker has come so far as to listen
                break
        listener.close()


def ignore_newcomers(listener: socket.socket) -> None:
    """Let nobody else begin to connect, where this is Linux: closed without that, it would reset who has just done so.

    Who is ignored tries again after a second, as if the packet had been lost, and is refused then.
    """
    if not sys.platform.startswith("linux"):
        return
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *instruction) for instruction in DROP_SYN))
    described = struct.pack("@HP", len(DROP_SYN), ctypes.addressof(program))
    with contextlib.suppress(OSError):  # a sandbox may know no filters
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, described)


def build_gateway(settings: Settings, draining: Any, shares: Shares) -> Gateway:
    """What a worker serves."""
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)  # whoever ends the group, such as timeout(1) or a shell, means the supervisor: it drains
    stop_with_parent()
    sys.setswitchinterval(SWITCH_SECONDS)
    warnings.filterwarnings("ignore", module="PIL")  # callers could fill the log with them
    try:
        import_what_needs_files()
        app = create_app(settings)
    except Exception as error:
        logger.exception("this worker cannot begin")  # uvicorn would print it, in lines that are no JSON
        raise SystemExit(1) from error
    state: State = app.extensions["thumbnet"]
    state.draining = is_draining = lambda: bool(draining.value)
    shares.begin(state.models.loaded)
    return Gateway(app.wsgi_app, settings, state.metrics, is_draining, state.models.loaded, shares.disconnected)


def import_what_needs_files() -> None:
    """Import what would be imported by a request, and fail where too many files are open."""
    import encodings.idna  # noqa: F401

    import prometheus_client.multiprocess  # noqa: F401


def stop_with_parent() -> None:
    """Stop this worker when the supervisor is gone, however it went: nothing else would ever stop it."""
    if (parent := multiprocessing.parent_process()) is not None:

        def watch() -> None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=watch, name="watch-supervisor", daemon=True).start()


def announce(settings: Settings, *, keys: int) -> None:
    """Log the address, and who may ask: with how many keys, or everybody."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    models, size = ", ".join(settings.weights), f"{settings.workers} workers × {settings.threads} threads"
    logger.info(f"{models} on http://{host}:{settings.port} ({size}, {keys or 'no'} API keys)")


def share_processors(settings: Settings, processors: int) -> Settings:
    """Settings with the workers and threads that were not given, of which there are no more than processors."""
    workers = settings.workers or max(1, min(MOST_WORKERS, processors // (settings.threads or 1)))
    return replace(settings, workers=workers, threads=settings.threads or max(1, processors // workers))


def available_processors(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Processors that this process may use: its affinity, and the container's quota."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")]  # of cgroup v2, and v1
    for files in quotas:
        with contextlib.suppress(OSError, ValueError):  # no such file, or no quota: "max"
            quota, period = map(int, " ".join((cgroup / file).read_text() for file in files).split())
            if quota > 0:  # v1 has -1 for none
                return max(1, min(processors, quota // period))
    return processors


def keep(settings: Settings, folder: Path) -> Settings:
    """Settings whose keys and weights are those of this moment, the latter copied into the folder.

    A worker that takes the place of another hours later must serve the same, whatever has become of their files. Raises
    WeightsNotFound, WeightsCorrupt, or InvalidArgument where keys cannot be read, two models have one name, or the
    folder has no room.
    """
    keys = settings.accepted_keys()
    sources = [find_weights(weights) for weights in settings.weights]
    configs = [read_config(source) for source in sources]
    check_names([config.name for config in configs])
    copies = [folder / f"weights-{number}" for number in range(len(sources))]
    for source, config, copy in zip(sources, configs, copies, strict=True):
        network = verified(source, config, ONNX)
        try:
            copy.mkdir()
            write_json(copy / CONFIG, config.to_dict())
            shutil.copyfile(network, copy / ONNX)
        except OSError as error:
            raise no_place(error) from error
    return replace(settings, weights=tuple(map(str, copies)), api_keys=keys, api_keys_file="")


def usable_address(host: str, port: int) -> str:
    """The IP address of a host on which the port is free. Raises InvalidArgument where there is none.

    uvicorn would end the process without a word that helps.
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
