"""Damage requests at random and see that the application never fails.

.venv/bin/python docs/course/day5/fuzz.py
"""

from __future__ import annotations

import random
from collections import Counter

from flask import Flask
from step5 import create_app
from wire import CAT

from thumbnet import Classifier

KINDS = ("image/png", "application/json", "multipart/form-data; boundary=a", "text/plain", "", "äöü/;=")


# --8<-- [start:fuzz]
def damage(data: bytes, chance: random.Random) -> bytes:
    """Change some bytes, and perhaps cut the rest off."""
    spoilt = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
    return bytes(spoilt[: chance.choice([0, 1, 50, len(spoilt), len(spoilt)])])


def fuzz(app: Flask, count: int, seed: int = 0) -> Counter[int]:
    """Status → how many damaged requests got it."""
    chance = random.Random(seed)  # noqa: S311
    client = app.test_client()
    found: Counter[int] = Counter()
    for _ in range(count):
        path = f"/v1/predict?top_k={chance.choice(['3', '0', '-1', '1e9', '٣', '', 'x' * 5000])}"
        body = damage(CAT.read_bytes() if chance.random() < 0.7 else b'{"inputs": ["iVBORw0KGgo="]}', chance)
        found[client.post(path, data=body, content_type=chance.choice(KINDS)).status_code] += 1
    return found


# --8<-- [end:fuzz]


def main() -> None:
    """Print what became of 500 requests."""
    print(dict(fuzz(create_app(Classifier.load("cifar10", threads=1)), 500)))


if __name__ == "__main__":
    main()
