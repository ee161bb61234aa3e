"""Many visitors, and many pictures."""

from __future__ import annotations

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio_client import Client, handle_file

from thumbnet.demo.pictures import EXAMPLES, EXAMPLES_OF
from thumbnet.demo.visitors import newest_only

QUIETLY = {"verbose": False, "analytics_enabled": False, "ssl_verify": False}
"""How a client calls: one that verifies reads its certificates at every request, longer than the answer takes."""
VISITORS, PATIENCE_SECONDS = 50, 60
WARM_UP, PICTURES = 60, 120
GROWTH_KB = 12_000
"""Gradio keeps the last of its events; a leak of one picture each would be several times that."""


def test_fifty_visitors_at_once_all_get_their_own_answer(url, classifiers):
    files = [EXAMPLES / name for name in EXAMPLES_OF["cifar10"]]
    expected = {file: classifiers["cifar10"].predict(file.read_bytes()).probability for file in files}

    def visit(number: int) -> tuple[Path, float]:
        file = files[number % len(files)]
        client = Client(url, **QUIETLY, httpx_kwargs={"timeout": PATIENCE_SECONDS})
        try:
            return file, client.predict(handle_file(file), api_name="/predict")["confidences"][0]["confidence"]
        finally:
            client.close()

    with ThreadPoolExecutor(VISITORS) as pool:
        answers = list(pool.map(visit, range(VISITORS)))
    assert [(file, probability) for file, probability in answers if probability != expected[file]] == []
    assert len(answers) == VISITORS


@pytest.mark.slow
def test_memory_stays_flat_over_many_predictions(start_demo, tmp_path):
    with start_demo("--weights", "cifar10", cache=tmp_path) as (url, process):
        client = Client(url, **QUIETLY)

        def classify(times: int) -> int:
            for number in range(times):
                file = EXAMPLES / list(EXAMPLES_OF["cifar10"])[number % 12]
                client.predict(handle_file(file), api_name="/predict")
            return resident_kb(process)

        before = classify(WARM_UP)
        after = classify(PICTURES)
        client.close()
    assert after - before < GROWTH_KB


def resident_kb(process: subprocess.Popen[str]) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1])


ADA, GRACE = SimpleNamespace(session_hash="ada"), SimpleNamespace(session_hash="grace")


def test_an_answer_is_dropped_once_its_visitor_has_asked_something_newer():
    computed = []

    def answer(picture):
        for step in ("fast", "slow"):
            computed.append(f"{picture}, {step}")
            yield computed[-1]

    ask = newest_only(answer)
    first, others = ask(ADA, "cat"), ask(GRACE, "ship")
    assert next(first) == "cat, fast"
    assert next(others) == "ship, fast"
    assert list(ask(ADA, "dog")) == ["dog, fast", "dog, slow", gr.skip()]
    assert list(first) == [gr.skip()]
    assert list(others) == ["ship, slow", gr.skip()]
    assert "cat, slow" not in computed


def test_an_answer_in_one_step_may_be_overtaken_too():
    def answer(picture):
        if picture == "cat":
            overtaking.extend(ask(ADA, None))
        return picture, "shown"

    overtaking = []
    ask = newest_only(answer)
    assert list(ask(ADA, "cat")) == [gr.skip()]
    assert overtaking == [(None, "shown"), gr.skip()]
