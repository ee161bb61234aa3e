"""Start the real server, watch its health, stop it with SIGTERM, and see what callers get.

.venv/bin/python docs/course/day6/drain.py
"""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

DIGIT = Path(__file__).parents[3] / "demo" / "examples" / "digit-7.png"


# --8<-- [start:ask]
def ask(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and body, on a connection of its own; status 0 where nobody listens any more."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, {"Content-Type": "image/png"} if body else {})
        with connection.getresponse() as answer:
            return answer.status, answer.read()
    except ConnectionRefusedError:
        return 0, b""
    finally:
        connection.close()


# --8<-- [end:ask]


# --8<-- [start:watch]
def watch(predictions: int = 100) -> dict[str, Any]:
    """The life of a server: statuses over the seconds since SIGTERM, a page of metrics, and the log."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "thumbnet", "serve", "--weights", "mnist", "--port", str(port), "--workers", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)  # noqa: S603
    try:
        while ask(port, "GET", "/readyz")[0] != 200 and process.poll() is None:
            time.sleep(0.05)
        digit, latencies = DIGIT.read_bytes(), []
        for _ in range(predictions):
            sent = time.perf_counter()
            ask(port, "POST", "/v1/predict", digit)
            latencies.append(time.perf_counter() - sent)
        page = ask(port, "GET", "/metrics")[1].decode()
        seen: list[dict[str, Any]] = []
        told = time.perf_counter() + 0.5
        signalled = False
        while process.poll() is None:
            if not signalled and time.perf_counter() >= told:
                process.send_signal(signal.SIGTERM)
                told, signalled = time.perf_counter(), True
            moment = round(time.perf_counter() - told, 3)
            row = {path: ask(port, "GET", path)[0] for path in ("/livez", "/readyz")}
            seen.append({"seconds": moment, **row, "/v1/predict": ask(port, "POST", "/v1/predict", digit)[0]})
            time.sleep(0.05)
        ended = round(time.perf_counter() - told, 2)
    finally:
        process.kill()
        log = process.communicate()[1]
    return {
        "seen": seen,
        "exit_code": process.returncode,
        "ended": ended,
        "latencies": latencies,
        "page": page,
        "log": log,
    }


# --8<-- [end:watch]


def main() -> None:
    """Print what changed, and when."""
    found = watch()
    last: dict[str, int] = {}
    for row in found["seen"]:
        statuses = {name: status for name, status in row.items() if name != "seconds"}
        if statuses != last:
            print(f"{row['seconds']:6.2f} s  {statuses}")
            last = statuses
    print(f"exit code {found['exit_code']} after {found['ended']} s")


if __name__ == "__main__":
    main()
