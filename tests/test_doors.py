"""One predictor: the same bytes give bit for bit the same answer from Python, command line, API and demo."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image
from typer.testing import CliRunner

from thumbnet import Classifier
from thumbnet.api import Settings, create_app
from thumbnet.cli import app as command

Answers = list[dict[str, float]]


@pytest.fixture(scope="module")
def files(cifar10_images: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """200 real images: PNG and JPEG in turn, some enlarged to sizes and shapes that must be resized again."""
    folder = tmp_path_factory.mktemp("images")
    paths = []
    for number, pixels in enumerate(cifar10_images):
        picture = Image.fromarray(pixels)
        if number % 4 > 1:
            picture = picture.resize((50 + number, 90), Image.Resampling.BICUBIC)
        path = folder / f"{number:03}.{'png' if number % 2 else 'jpg'}"
        picture.save(path)
        paths.append(path)
    return paths


@pytest.fixture(scope="module")
def expected(cifar10: Classifier, files: list[Path]) -> Answers:
    return [by_label(cifar10.predict(path).to_dict()["scores"]) for path in files]


def by_label(scores: list[dict[str, object]]) -> dict[str, float]:
    return {str(score["label"]): float(str(score["probability"])) for score in scores}


def test_the_command_line_gives_the_same_answers(files: list[Path], expected: Answers) -> None:
    result = CliRunner().invoke(command, ["predict", "--json", "--top-k", "10", *map(str, files)])
    assert [by_label(json.loads(line)["scores"]) for line in result.stdout.splitlines()] == expected


def test_the_api_gives_the_same_answers_one_by_one_and_in_forms(
    cifar10: Classifier, files: list[Path], expected: Answers
) -> None:
    client = create_app(Settings(), cifar10).test_client()
    answers: Answers = []
    for path in files[:100]:
        kind = "image/png" if path.suffix == ".png" else "image/jpeg"
        received = client.post("/v1/predict", data=path.read_bytes(), content_type=kind).get_json()
        answers += [by_label(prediction["scores"]) for prediction in received["predictions"]]
    for start in range(100, 200, 25):
        form = {"image": [(io.BytesIO(path.read_bytes()), path.name) for path in files[start : start + 25]]}
        received = client.post("/v1/predict", data=form).get_json()
        answers += [by_label(prediction["scores"]) for prediction in received["predictions"]]
    assert answers == expected


@pytest.fixture(scope="module")
def demo_client(demo_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    down = tmp_path_factory.mktemp("down")
    # Without `ssl_verify`, or each call reads the certificates first, which takes longer than the answer.
    client = Client(demo_url, verbose=False, analytics_enabled=False, ssl_verify=False, download_files=down)
    yield client
    client.close()


def test_the_demo_gives_the_same_answers(demo_client: Client, files: list[Path], expected: Answers) -> None:
    answers: Answers = []
    for path in files[:80]:  # of each kind twenty; Gradio takes its time
        received = demo_client.predict(handle_file(str(path)), "cifar10", api_name="/predict")
        answers.append({row["label"]: row["confidence"] for row in received["confidences"]})
    assert answers == expected[:80]
