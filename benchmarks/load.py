"""Puts a server under load from this process.

closed_loop   so many clients, each sends its next request when the last one is answered: how much can the server do?
open_loop     requests arrive at a rate, whether or not the server keeps up (Poisson), and their latency counts from the
              moment they were due: what do callers see who do not wait for one another? In a closed loop a stalled
              server is asked less and looks better than it is ("coordinated omission").
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from client import NO_ANSWER, Client, run

MOST_CONNECTIONS = 512
PATIENCE_SECONDS = 30.0
"""How long the last requests are waited for."""


class Answer(NamedTuple):
    """When a request was due, sent and answered, in seconds, and the status of the answer or NO_ANSWER."""

    due: float
    sent: float
    ended: float
    status: str


def closed_loop(
    port: int, requests: Sequence[bytes], clients: int, seconds: float, *, warm_up: float = 0.0
) -> dict[str, Any]:
    """So many clients, each with one connection, take turns with the requests. See describe."""
    answers: list[Answer] = []

    async def work(client: Client, turn: int, end: float) -> None:
        while (sent := time.perf_counter()) < end:
            status = await client.ask(requests[turn % len(requests)])
            answers.append(Answer(sent, sent, time.perf_counter(), status))
            turn += 1
            if status == NO_ANSWER:
                await asyncio.sleep(0.01)  # do not storm a server that is gone

    async def load() -> dict[str, Any]:
        start = time.perf_counter() + warm_up
        crowd = [Client(port) for _ in range(clients)]
        tasks = {asyncio.create_task(work(client, turn, start + seconds)) for turn, client in enumerate(crowd)}
        used = await processor_time(start, start + seconds)
        unanswered = await settle(tasks, crowd)
        return describe(answers, start, start + seconds) | {"client_cores": used, "unanswered": unanswered}

    return run(load)


def open_loop(
    port: int, requests: Sequence[bytes], rate: float, seconds: float, *, warm_up: float = 0.0, seed: int = 0
) -> dict[str, Any]:
    """Requests at a mean rate a second, over as many connections as it takes up to MOST_CONNECTIONS. See describe."""
    answers: list[Answer] = []
    generator = np.random.default_rng(seed)
    gaps = generator.exponential(1 / rate, int(rate * (warm_up + seconds) * 1.2) + 100)
    moments = np.cumsum(gaps)
    arrivals = moments[moments < warm_up + seconds].tolist()

    async def load() -> dict[str, Any]:
        first = time.perf_counter()
        start, end = first + warm_up, first + warm_up + seconds
        places = asyncio.Semaphore(MOST_CONNECTIONS)
        crowd: list[Client] = []
        idle: list[Client] = []

        async def send(due: float, request: bytes) -> None:
            async with places:
                if not idle:
                    idle.append(Client(port))
                    crowd.append(idle[-1])
                client = idle.pop()
                sent = time.perf_counter()
                status = await client.ask(request)
                answers.append(Answer(min(due, sent), sent, time.perf_counter(), status))
                idle.append(client)

        async def arrive() -> int:
            tasks: set[asyncio.Task[None]] = set()
            for number, moment in enumerate(arrivals):
                wait = first + moment - time.perf_counter()
                if wait > 0 or number % 8 == 0:  # let answers in, also where it is late
                    await asyncio.sleep(max(0.0, wait))
                task = asyncio.create_task(send(first + moment, requests[number % len(requests)]))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            return await settle(tasks, crowd)

        arriving = asyncio.create_task(arrive())
        used = await processor_time(start, end)
        unanswered = await arriving
        due = sum(start <= first + moment < end for moment in arrivals)
        offered = {"offered_per_second": round(due / seconds, 1), "late_p99_ms": lateness(answers, start, end)}
        return describe(answers, start, end) | offered | {"client_cores": used, "unanswered": unanswered}

    return run(load, precise=rate < 2000)


def describe(answers: Sequence[Answer], start: float, end: float) -> dict[str, Any]:
    """What happened from start to end.

    per_second   answers 200 that came in this time
    p50_ms …     latency of the answers 200 to requests that were due in this time
    rejected_…   the same of answers 503
    statuses     of requests that were due in this time
    """
    due = [answer for answer in answers if start <= answer.due < end]
    good = [1000 * (answer.ended - answer.due) for answer in due if answer.status == "200"]
    rejected = [1000 * (answer.ended - answer.due) for answer in due if answer.status.startswith("503")]
    done = sum(answer.status == "200" and start <= answer.ended < end for answer in answers)
    return {
        "per_second": round(done / (end - start), 1),
        "p50_ms": percentile(good, 50),
        "p99_ms": percentile(good, 99),
        "rejected_p99_ms": percentile(rejected, 99),
        "statuses": dict(sorted(Counter(answer.status for answer in due).items())),
    }


def lateness(answers: Sequence[Answer], start: float, end: float) -> float | None:
    """How late requests left this process, in milliseconds, 99 of 100: what it adds to their latencies by itself."""
    return percentile([1000 * (a.sent - a.due) for a in answers if start <= a.due < end], 99)


def percentile(values: Sequence[float], percent: float) -> float | None:
    """A percentile, to microseconds; None where there are no values."""
    return round(float(np.percentile(values, percent)), 3) if values else None


async def processor_time(start: float, end: float) -> float:
    """Wait until the end → processors that this process used from start to end."""
    await asyncio.sleep(max(0.0, start - time.perf_counter()))
    before = time.process_time()
    await asyncio.sleep(max(0.0, end - time.perf_counter()))
    return round((time.process_time() - before) / (end - start), 3)


async def settle(tasks: set[asyncio.Task[None]], crowd: Sequence[Client]) -> int:
    """Wait for the last answers, close everything → how many requests nobody answered in PATIENCE_SECONDS."""
    pending = (await asyncio.wait(set(tasks), timeout=PATIENCE_SECONDS))[1] if tasks else set()
    for task in pending:
        task.cancel()
    for client in crowd:
        client.close()
    await asyncio.gather(*pending, return_exceptions=True)
    await asyncio.sleep(0.05)  # for the transports to close
    return len(pending)
