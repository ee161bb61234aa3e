"""The Hub, played by a local server that speaks its download routes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType

import pytest

from thumbnet.model.weights import SHIPPED_ROOT

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "someone/digits"
REPOSITORIES = {
    REPOSITORY: "",
    "someone/private": "private",
    "someone/gated": "gated",
    "someone/half": "half a file",
    "someone/login": "a page to log in",
    "someone/busy": "busy",
}
"""Repository → what is always wrong with it: nothing (""), a key of REFUSALS, or see `Hub.answer`."""
REFUSALS = {"gated": (403, "GatedRepo"), "private": (401, "RepoNotFound"), "busy": (503, "")}
"""Fault → status and code of every answer, as the Hub gives them."""


class Hub(BaseHTTPRequestHandler):
    """Names the commit (/revision/…) and gives its files (/resolve/…)."""

    folder = SHIPPED_ROOT / "mnist"
    commit: str
    asked: list[str]
    fault: str
    """What is wrong with every repository for now."""

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        type(self).asked.append(self.path)
        path = self.path.partition("?")[0]
        repository = "/".join(path.removeprefix("/api/models").split("/")[1:3])
        fault = self.fault or REPOSITORIES.get(repository, "")
        if fault in REFUSALS:
            status, code = REFUSALS[fault]
            self.send(status, b"{}", "application/json", {"X-Error-Code": code}, body=body)
        elif fault == "a page to log in":
            self.send(200, b"<html>Welcome to our network!</html>", "text/html", body=body)
        elif repository not in REPOSITORIES:
            self.send(404, b"{}", "application/json", {"X-Error-Code": "RepoNotFound"}, body=body)
        elif path in (f"/api/models/{repository}{end}" for end in ("", "/revision/main", f"/revision/{COMMIT}")):
            files = [{"rfilename": file.name} for file in self.folder.iterdir()]
            self.send_json({"id": repository, "sha": self.commit, "siblings": files}, body=body)
        elif path.startswith(tuple(f"/{repository}/resolve/{revision}/" for revision in ("main", self.commit))):
            content = (self.folder / path.rpartition("/")[2]).read_bytes()
            if path.endswith("model.onnx") and fault == "another file":
                content = content[:-1] + b"?"
            if path.endswith("model.onnx") and fault == "half a file" and body:
                self.send(200, content, "application/octet-stream", body=False)
                self.wfile.write(content[: len(content) // 2])
            else:
                self.send(200, content, "application/octet-stream", body=body)
        else:
            missing = "RevisionNotFound" if path.startswith(f"/api/models/{repository}/revision/") else "RepoNotFound"
            self.send(404, b"{}", "application/json", {"X-Error-Code": missing}, body=body)

    def send_json(self, value: object, *, body: bool) -> None:
        self.send(200, json.dumps(value).encode(), "application/json", body=body)

    def send(
        self, status: int, content: bytes, kind: str, headers: Mapping[str, str] = MappingProxyType({}), *, body: bool
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{etag(content)}"')
        self.send_header("X-Repo-Commit", self.commit)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def etag(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


@pytest.fixture
def hub() -> Iterator[str]:
    Hub.commit, Hub.asked, Hub.fault = COMMIT, [], ""
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
    Hub.asked.clear()
    assert run_with_hub(code, hub, tmp_path).stdout == "mnist 10\n"
    assert not Hub.asked, "a commit never changes"


LOAD = """
from thumbnet import Classifier, ThumbnetError
try:
    print(Classifier.load({arguments}).name)
except ThumbnetError as error:
    print(type(error).__name__, error)
"""


def load_each(endpoint: str, home: Path, *arguments: str) -> list[str]:
    """For each, as one process loads them in turn: the name of the model, or the error in its line."""
    result = run_with_hub("".join(LOAD.format(arguments=given) for given in arguments), endpoint, home)
    lines = result.stdout.splitlines()
    assert len(lines) == len(arguments), result.stderr
    return lines


def load(endpoint: str, home: Path) -> str:
    (line,) = load_each(endpoint, home, repr(REPOSITORY))
    return line


def test_what_cannot_be_downloaded_says_why_in_one_line(hub: str, tmp_path: Path) -> None:
    reasons = {
        "'someone/nothing'": "there is none, or it is private; for a private one run hf auth login",
        "'someone/private'": "there is none, or it is private",
        "'someone/gated'": "its owner grants access; ask for it on the page of someone/gated",
        f"{REPOSITORY!r}, revision='v9'": "it has no revision 'v9'; give a branch, a tag or a commit",
        "'someone/half'": "Error: ",
        "'someone/login'": "Error: ",
        "'someone/busy'": "503",
    }
    for (arguments, reason), said in zip(reasons.items(), load_each(hub, tmp_path, *reasons), strict=True):
        assert said.startswith("WeightsNotFound"), said
        assert ("there is no folder someone/" in said) == ("revision" not in arguments)
        assert reason in said


def test_what_was_downloaded_once_is_there_whatever_the_hub_says_later(hub: str, tmp_path: Path) -> None:
    assert load(hub, tmp_path) == "mnist"
    Hub.asked.clear()
    assert load(hub, tmp_path) == "mnist"
    assert Hub.asked == [f"/api/models/{REPOSITORY}"], "only whether there is something new"
    for Hub.fault in ("a page to log in", "private"):
        assert load(hub, tmp_path) == "mnist"


def test_an_update_that_breaks_leaves_the_version_that_is_there(hub: str, tmp_path: Path) -> None:
    assert load(hub, tmp_path) == "mnist"
    Hub.commit, Hub.fault = "f" * 40, "half a file"
    assert load(hub, tmp_path) == "mnist"
    assert load("http://127.0.0.1:9", tmp_path) == "mnist"  # nothing listens there
    Hub.fault = ""
    assert load(hub, tmp_path) == "mnist"
    assert len(list(tmp_path.rglob("snapshots/*/model.onnx"))) == 2


def test_a_repository_of_something_else_is_not_downloaded(hub: str, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "other" / "model.safetensors").write_bytes(b"gigabytes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Hub, "folder", tmp_path / "other")
        assert "config.json cannot be used" in load(hub, tmp_path / "home")
    assert not [path for path in Hub.asked if "safetensors" in path]


def test_a_file_damaged_in_the_cache_is_downloaded_again(hub: str, tmp_path: Path) -> None:
    assert load(hub, tmp_path) == "mnist"
    (damaged,) = tmp_path.rglob("snapshots/*/model.onnx")
    damaged.resolve().write_bytes(b"something else")
    assert load(hub, tmp_path) == "mnist"
    assert damaged.read_bytes() == (Hub.folder / "model.onnx").read_bytes()


def test_a_file_that_the_hub_changed_is_refused(hub: str, tmp_path: Path) -> None:
    Hub.fault = "another file"
    assert load(hub, tmp_path).startswith("WeightsCorrupt")


def test_a_revision_is_that_of_the_hub_though_a_folder_has_the_name(hub: str, tmp_path: Path) -> None:
    shutil.copytree(SHIPPED_ROOT / "cifar10", tmp_path / REPOSITORY)
    for revision, name in ((None, "cifar10"), (COMMIT, "mnist")):
        code = f"import os; os.chdir({str(tmp_path)!r})" + LOAD.format(
            arguments=f"{REPOSITORY!r}, revision={revision!r}"
        )
        assert run_with_hub(code, hub, tmp_path / "home").stdout == f"{name}\n"
