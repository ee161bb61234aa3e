"""So many callers, each of which asks, waits for the answer, and asks again.

.venv/bin/python docs/course/day5/load.py PORT CALLERS SECONDS
"""

from __future__ import annotations

import http.client
import sys
import threading
import time
from collections import Counter
from typing import Any

import numpy as np
from wire import CAT


# --8<-- [start:load]
def load(port: int, callers: int, seconds: float) -> dict[str, Any]:
    """Answers a second, their latency, and the statuses."""
    image = CAT.read_bytes()
    answers: list[tuple[int, float]] = []
    end = time.perf_counter() + seconds

    def call() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while (sent := time.perf_counter()) < end:
            connection.request("POST", "/v1/predict?top_k=1", image, {"Content-Type": "image/png"})
            with connection.getresponse() as answer:
                answer.read()
                answers.append((answer.status, time.perf_counter() - sent))
        connection.close()

    threads = [threading.Thread(target=call) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    good = [1000 * latency for status, latency in answers if status == 200]
    return {
        "per_second": round(len(good) / seconds, 1),
        "p50_ms": round(float(np.percentile(good, 50)), 1),
        "p99_ms": round(float(np.percentile(good, 99)), 1),
        "statuses": {str(status): count for status, count in sorted(Counter(s for s, _ in answers).items())},
    }


# --8<-- [end:load]

if __name__ == "__main__":
    print(load(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
