"""Workers that listen on one socket share its connections."""

from __future__ import annotations

import asyncio
import copy
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import pytest

from thumbnet.api import sharing
from thumbnet.api.sharing import Shares, SharingLoop

Result = TypeVar("Result")
Connect = Callable[[], Awaitable[tuple[bytes, asyncio.StreamWriter]]]
"""Connects → who has accepted that, and the connection."""


class Connection(asyncio.Protocol):
    """Says who has accepted it, and remembers whose it was when it ends."""

    def __init__(self, name: bytes, shares: Shares) -> None:
        self.name, self.shares = name, shares

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        transport.write(self.name)

    def connection_lost(self, exc: Exception | None) -> None:
        self.shares.disconnected()


def run(exchange: Callable[[SharingLoop], Coroutine[Any, Any, Result]]) -> Result:
    """In the loop that the server uses."""
    with asyncio.Runner(loop_factory=lambda: SharingLoop(Shares(1))) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, SharingLoop)
        return runner.run(exchange(loop))


def workers(count: int, ready: Callable[[], bool] = lambda: True) -> list[Shares]:
    """The shares of workers that all live in this process."""
    shared = Shares(count)
    shares = [copy.copy(shared) for _ in range(count)]
    for each in shares:
        each.begin(ready)
    return shares


def pretend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every worker pass for a process of its own."""
    numbers = iter(range(1, 1000))
    monkeypatch.setattr(sharing, "getpid", lambda: next(numbers))
    monkeypatch.setattr(sharing, "is_alive", lambda process: process > 0)


@asynccontextmanager
async def listening(loop: SharingLoop, shares: list[Shares]) -> AsyncIterator[Connect]:
    """Workers "0", "1", … at one socket: `async with listening(loop, workers(2)) as connect`, closed at the end."""
    first = socket.create_server(("127.0.0.1", 0))
    sockets = [first, *(first.dup() for _ in shares[1:])]
    servers, writers = [], []

    async def connect() -> tuple[bytes, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*first.getsockname())
        writers.append(writer)
        return await asyncio.wait_for(reader.readexactly(1), 10), writer

    for number, (each, sock) in enumerate(zip(shares, sockets, strict=True)):
        loop._shares = each
        made = partial(Connection, str(number).encode(), each)
        servers.append(await loop.create_server(made, sock=sock, backlog=100))
    try:
        yield connect
    finally:
        for writer in writers:
            writer.close()
        for server, sock in zip(servers, sockets, strict=True):
            server.close()
            await server.wait_closed()
            sock.close()


@pytest.mark.parametrize(("count", "clients"), [(2, 2), (2, 9), (3, 3), (4, 40)])
def test_clients_that_stay_are_spread_over_the_workers(
    count: int, clients: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch)

    async def exchange(loop: SharingLoop) -> list[bytes]:
        async with listening(loop, workers(count)) as connect:
            return [(await connect())[0] for _ in range(clients)]

    names = run(exchange)
    shares = [names.count(str(number).encode()) for number in range(count)]
    assert sum(shares) == clients
    assert max(shares) - min(shares) <= 1 + clients // count // sharing.SLACK


def test_whoever_has_lost_its_clients_gets_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)

    async def exchange(loop: SharingLoop) -> list[bytes]:
        shares = workers(2)
        async with listening(loop, shares) as connect:
            for name, writer in [await connect() for _ in range(4)]:
                if name == b"1":
                    writer.close()
            while shares[1]._own:
                await asyncio.sleep(0.001)
            return [(await connect())[0] for _ in range(2)]

    assert run(exchange) == [b"1", b"1"]


def test_a_worker_that_does_not_come_is_waited_for_in_vain_but_shortly(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)

    async def exchange(loop: SharingLoop) -> list[bytes]:
        shares = workers(2)
        assert shares[1].join()  # but it does not listen
        async with listening(loop, shares[:1]) as connect:
            return [(await connect())[0] for _ in range(20)]

    assert run(exchange) == [b"0"] * 20


def test_a_worker_that_still_loads_leaves_connections_to_those_that_can_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pretend(monkeypatch)
    loaded = False
    ready, loading = workers(2, lambda: True)
    loading.begin(lambda: loaded)
    assert not loading.join()
    assert not loading.is_ahead()  # nobody else is there
    assert ready.join()
    for _ in range(3):
        ready.connected()
        assert not ready.is_ahead(), "whoever loads is not waited for"
        assert loading.is_ahead()
    loaded = True
    assert loading.join()
    assert not loading.is_ahead()
    assert ready.is_ahead()
    loading.leave()
    assert not ready.is_ahead(), "whoever has left is not waited for"


def test_a_worker_is_seen_as_soon_as_it_is_ready_and_until_it_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)

    async def exchange(loop: SharingLoop) -> tuple[list[int], list[int], list[int]]:
        loaded = False
        (shares,) = workers(1, lambda: loaded)
        async with listening(loop, [shares]):
            before = list(shares._processes)
            loaded = True
            while not any(shares._processes):
                await asyncio.sleep(0.001)
            ready = list(shares._processes)
        return before, ready, list(shares._processes)

    before, ready, after = run(exchange)
    assert (before, after) == ([0], [0])
    assert ready != [0]


def test_a_place_is_that_of_a_process_as_long_as_it_lives() -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    shares = Shares(2)
    other = copy.copy(shares)
    shares._processes[0], shares._connections[0] = int(ended.stdout), 0
    shares._processes[1], shares._connections[1] = os.getppid(), 3
    assert shares.join()  # in the place of the one that is no more
    assert list(shares._processes) == [os.getpid(), os.getppid()]
    for _ in range(4):
        shares.connected()
    assert list(shares._connections) == [4, 3]
    assert shares.is_ahead()
    assert other.join()
    other._own = 5
    assert other.is_ahead(), "without a place it sees the others"
    assert list(shares._connections) == [4, 3]


def test_who_was_killed_while_it_joined_keeps_nobody_waiting() -> None:
    shares = Shares(1)
    shares._joining.acquire()
    assert shares.join()
    assert list(shares._processes) == [os.getpid()]


def test_too_many_open_files_are_logged_and_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sharing, "RETRY_SECONDS", 0.05)

    class Full(socket.socket):
        """Has no descriptor left for the first connection."""

        refused = 0

        def accept(self) -> Any:
            if not self.refused:
                self.refused += 1
                raise OSError(24, "Too many open files")
            return super().accept()

    async def exchange(loop: SharingLoop) -> bytes:
        with Full() as sock:
            sock.bind(("127.0.0.1", 0))
            shares = Shares(1)
            loop._shares = shares
            server = await loop.create_server(lambda: Connection(b"0", shares), sock=sock, backlog=1)
            reader, writer = await asyncio.open_connection(*sock.getsockname())
            name = await asyncio.wait_for(reader.readexactly(1), 10)
            writer.close()
            server.close()
            return name

    assert run(exchange) == b"0"
    assert "Too many open files" in caplog.text


def test_a_process_asks_for_as_many_files_as_it_can_get() -> None:
    code = "import resource as r; from thumbnet.api.sharing import most_files; "
    code += "r.setrlimit(r.RLIMIT_NOFILE, ({0}, {1})); print(most_files(), *r.getrlimit(r.RLIMIT_NOFILE))"
    for soft, hard in ((64, 100), (100, 100)):
        done = subprocess.run([sys.executable, "-c", code.format(soft, hard)], capture_output=True, check=True)
        assert done.stdout.split() == [b"100"] * 3


def test_the_last_files_are_not_given_to_connections(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sharing, "most_files", lambda: 0)

    async def exchange(loop: SharingLoop) -> int:
        shares = Shares(1)
        async with listening(loop, [shares]) as connect:
            with pytest.raises(asyncio.IncompleteReadError):
                await connect()
            return shares._own

    assert run(exchange) == 0
    assert "may open are open" in caplog.text


def test_who_hangs_up_at_once_is_counted_out_again() -> None:
    async def exchange(loop: SharingLoop) -> int:
        shares = Shares(1)
        loop._shares = shares

        async def gone(*_: Any) -> None:
            raise ConnectionResetError

        loop.connect_accepted_socket = gone
        with socket.create_server(("127.0.0.1", 0)) as sock:
            server = await loop.create_server(lambda: Connection(b"0", shares), sock=sock, backlog=10)
            reader, writer = await asyncio.open_connection(*sock.getsockname())
            assert await asyncio.wait_for(reader.read(), 10) == b""
            writer.close()
            server.close()
        return shares._own

    assert run(exchange) == 0


def test_a_server_without_a_shared_socket_is_as_ever() -> None:
    async def exchange(loop: SharingLoop) -> bytes:
        server = await loop.create_server(lambda: Connection(b"x", Shares(1)), "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            name = await asyncio.wait_for(reader.readexactly(1), 10)
            writer.close()
            return name

    assert run(exchange) == b"x"
