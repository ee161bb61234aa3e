"""Who may come in, and what else knocks: names and passwords, assistants, addresses."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError, AuthenticationError
from typer.testing import CliRunner

from thumbnet.cli import app
from thumbnet.demo.app import launch_demo, read_visitors, remove_old, require_mcp
from thumbnet.demo.pictures import EXAMPLES
from thumbnet.model import InvalidArgument
from thumbnet.model.errors import MissingDependency

PHOTOGRAPH = EXAMPLES / "chelsea.jpg"


def test_names_and_passwords_are_read_from_pairs():
    assert read_visitors("ada:love:lace, grace:hopper") == [("ada", "love:lace"), ("grace", "hopper")]
    assert read_visitors("") == []


@pytest.mark.parametrize("auth", ["ada", "ada:", ":secret", "ada:x,", ","])
def test_what_is_no_pair_is_refused_without_repeating_it(auth):
    result = CliRunner().invoke(app, ["demo", "--auth", auth])
    assert result.exit_code == 1
    with pytest.raises(InvalidArgument, match="NAME:PASSWORD") as caught:
        read_visitors(auth)
    assert auth not in str(caught.value).replace("NAME:PASSWORD", "") or auth == ","


def test_a_tool_that_could_answer_nobody_is_refused():
    with pytest.raises(InvalidArgument, match="assistants cannot log in"):
        launch_demo(auth="ada:lovelace", mcp=True)


def test_only_who_has_a_password_comes_in(start_demo, tmp_path, mnist):
    with start_demo("--weights", "mnist", cache=tmp_path, THUMBNET_DEMO_AUTH="ada:lovelace") as (url, _):
        with pytest.raises((AuthenticationError, ValueError)):
            Client(url, verbose=False, analytics_enabled=False)
        with pytest.raises((AuthenticationError, ValueError)):
            Client(url, auth=("ada", "byron"), verbose=False, analytics_enabled=False)
        client = Client(url, auth=("ada", "lovelace"), verbose=False, analytics_enabled=False)
        answer = client.predict(handle_file(EXAMPLES / "digit-7.png"), api_name="/predict")
        assert answer["label"] == mnist.predict(EXAMPLES / "digit-7.png").label
        client.close()


def test_an_assistant_finds_the_tool_and_gets_the_classifiers_answer(start_demo, tmp_path, cifar10):
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def ask(url: str) -> tuple[list[str], list[str]]:
        photograph = (PHOTOGRAPH.name, PHOTOGRAPH.read_bytes())
        uploaded = httpx.post(f"{url}/gradio_api/upload", files={"files": photograph}, timeout=60).json()[0]
        pictures = [
            f"data:image/jpeg;base64,{base64.b64encode(PHOTOGRAPH.read_bytes()).decode()}",
            f"{url}/gradio_api/file={uploaded}",
            f"{url}/gradio_api/file={PHOTOGRAPH}",
            f"{url}/favicon.ico",
            f"{url}/gradio_api/file=%00",
            f"{url}/gradio_api/file=/{'a' * 300}",
        ]
        async with (
            streamable_http_client(f"{url}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = [tool.name for tool in (await session.list_tools()).tools]
            results = [
                await session.call_tool(tools[0], {"image": picture, "model": "cifar10"}) for picture in pictures
            ]
            return tools, ["".join(getattr(part, "text", "") for part in result.content) for result in results]

    with start_demo("--mcp", cache=tmp_path) as (url, process):
        assert "/gradio_api/mcp/" in process.stdout.readline()
        with ThreadPoolExecutor(1) as pool:  # the main thread may already run the loop of a browser
            tools, (of_bytes, of_upload, *refusals) = pool.submit(lambda: asyncio.run(ask(url))).result()
    assert len(tools) == 1
    assert tools[0].endswith("predict")
    for answer in (of_bytes, of_upload):
        assert cifar10.predict(PHOTOGRAPH).label in answer
    assert len(refusals) == 4
    for refusal in refusals:
        assert "nothing is fetched here" in refusal
    assert list(tmp_path.iterdir()) == []


def test_old_files_are_removed_whatever_their_names(tmp_path):
    (tmp_path / "hash").mkdir()
    old, new = tmp_path / "hash" / "file", tmp_path / "hash" / "new.png"
    for file in (old, new):
        file.touch()
    os.utime(old, (0, 0))
    remove_old(tmp_path, 3600)
    assert list((tmp_path / "hash").iterdir()) == [new]


def test_without_its_library_mcp_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(MissingDependency, match=r"thumbnet\[mcp\]"):
        require_mcp()


def test_an_address_is_never_fetched(url):
    client = Client(url, verbose=False, analytics_enabled=False)
    picture = {"path": "https://example.org/cat.png", "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(AppError, match="nothing is fetched here"):
        client.predict(picture, "cifar10", api_name="/predict")
    client.close()


@pytest.mark.parametrize("data", [[], ["words", "cifar10"], [{"path": 5}, "cifar10"], [None, None], "no list"])
def test_a_malformed_call_gets_an_error_and_leaves_the_server_running(url, data):
    request = urllib.request.Request(
        f"{url}/gradio_api/call/predict", json.dumps({"data": data}).encode(), {"Content-Type": "application/json"}
    )
    with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(request) as reply:
        event = json.load(reply)["event_id"]
        with urllib.request.urlopen(f"{url}/gradio_api/call/predict/{event}") as events:
            assert b"event: error" in events.read()
    with urllib.request.urlopen(url) as page:
        assert page.status == 200
