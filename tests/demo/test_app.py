"""Starting and stopping the demo."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.request

import pytest
from gradio_client import Client, handle_file

from thumbnet.demo.app import build_demo, launch_demo, load_classifiers
from thumbnet.demo.pictures import EXAMPLES
from thumbnet.model import InvalidArgument
from thumbnet.model.errors import MissingDependency, WeightsNotFound
from thumbnet.model.weights import SHIPPED_ROOT

UNREACHABLE = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1,localhost"}


def test_a_port_in_use_is_said_before_anything_is_loaded():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidArgument, match=rf"cannot listen on 127\.0\.0\.1, port {port}: .* --port"):
            launch_demo(["no such weights"], port=port)


@pytest.mark.parametrize("port", [0, -1, 65_536])
def test_a_port_that_cannot_be_is_refused(port):
    with pytest.raises(InvalidArgument, match=r"port must be 1 … 65535"):
        launch_demo(port=port)


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(InvalidArgument, match=r"cannot listen on 192\.0\.2\.1"):
        launch_demo(host="192.0.2.1")


def test_a_demo_of_nothing_is_refused():
    with pytest.raises(InvalidArgument, match="at least one classifier"):
        build_demo({})


def test_without_gradio_the_message_says_how_to_get_it(monkeypatch, classifiers):
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(MissingDependency) as caught:
        build_demo(classifiers)
    assert str(caught.value).endswith("run: pip install 'thumbnet[demo]' && pip install --no-deps gradio==6.31.0")


def test_importing_the_demo_needs_no_gradio():
    code = "import sys; sys.modules['gradio'] = None; import thumbnet.demo.app"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_weights_are_reported():
    with pytest.raises(WeightsNotFound, match="Did you mean 'cifar10'"):
        load_classifiers(["cifar"])


def test_two_models_of_one_name_are_both_kept(tmp_path):
    (tmp_path / "copy").symlink_to(SHIPPED_ROOT / "mnist", target_is_directory=True)
    copy = str(tmp_path / "copy")
    assert list(load_classifiers(["mnist", copy])) == ["mnist", copy]
    assert list(load_classifiers([copy, "mnist", "mnist"])) == ["mnist", "mnist (2)", "mnist (3)"]


def test_without_a_tunnel_the_demo_says_so_and_goes_on_and_leaves_no_upload_behind(start_demo, tmp_path):
    with start_demo("--share", "--weights", "mnist", cache=tmp_path, **UNREACHABLE) as (url, process):
        said = "".join(process.stdout.readline() for _ in range(3))
        assert said.startswith("No share link")
        assert "--host 0.0.0.0" in said
        assert "docker compose" in said
        with urllib.request.urlopen(url) as page:
            assert page.status == 200
        client = Client(url, verbose=False, analytics_enabled=False)
        assert client.predict(handle_file(EXAMPLES / "digit-7.png"), api_name="/predict")["confidences"]
        client.close()
        assert list(tmp_path.rglob("*.png"))
        process.terminate()
        assert process.wait() == 0, process.stdout.read()
        assert not list(tmp_path.rglob("*.png"))
