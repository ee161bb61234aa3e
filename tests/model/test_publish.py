"""`hf upload`, as "weights and the Hub" gives it, to a local server that speaks the Hub's upload routes."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from thumbnet import Classifier
from thumbnet.model.weights import SHIPPED_ROOT

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "someone/digits"


class Hub(BaseHTTPRequestHandler):
    """Makes a repository, says that every file goes into the commit itself, and keeps what the commit holds."""

    received: dict[str, bytes]
    unknown: list[str]
    created: list[dict[str, object]]

    def do_GET(self) -> None:
        self.send_json(200, {"id": REPOSITORY, "sha": COMMIT, "siblings": [], "private": False})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        if path == "/api/repos/create":
            type(self).created.append(json.loads(body))
            self.send_json(200, {"url": f"http://127.0.0.1/{REPOSITORY}", "id": REPOSITORY, "name": REPOSITORY})
        elif path == "/api/validate-yaml":
            self.send_json(200, {"errors": [], "warnings": []})
        elif path == f"/api/models/{REPOSITORY}/preupload/main":
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            self.send_json(200, {"files": files})
        elif path == f"/api/models/{REPOSITORY}/commit/main":
            for line in body.splitlines():
                entry = json.loads(line)
                if entry["key"] == "file":
                    type(self).received[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
            address = f"http://127.0.0.1/{REPOSITORY}/commit/{COMMIT}"
            self.send_json(200, {"success": True, "commitOid": COMMIT, "commitUrl": address})
        else:
            type(self).unknown.append(path)
            self.send_json(404, {"error": f"no route {path}"})

    def send_json(self, status: int, value: object) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    Hub.received, Hub.unknown, Hub.created = {}, [], []
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def hf(hub: str, home: Path, *words: str) -> str:
    """What the `hf` command prints, asking the local server."""
    environment = os.environ | {"HF_ENDPOINT": hub, "HF_HOME": str(home), "HF_TOKEN": "hf_none"}
    environment |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    command = [str(Path(sys.executable).with_name("hf")), *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr + str(Hub.unknown)
    return done.stdout


def test_an_uploaded_weights_folder_is_whole_and_loads(hub: str, tmp_path: Path) -> None:
    folder = SHIPPED_ROOT / "mnist"
    assert COMMIT in hf(hub, tmp_path / "home", "upload", REPOSITORY, str(folder))
    assert Hub.received == {path.name: path.read_bytes() for path in folder.iterdir()}
    (tmp_path / "copy").mkdir()
    for name, data in Hub.received.items():
        (tmp_path / "copy" / name).write_bytes(data)
    assert Classifier.load(tmp_path / "copy").name == "mnist"


def test_a_space_for_a_page_is_made_static(hub: str, tmp_path: Path) -> None:
    words = ("repos", "create", "someone/digits-demo", "--repo-type", "space", "--space-sdk", "static")
    hf(hub, tmp_path / "home", *words)
    (made,) = Hub.created
    assert (made["type"], made["sdk"]) == ("space", "static")
