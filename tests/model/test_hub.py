"""The Hub, played by a local server that speaks its download routes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from thumbnet.model.weights import SHIPPED_ROOT

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "someone/digits"


class Hub(BaseHTTPRequestHandler):
    """Names the commit (/revision/…), lists its files (/tree/…) and gives them (/resolve/…)."""

    folder = SHIPPED_ROOT / "mnist"
    asked: list[str]

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        type(self).asked.append(self.path)
        path = self.path.partition("?")[0]
        if path in (f"/api/models/{REPOSITORY}/revision/{name}" for name in ("main", COMMIT)):
            files = [{"rfilename": file.name} for file in self.folder.iterdir()]
            self.send_json({"id": REPOSITORY, "sha": COMMIT, "siblings": files}, body=body)
        elif path == f"/api/models/{REPOSITORY}/tree/{COMMIT}":
            files = [
                {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": etag(file.read_bytes())}
                for file in self.folder.iterdir()
            ]
            self.send_json(files, body=body)
        elif path.startswith(f"/{REPOSITORY}/resolve/{COMMIT}/"):
            content = (self.folder / path.rpartition("/")[2]).read_bytes()
            self.send(200, content, "application/octet-stream", body=body)
        else:
            self.send(404, b"{}", "application/json", body=body)

    def send_json(self, value: object, *, body: bool) -> None:
        self.send(200, json.dumps(value).encode(), "application/json", body=body)

    def send(self, status: int, content: bytes, kind: str, *, body: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{etag(content)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def etag(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


@pytest.fixture
def hub() -> Iterator[str]:
    Hub.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def run_with_hub(code: str, endpoint: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own: the Hub's address is read when its library is imported."""
    environment = os.environ | {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1"}
    environment |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)


def test_one_line_downloads_verifies_and_loads_a_model(hub: str, tmp_path: Path) -> None:
    code = f"""
from thumbnet import Classifier
classifier = Classifier.load({REPOSITORY!r}, revision={COMMIT!r})
print(classifier.name, len(classifier.labels))
"""
    result = run_with_hub(code, hub, tmp_path)
    assert result.stdout == "mnist 10\n", result.stderr
    assert not [path for path in Hub.asked if path.endswith(".png")], "only the files of a weights folder are fetched"
    again = run_with_hub(code, "http://127.0.0.1:9", tmp_path)  # nothing listens there: from the cache
    assert again.stdout == "mnist 10\n", again.stderr


def test_a_repository_that_does_not_exist_says_so_in_one_line(hub: str, tmp_path: Path) -> None:
    code = """
from thumbnet import Classifier, ThumbnetError
try:
    Classifier.load("someone/nothing")
except ThumbnetError as error:
    print(type(error).__name__, error)
"""
    result = run_with_hub(code, hub, tmp_path)
    assert result.stdout.startswith("WeightsNotFound there is no folder someone/nothing"), result.stderr
    assert result.stdout.count("\n") == 1


def test_a_file_changed_on_its_way_is_refused(hub: str, tmp_path: Path) -> None:
    code = f"""
import hashlib
from thumbnet import Classifier
from thumbnet.model import weights, WeightsError
folder = weights.find_weights({REPOSITORY!r})
(folder / "model.onnx").write_bytes(b"something else")
try:
    Classifier.load({REPOSITORY!r})
except WeightsError as error:
    print(type(error).__name__)
"""
    assert run_with_hub(code, hub, tmp_path).stdout == "WeightsCorrupt\n"
