"""demo/ as a Hugging Face Space."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def test_the_front_matter_names_the_image_and_the_port_of_the_demo():
    _, front, _ = (ROOT / "demo" / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    space = yaml.safe_load(front)
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    last = dockerfile[dockerfile.rindex("\nFROM ") :]
    assert space["sdk"] == "docker"
    assert last.startswith("\nFROM run AS demo\n")
    assert f"EXPOSE {space['app_port']}" in last


def test_app_py_starts_the_demo_as_a_script(find_free_port, tmp_path):
    port = find_free_port()
    environment = {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(tmp_path), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, str(ROOT / "demo" / "app.py")]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=os.environ | environment
    ) as process:
        assert f":{port} " in process.stdout.readline()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}") as page:
            assert b"thumbnet" in page.read()
        process.terminate()
