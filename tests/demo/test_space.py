"""demo/ as a Hugging Face Space."""

from __future__ import annotations

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
