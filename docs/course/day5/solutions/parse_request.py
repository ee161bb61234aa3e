"""Exercise 1: read a request as a server does, from its bytes.

.venv/bin/python docs/course/day5/solutions/parse_request.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from wire import post


def parse_request(data: bytes) -> tuple[str, str, dict[str, str], bytes]:
    """Method, path, headers (names in lower case) and body. Raises ValueError where the body is cut off."""
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator:
        raise ValueError("no empty line: the headers are not complete")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    if len(body) < length:
        raise ValueError(f"{len(body)} of {length} bytes of the body are there")
    return method, path, headers, body[:length]


if __name__ == "__main__":
    print(parse_request(post("/v1/predict?top_k=2", b"hello", "text/plain")))
