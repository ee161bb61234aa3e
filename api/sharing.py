"""Connections, in equal shares for the workers.

All workers listen on one socket, so that no connection is lost with a worker that dies. But a connection then goes to
whoever is first to ask for it: of two clients that keep theirs open, both were often with the same worker, and the
other one had nothing to do. So a worker with more connections than another leaves the next one to that, for a moment.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import multiprocessing
import socket
import sys
from collections.abc import Callable, Iterator
from os import getpid
from typing import Any

from .metrics import is_alive

try:
    from uvloop import Loop
except ImportError:  # there is none for Windows
    from asyncio import SelectorEventLoop as Loop  # type: ignore[assignment]

try:
    import resource
except ImportError:  # there is none for Windows
    resource = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.001
"""How long a connection is left to another worker before a second look; the event loop keeps no shorter times."""
MOST_LOOKS = 5
"""Then it is accepted anyway: the other one may be busy."""
SLACK = 4
"""Of so many connections one more or less is no difference: otherwise workers would wait for each other in turn."""
ENOUGH_FILES = 65_536
"""Each connection is one; systems often allow a thousand unless they are asked."""
SPARE_FILES = 24
"""Never opened by connections: those that are there need files for their answers."""
RETRY_SECONDS = 1.0
"""After which connections are accepted again where one could not be, as for too many open files."""
JOIN_SECONDS = 0.05
"""How often a process looks whether it is ready, and how long it waits for another that joins, or was killed then."""


class Shares:
    """How many connections each worker has, in memory that all of them see."""

    def __init__(self, workers: int) -> None:
        """
        workers   so many see each other; any more only see these
        """
        context = multiprocessing.get_context("spawn")
        self._joining = context.Lock()
        self._processes = context.Array("i", workers, lock=False)
        self._connections = context.Array("i", workers, lock=False)
        self._place: int | None = None
        self._own = 0
        self._ready: Callable[[], bool] | None = None

    def begin(self, ready: Callable[[], bool]) -> None:
        """This process takes part; while it is not ready, connections are better off with others."""
        self._ready = ready

    def connected(self) -> None:
        """This process has one more."""
        self._count(1)

    def disconnected(self) -> None:
        """This process has one less."""
        self._count(-1)

    def _count(self, change: int) -> None:
        self._own += change
        if self._place is not None:
            self._connections[self._place] = self._own

    def join(self) -> bool:
        """Be seen by the others from now on, where there is a place. False where this process is not ready for that."""
        if not self._is_ready():
            return False
        alone = self._joining.acquire(timeout=JOIN_SECONDS)
        try:
            free = (place for place, process in enumerate(self._processes) if not is_running(process))
            if (place := next(free, None)) is not None:
                self._processes[place], self._connections[place] = getpid(), self._own
                self._place = place
        finally:
            if alone:
                self._joining.release()
        return True

    def leave(self) -> None:
        """Be seen no longer."""
        if self._place is not None:
            self._processes[self._place] = 0
            self._place = None

    def is_ahead(self) -> bool:
        """Whether another worker should have the next connection."""
        if not self._is_ready():
            return any(True for _ in self._others())
        return any(self._own > connections + connections // SLACK for connections in self._others())

    def _is_ready(self) -> bool:
        return self._ready is None or self._ready()

    def _others(self) -> Iterator[int]:
        """The connections of each other worker that is ready."""
        for place, process in enumerate(self._processes):
            if place != self._place and is_running(process):
                yield self._connections[place]


def most_files() -> int:
    """How many files this process may open, once it has asked for ENOUGH_FILES, or as many as it can get."""
    if not resource:
        return sys.maxsize
    now, most = (
        sys.maxsize if limit == resource.RLIM_INFINITY else limit
        for limit in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    wanted = min(most, ENOUGH_FILES)
    if now >= wanted:
        return now
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    except (OSError, ValueError):  # a system may allow less than it says
        return now
    return wanted


def is_running(process: int) -> bool:
    """Whether a place is taken, by a process that lives."""
    return process != 0 and is_alive(process)


class SharingLoop(Loop):
    """An event loop that accepts connections in equal shares with those of other processes, at sockets of theirs."""

    def __init__(self, shares: Shares) -> None:
        super().__init__()
        self._shares = shares

    async def create_server(self, protocol_factory: Any, *address: Any, sock: Any = None, **options: Any) -> Any:
        """See asyncio. A socket is shared; where it is one's own, the server is uvloop's."""
        if sock is None:
            return await super().create_server(protocol_factory, *address, **options)
        return Listener(self, sock, protocol_factory, self._shares, options["backlog"])


class Listener:
    """Accepts connections at a socket of several processes."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        protocol_factory: Callable[[], asyncio.Protocol],
        shares: Shares,
        backlog: int,
    ) -> None:
        self._loop, self._socket, self._protocol_factory, self._shares = loop, sock, protocol_factory, shares
        self._tasks: set[asyncio.Task[Any]] = set()
        self._most_files = most_files()
        self._pause: asyncio.TimerHandle | None = None
        self._joining: asyncio.TimerHandle | None = None
        sock.setblocking(False)
        sock.listen(backlog)
        self._listen()
        self._join()

    def _join(self) -> None:
        if not self._shares.join():
            self._joining = self._loop.call_later(JOIN_SECONDS, self._join)

    def _listen(self) -> None:
        self._pause = None
        self._loop.add_reader(self._socket, self._connection_waits)

    def _connection_waits(self) -> None:
        if self._shares.is_ahead():
            self._loop.remove_reader(self._socket)
            self._look_later(MOST_LOOKS)
        else:
            self._accept()

    def _look_later(self, looks: int) -> None:
        self._pause = self._loop.call_later(LOOK_SECONDS, self._look, looks - 1)

    def _look(self, looks: int) -> None:
        if looks and self._shares.is_ahead():
            self._look_later(looks)
        else:
            self._listen()
            self._accept()

    def _accept(self) -> None:
        try:
            connection, _ = self._socket.accept()
            if connection.fileno() >= self._most_files - SPARE_FILES:
                connection.close()
                raise OSError(errno.EMFILE, "nearly all of the files that this process may open are open")
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):  # another was faster, or it has hung up
            return
        except OSError as error:
            logger.error("no connections for %g s: %s", RETRY_SECONDS, error)
            self._loop.remove_reader(self._socket)
            self._pause = self._loop.call_later(RETRY_SECONDS, self._listen)
            return
        self._shares.connected()  # before the next one is looked at
        task = self._loop.create_task(self._connect(connection))
        self._tasks.add(task)  # the loop would forget it
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, connection: socket.socket) -> None:
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(self._protocol_factory, connection)
        except OSError:  # it has hung up meanwhile
            connection.close()
            self._shares.disconnected()

    def close(self) -> None:
        """Accept no more. The socket stays open."""
        self._loop.remove_reader(self._socket)
        for timer in (self._pause, self._joining):
            if timer:
                timer.cancel()
        self._shares.leave()

    async def wait_closed(self) -> None:
        """Nothing is left to wait for."""
