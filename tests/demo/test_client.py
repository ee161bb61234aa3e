"""The endpoint /predict as Gradio's own client calls it."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gradio.utils import get_upload_folder
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from thumbnet.demo.pictures import EXAMPLES, EXAMPLES_OF
from thumbnet.demo.uploads import read_upload
from thumbnet.model import ThumbnetError

PHOTOGRAPH = EXAMPLES / "chelsea.jpg"


@pytest.fixture(scope="module")
def client(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    downloads = tmp_path_factory.mktemp("downloads")
    # Without `ssl_verify`, or each call reads the certificates first, which takes longer than the answer.
    client = Client(url, verbose=False, analytics_enabled=False, ssl_verify=False, download_files=downloads)
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


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file."""
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def with_size(png: bytes, width: int, height: int) -> bytes:
    """A PNG file whose header claims another size."""
    return png[:8] + chunk(b"IHDR", width.to_bytes(4, "big") + height.to_bytes(4, "big") + png[24:29]) + png[33:]


def saved(form: str, mode: str = "RGB", size: tuple[int, int] = (32, 32)) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, form)
    return file.getvalue()


JPEG, PNG = PHOTOGRAPH.read_bytes(), (EXAMPLES / "cat.png").read_bytes()
SCAN = JPEG[JPEG.rindex(b"\xff\xda") :][:40]
BROKEN: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty.png": (lambda: b"", "0 bytes"),
    "text.png": (lambda: b"these are words", "not an image"),
    "drawing.svg": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
    "truncated.jpg": (lambda: JPEG[: len(JPEG) // 2], "cannot be decoded"),
    "truncated.png": (lambda: PNG[: len(PNG) // 2], "cannot be decoded"),
    "large.png": (lambda: saved("PNG", "L", (5000, 4000)), "16 megapixels"),
    "wide.png": (lambda: with_size(PNG, 65_535, 65_535), "pixels"),
    "long.png": (lambda: with_size(PNG, 1, 100_000_000), "pixels"),
    "nothing.png": (lambda: with_size(PNG, 0, 32), "header is damaged"),
    "checksum.png": (lambda: PNG[:60] + bytes([PNG[60] ^ 255]) + PNG[61:], "check sum of 'IDAT' is wrong"),
    "text.bomb.png": (
        lambda: PNG[:33] + chunk(b"zTXt", b"a\0\0" + zlib.compress(b"a" * 100_000_000)) + PNG[33:],
        "cannot be decoded",
    ),
    "scans.jpg": (lambda: JPEG[:-2] + 400 * SCAN + JPEG[-2:], "scans"),
    "drawing.eps": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image|accepted are"),
    "paper.pdf": (lambda: b"%PDF-1.7\n1 0 obj\n", "not an image|accepted are"),
    "scan.tif.png": (lambda: saved("TIFF"), "accepted are"),
    "film.jp2.jpg": (lambda: saved("JPEG2000"), "accepted are"),
}
"""Name → what makes the bytes, some of which take a second, and what the message must say."""


@pytest.mark.parametrize("name", BROKEN)
def test_a_picture_that_cannot_be_used_gets_one_friendly_line(client, tmp_path, name):
    make, reason = BROKEN[name]
    (tmp_path / name).write_bytes(make())
    with pytest.raises(AppError, match=reason) as caught:
        client.predict(handle_file(tmp_path / name), api_name="/predict")
    message = str(caught.value)
    assert "\n" not in message
    assert "Traceback" not in message
    assert str(Path("/")) + "tmp" not in message


def test_no_picture_gets_a_friendly_line(client):
    with pytest.raises(AppError, match="no picture was received"):
        client.predict(None, api_name="/predict")


def test_a_picture_that_was_deleted_meanwhile_is_to_be_chosen_again():
    with pytest.raises(ThumbnetError, match=r"no longer here.*choose it again"):
        read_upload({"path": f"{get_upload_folder()}/gone/cat.png"})
    with pytest.raises(ThumbnetError, match="no picture was received"):
        read_upload({"path": "/nowhere/cat.png"})


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


@pytest.mark.parametrize("meta", [{"meta": {"_type": "gradio.FileData"}}, {"meta": {"_type": "else"}}, {}])
def test_a_file_of_the_server_cannot_be_asked_for(url, tmp_path, meta):
    (tmp_path / "private.png").write_bytes((EXAMPLES / "cat.png").read_bytes())
    answer = post(url, [{"path": str(tmp_path / "private.png"), **meta}, "cifar10"])
    assert "event: error" in answer
    assert "confidence" not in answer


@pytest.mark.parametrize("path", ["/dev/zero", "/tmp", "/etc/hostname", "\0", "", "x" * 5000])
@pytest.mark.parametrize("function", [0, 3, 6])
def test_no_tab_reads_what_was_not_uploaded(url, path, function):
    data = json.dumps({"data": [{"path": path}, "cifar10", 1], "fn_index": function, "session_hash": "thief"}).encode()
    join = urllib.request.Request(f"{url}/gradio_api/queue/join", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(join):
        pass
    with urllib.request.urlopen(f"{url}/gradio_api/queue/data?session_hash=thief", timeout=30) as response:
        answer = response.read().decode()
    assert "data:image" not in answer


def test_a_model_that_is_no_name_is_refused_in_words(url, client):
    picture = handle_file(EXAMPLES / "cat.png")
    for model in (["cifar10"], {"a": 1}, 3):
        with pytest.raises(AppError, match="unknown model"):
            client.predict(picture, model, api_name="/predict")


def post(url, data):
    """What `/predict` sends for some inputs, as text."""
    body = json.dumps({"data": data}).encode()
    call = urllib.request.Request(f"{url}/gradio_api/call/predict", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(call) as response:
        event = json.load(response)["event_id"]
    with urllib.request.urlopen(f"{url}/gradio_api/call/predict/{event}") as response:
        return response.read().decode()


def test_predict_is_the_only_public_endpoint(client):
    endpoints = client.view_api(return_format="dict", print_info=False)
    assert list(endpoints["named_endpoints"]) == ["/predict"]
    assert not endpoints["unnamed_endpoints"]
