"""A caller in Python, without any package.

.venv/bin/python docs/course/day5/client.py http://127.0.0.1:8200 demo/examples/cat.png
"""

from __future__ import annotations

# --8<-- [start:client]
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path


def classify(url: str, image: bytes) -> str:
    """The label of an image, or what is wrong with it."""
    request = urllib.request.Request(f"{url}/v1/predict", image, {"Content-Type": "image/png"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["predictions"][0]["label"]
    except urllib.error.HTTPError as error:
        return json.load(error)["detail"]


# --8<-- [end:client]

if __name__ == "__main__":
    print(classify(sys.argv[1], Path(sys.argv[2]).read_bytes()))
