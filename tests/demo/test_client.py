"""The endpoint /predict as Gradio's own client calls it."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from thumbnet.demo.tabs.classify import EXAMPLES, EXAMPLES_OF

PHOTOGRAPH = EXAMPLES / "chelsea.jpg"


@pytest.fixture(scope="module")
def client(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    client = Client(url, verbose=False, analytics_enabled=False, download_files=tmp_path_factory.mktemp("downloads"))
    yield client
    client.close()


@pytest.mark.parametrize(("model", "file"), [(model, file) for model, files in EXAMPLES_OF.items() for file in files])
def test_the_client_gets_the_classifiers_probabilities_bit_for_bit(client, classifiers, model, file):
    answer = client.predict(handle_file(EXAMPLES / file), model, api_name="/predict")
    prediction = classifiers[model].predict((EXAMPLES / file).read_bytes())
    assert answer["label"] == prediction.label
    assert [(row["label"], row["confidence"]) for row in answer["confidences"]] == [
        (score.label, score.probability) for score in prediction.scores
    ]


@pytest.mark.parametrize("suffix", [".png", ".webp", ".bmp", ".gif", ".dat"])
def test_the_bytes_reach_the_classifier_untouched(client, classifiers, tmp_path, suffix):
    path = tmp_path / f"rotated{suffix}"
    exif = Image.Exif()
    exif[274] = 6
    buffer = io.BytesIO()
    Image.open(PHOTOGRAPH).convert("CMYK").save(buffer, "JPEG", exif=exif)
    path.write_bytes(buffer.getvalue())  # whatever the name says
    answer = client.predict(handle_file(path), api_name="/predict")
    assert answer["confidences"][0]["confidence"] == classifiers["cifar10"].predict(path.read_bytes()).probability


def test_the_simplest_call_uses_the_first_model(client, classifiers):
    answer = client.predict(handle_file(PHOTOGRAPH), api_name="/predict")
    assert answer["label"] == classifiers["cifar10"].predict(PHOTOGRAPH.read_bytes()).label


def broken_images() -> dict[str, tuple[bytes, str]]:
    """Name → bytes, and what the message must say."""
    photograph = PHOTOGRAPH.read_bytes()
    png = (EXAMPLES / "cat.png").read_bytes()
    large = io.BytesIO()
    Image.new("L", (5000, 4000)).save(large, "PNG")
    header = b"IHDR" + (60_000).to_bytes(4, "big") * 2 + png[24:29]
    bomb = png[:12] + header + zlib.crc32(header).to_bytes(4, "big") + png[33:]
    return {
        "empty.png": (b"", "0 bytes"),
        "text.png": (b"these are words", "not an image"),
        "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        "truncated.jpg": (photograph[: len(photograph) // 2], "cannot be decoded"),
        "truncated.png": (png[: len(png) // 2], "cannot be decoded"),
        "large.png": (large.getvalue(), "16 megapixels"),
        "bomb.png": (bomb, "pixels"),
    }


@pytest.mark.parametrize("name", broken_images())
def test_a_picture_that_cannot_be_used_gets_one_friendly_line(client, tmp_path, name):
    data, reason = broken_images()[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(AppError, match=reason) as caught:
        client.predict(handle_file(tmp_path / name), api_name="/predict")
    message = str(caught.value)
    assert "\n" not in message
    assert "Traceback" not in message
    assert str(Path("/")) + "tmp" not in message


def test_no_picture_gets_a_friendly_line(client):
    with pytest.raises(AppError, match="no picture was received"):
        client.predict(None, api_name="/predict")


def test_an_unknown_model_gets_a_suggestion(client):
    with pytest.raises(AppError, match="Did you mean 'mnist'"):
        client.predict(handle_file(PHOTOGRAPH), "mnits", api_name="/predict")


def test_an_upload_over_ten_megabytes_is_refused(url):
    boundary = "thumbnet"
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="big.png"\r\n\r\n'.encode()
        + bytes(11 * 1024 * 1024)
        + f"\r\n--{boundary}--\r\n".encode()
    )
    request = urllib.request.Request(
        f"{url}/gradio_api/upload", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    assert caught.value.code == 413
    caught.value.close()


def test_a_file_of_the_server_cannot_be_asked_for(url, tmp_path):
    (tmp_path / "private.png").write_bytes((EXAMPLES / "cat.png").read_bytes())
    picture = {"path": str(tmp_path / "private.png"), "meta": {"_type": "gradio.FileData"}}
    call = urllib.request.Request(
        f"{url}/gradio_api/call/predict",
        json.dumps({"data": [picture, "cifar10"]}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(call) as response:
        event = json.load(response)["event_id"]
    with urllib.request.urlopen(f"{url}/gradio_api/call/predict/{event}") as response:
        answer = response.read().decode()
    assert "event: error" in answer
    assert "confidence" not in answer


def test_predict_is_the_only_public_endpoint(client):
    endpoints = client.view_api(return_format="dict", print_info=False)
    assert list(endpoints["named_endpoints"]) == ["/predict"]
    assert not endpoints["unnamed_endpoints"]
