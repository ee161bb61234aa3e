"""What docs/how-to/call-the-api.md shows is what the API does."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from thumbnet.api.problems import STATUS
from thumbnet.model import Classifier

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "how-to" / "call-the-api.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def test_the_shown_answer_is_real(client: FlaskClient) -> None:
    """After new weights: paste the answer that this test prints."""
    image = (ROOT / "demo" / "examples" / "cat.png").read_bytes()
    received = client.post("/v1/predict?top_k=2", data=image, content_type="image/png").json
    shown = json.loads(blocks("json")[0])
    assert shape(shown) == shape(received), json.dumps(received, indent=2)
    for ours, theirs in zip(scores(shown), scores(received), strict=True):  # the last digits depend on the processor
        assert ours["label"] == theirs["label"], json.dumps(received, indent=2)
        assert ours["probability"] == pytest.approx(theirs["probability"], abs=0.02), json.dumps(received, indent=2)


def test_the_shown_problem_is_real(client: FlaskClient) -> None:
    received = client.post("/v1/predict", data=b"# thumbnet", content_type="image/png").json
    shown = json.loads(blocks("json")[1])
    assert shown | {"request_id": ""} == received | {"request_id": ""}


def test_the_python_of_the_standard_library_runs(server: str, classifier: Classifier) -> None:
    code = blocks("python")[0].replace("http://127.0.0.1:8000", server)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    prediction = classifier.predict(ROOT / "demo" / "examples" / "cat.png")
    assert (done.stdout.strip(), done.stderr) == ("I don't know" if prediction.abstained else prediction.label, "")


def curls() -> Iterator[tuple[str, str]]:
    """(document, command) of every curl that asks the server as `thumbnet serve` starts it, or as one guide does."""
    for document in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "how-to").glob("*.md")):
        for code in re.findall(r"```bash\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL):
            for line in code.replace("\\\n", " ").splitlines():
                if re.match(r"curl .*http://127\.0\.0\.1:800[01]/", line):
                    yield document.name, line


def test_every_curl_command_of_the_texts_is_answered(server: str, tmp_path: Path) -> None:
    for name in ("README.md", "demo"):
        (tmp_path / name).symlink_to(ROOT / name)
    commands = list(curls())
    assert {document for document, _ in commands} >= {
        "README.md",
        "quickstart.md",
        "call-the-api.md",
        "test-the-api.md",
    }
    for document, command in commands:
        asked = re.sub(r"http://127\.0\.0\.1:800[01]", server, command)
        wanted = "415" if "@README.md" in command else "200"  # a text that claims to be a picture
        done = subprocess.run(
            ["bash", "-c", f"{asked} --silent --write-out '%{{stderr}}%{{http_code}}'"],
            cwd=tmp_path,
            env=os.environ | {"KEY": "any"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, wanted), f"{document}: {command}\n{done.stdout}"


def test_every_code_for_an_image_is_in_the_table() -> None:
    for kind, status in STATUS.items():
        code = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()
        if code != "invalid_image":  # the root of the others; bytes never raise it
            assert re.search(rf"\| {status} \| `{code}` \|", TEXT), code


def scores(answer: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer["predictions"][0]["scores"]
    return found


def shape(value: Any) -> Any:
    """The keys and the types, without the values."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    return [shape(each) for each in value] if isinstance(value, list) else type(value)
