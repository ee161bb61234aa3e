"""The images: what Dockerfile and compose.yaml promise, and the `api` image's environment built and run for real."""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
Stage = list[tuple[str, str]]

IMAGES = {"api": 8000, "demo": 7860}
"""Targets of the Dockerfile that people run → the ports they listen on."""


def read_stages() -> dict[str, Stage]:
    """The stages of the Dockerfile: name → its instructions, as (keyword, the rest in one line)."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    stages: dict[str, Stage] = {}
    for line in filter(None, lines):
        keyword, rest = line.split(maxsplit=1)
        if keyword == "FROM":
            stages[rest.split(" AS ")[1]] = []
        stages[list(stages)[-1]].append((keyword, rest))
    return stages


STAGES = read_stages()


def base_of(stage: str) -> str:
    return dict(STAGES[stage])["FROM"].split(" AS ")[0]


def chain(stage: str) -> Stage:
    """The instructions of a stage after those of the stages it starts from."""
    base = base_of(stage)
    return [*(chain(base) if base in STAGES else []), *STAGES[stage]]


def test_every_base_is_pinned_by_tag() -> None:
    bases = {base_of(stage) for stage in STAGES} - set(STAGES)
    assert bases == {"python:3.11-slim-bookworm"}


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_as_an_unprivileged_numeric_user(image: str) -> None:
    user, group = dict(chain(image))["USER"].split(":")
    assert int(user) > 0
    assert int(group) > 0


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_only_copies_what_was_installed_elsewhere(image: str) -> None:
    instructions = chain(image)
    assert "RUN" not in dict(instructions)
    copied = [rest for keyword, rest in instructions if keyword in ("COPY", "ADD")]
    assert copied == [f"--from=build-{image} /opt/thumbnet /opt/thumbnet"]


@pytest.mark.parametrize(("image", "port"), IMAGES.items())
def test_an_image_starts_its_server_and_asks_after_its_health(image: str, port: int) -> None:
    instructions = dict(chain(image))
    assert instructions["EXPOSE"] == str(port)
    command, asked = json.loads(instructions["ENTRYPOINT"]), instructions["HEALTHCHECK"]
    if image == "demo":
        assert command == ["thumbnet", "demo", "--host", "0.0.0.0"]
        assert f"'127.0.0.1', {port}," in asked
    else:  # options would overrule the variables that a deployment sets
        assert command == ["thumbnet", "serve"]
        assert instructions["ENV"].split() == ["THUMBNET_HOST=0.0.0.0", f"THUMBNET_PORT={port}"]
        assert "'127.0.0.1', int(os.environ['THUMBNET_PORT'])," in asked


@pytest.mark.parametrize(("image", "port"), IMAGES.items())
def test_compose_takes_every_privilege_away(image: str, port: int) -> None:
    service = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"][image]
    assert service["build"] == {"context": ".", "target": image}
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert [mount.split(":")[0] for mount in service["tmpfs"]] == ["/tmp"]
    assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert {"init", "mem_limit", "pids_limit"} <= set(service)


@pytest.fixture(scope="module")
def api_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the stage `build-api` installs, by its own commands, from what .dockerignore lets through."""
    context, environment = tmp_path_factory.mktemp("context"), tmp_path_factory.mktemp("opt") / "thumbnet"
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if line.startswith("!"):
            copy = shutil.copytree if (ROOT / line[1:]).is_dir() else shutil.copy
            copy(ROOT / line[1:], context / line[1:])
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for keyword, command in chain("build-api"):
        if keyword == "RUN":
            subprocess.run(
                ["/bin/sh", "-c", re.sub(r"--mount=\S+", "", command)],
                cwd=context,
                env={**os.environ, "PATH": path, "VIRTUAL_ENV": str(environment)},
                check=True,
            )
    return environment


@pytest.fixture(scope="module")
def installed(api_environment: Path) -> dict[Path, tuple[int, int]]:
    """The files of the environment before anything ran in it."""
    return files_of(api_environment)


@pytest.fixture
def api_server(api_environment: Path, installed: object, tmp_path: Path) -> Iterator[int]:
    """The port of a server started as the image starts it, with all it may write to in `tmp_path`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command, *options = json.loads(dict(chain("api"))["ENTRYPOINT"])
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    address = {"THUMBNET_HOST": "127.0.0.1", "THUMBNET_PORT": str(port)}
    server = subprocess.Popen(
        [api_environment / "bin" / command, *options],
        cwd=tmp_path,
        env=environment | address | {"PYTHONDONTWRITEBYTECODE": "1"},
    )
    try:
        wait_until_healthy(port, server)
        yield port
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=30)


def wait_until_healthy(port: int, server: subprocess.Popen[bytes]) -> None:
    """Ask as the image's HEALTHCHECK does until it is content."""
    python, *arguments = json.loads(dict(chain("api"))["HEALTHCHECK"].split("CMD ")[1])
    environment = os.environ | {"THUMBNET_PORT": str(port)}
    deadline = time.monotonic() + 60
    while subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, check=False).returncode:
        assert python == "python"
        assert server.poll() is None, "the server ended"
        assert time.monotonic() < deadline, "the server is not ready after a minute"
        time.sleep(0.2)


def files_of(folder: Path) -> dict[Path, tuple[int, int]]:
    """Every file with its size in bytes and its time of change."""
    return {path: (path.lstat().st_size, path.lstat().st_mtime_ns) for path in folder.rglob("*") if not path.is_dir()}


@pytest.mark.slow
def test_the_api_image_is_small_and_holds_nothing_that_installs_or_trains(
    api_environment: Path, installed: dict[Path, tuple[int, int]]
) -> None:
    assert sum(size for size, _ in installed.values()) <= 450e6
    (site_packages,) = api_environment.glob("lib/python3*/site-packages")
    packages = {path.name for path in site_packages.iterdir()}
    assert {"thumbnet", "flask", "openvino"} <= packages
    assert not packages & {"torch", "torchvision", "gradio", "pip", "setuptools"}


@pytest.mark.slow
def test_the_api_image_answers_and_writes_nothing_beside_its_temporary_folder(
    api_environment: Path, installed: dict[Path, tuple[int, int]], api_server: int
) -> None:
    photograph = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(photograph, "JPEG")
    connection = http.client.HTTPConnection("127.0.0.1", api_server, timeout=30)
    connection.request("POST", "/v1/predict", photograph.getvalue(), {"Content-Type": "image/jpeg"})
    response = connection.getresponse()
    assert response.status == 200
    (prediction,) = json.load(response)["predictions"]
    connection.close()
    assert sum(score["probability"] for score in prediction["scores"]) == pytest.approx(1)
    assert files_of(api_environment) == installed
