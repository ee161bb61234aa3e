"""How often a client may ask: as many requests a second as the operator says, and bursts of twice as many.

This is the generic cell rate algorithm (ITU-T I.371). All that is kept of a client is when it would have arrived, had
its requests come evenly; one that is too far ahead of that is told to wait. The workers share one file of these times,
so a client has one limit, whichever worker answers.
"""

from __future__ import annotations

import ipaddress
import math
import mmap
import os
import re
import secrets
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from flask import Flask, Response, g, request
from werkzeug.exceptions import TooManyRequests

from .security import accepted_key, is_open
from .settings import Settings
from .state import current_state

try:
    import fcntl
except ImportError:  # Windows: there workers may overtake each other
    fcntl = None  # type: ignore[assignment]

FILE = "THUMBNET_RATE_FILE"
"""The variable that names the file which the workers share; without it each counts alone."""

SECRET_BYTES = 16
WITH_PORT = re.compile(r"(?P<v4>[\d.]+):\d+|\[(?P<v6>[^]]+)\](:\d+)?")
SLOT = struct.Struct("=8sd")  # who, and the theoretical arrival time in seconds of the system's monotonic clock
ROUNDING = 1e-6
SLOTS = 65_536
FILE_BYTES = SECRET_BYTES + SLOTS * SLOT.size
NEIGHBOURS = 8
"""A client may be in any of so many slots; where all are taken, the one who has asked least lately is forgotten."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a client is told.

    left    requests it may still make at once
    wait    seconds until it may ask again; 0 where this request is allowed
    reset   seconds until it may make its whole burst again
    """

    left: int
    wait: float
    reset: float


class RateLimiter:
    """Counts the requests of every client. Safe to use from several threads, and several processes with one file."""

    def __init__(self, rate: float, path: Path | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """
        rate    requests a second
        path    the file to share, made by whoever comes first, 1 MiB; memory of its own for None
        clock   seconds; all that share a file must share it, too
        """
        self.burst = max(1, math.floor(2 * rate))
        self._interval = 1 / rate
        self._clock = clock
        self._guard = threading.Lock()
        self._file = open_shared(path) if path else None  # open for as long as the process lives
        self._memory = mmap.mmap(-1 if self._file is None else self._file, FILE_BYTES)
        if self._file is None:
            self._memory[:SECRET_BYTES] = secrets.token_bytes(SECRET_BYTES)
        self._secret = self._memory[:SECRET_BYTES]

    @property
    def window(self) -> int:
        """Seconds after which a client that has used up its burst has all of it again."""
        return math.ceil(self.burst * self._interval)

    def take(self, client: bytes) -> Allowance:
        """Count a request of a client, unless it has to wait."""
        name = blake2b(client, digest_size=SLOT.size, key=self._secret).digest()
        with self._alone():
            now = self._clock()
            place, arrival = self._find(name[:8], int.from_bytes(name[8:], "big") % SLOTS)
            before = max(arrival - now, 0.0)
            after = before + self._interval
            room = self.burst * self._interval - after
            if room < -ROUNDING:
                return Allowance(0, -room, before)
            SLOT.pack_into(self._memory, place, name[:8], now + after)
        return Allowance(math.floor(room / self._interval + ROUNDING), 0.0, after)

    def _find(self, who: bytes, start: int) -> tuple[int, float]:
        """Where a client's slot is, or is to be, and its theoretical arrival time."""
        free, earliest = 0, math.inf
        for slot in range(start, start + NEIGHBOURS):
            place = SECRET_BYTES + slot % SLOTS * SLOT.size
            found, arrival = SLOT.unpack_from(self._memory, place)
            if found == who:
                return place, arrival
            if arrival < earliest:
                free, earliest = place, arrival
        return free, 0.0

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._guard, locked(self._file) if self._file is not None else nullcontext():
            yield


@contextmanager
def locked(file: int) -> Iterator[None]:
    """Keep other processes out; the system lets go where this one is killed."""
    if not fcntl:
        yield
        return
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def open_shared(path: Path) -> int:
    """The file that processes share. Its secret keeps callers from choosing addresses whose slots collide."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with locked(file):
        if os.fstat(file).st_size < FILE_BYTES:
            os.write(file, secrets.token_bytes(SECRET_BYTES))
            os.truncate(file, FILE_BYTES)
    return file


def register_rate_limit(app: Flask, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
    """Limit the requests of every client, where the settings say so. Register it before `register_security`.

    Then keys cannot be guessed any faster either: who has none that is accepted is limited by the address.
    """
    if not settings.rate_limit:
        return
    path = os.environ.get(FILE)
    limiter = RateLimiter(settings.rate_limit, Path(path) if path else None, clock)
    policy = f'"client";q={limiter.burst};w={limiter.window}'

    def check_allowance() -> None:
        if is_open():
            return
        g.allowance = allowance = limiter.take(current_client())
        if allowance.wait:
            current_state().metrics.rejected("rate_limit")
            seconds = math.ceil(allowance.wait)
            raise TooManyRequests(
                f"more than {settings.rate_limit:g} requests a second, or {limiter.burst} at once; at most that many "
                f"are allowed. Wait {seconds} s.",
                retry_after=seconds,
            )

    def say_what_is_left(response: Response) -> Response:
        if "allowance" in g:  # draft-ietf-httpapi-ratelimit-headers-10
            response.headers["RateLimit-Policy"] = policy
            response.headers["RateLimit"] = f'"client";r={g.allowance.left};t={math.ceil(g.allowance.reset)}'
        return response

    app.before_request(check_allowance)
    app.after_request(say_what_is_left)


def current_client() -> bytes:
    """Whose request this is: the hash of an accepted key, otherwise the address."""
    return accepted_key() or network(request.remote_addr or "").encode()


def network(address: str) -> str:
    """An IPv4 address itself; of IPv6 the first 64 bits, because everybody has that many addresses.

    Some proxies write the port of the connection behind it, as in 192.0.2.1:4711 or [2001:db8::1]:4711.
    """
    if found := WITH_PORT.fullmatch(address):
        address = found["v4"] or found["v6"]
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return parsed.packed[:8].hex()
