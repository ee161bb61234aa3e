"""What `pip install` brings: the wheel, its extras, and a classifier that needs neither torch nor the network."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
NEVER_PART_OF_A_BUILD = (".*", "build", "dist", "runs", "node_modules", "__pycache__", "*.egg-info")

CLASSIFY_ALONE = """
import json, sys

calls = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen", "os.fork", "os.exec"):
        calls.append(event)
sys.addaudithook(watch)

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, NoTorch())

import numpy as np
from thumbnet import Classifier
from thumbnet.model.weights import shipped_weights

answers = {}
for name in shipped_weights():
    classifier = Classifier.load(name)
    scores = classifier.predict(np.full((40, 30, 3), 90, np.uint8)).scores
    answers[name] = [len(scores), sum(score.probability for score in scores)]

try:
    Classifier.load("cifar10", runtime="torch")
except ImportError as error:
    refusal = str(error)
unwanted = [name for name in ("torch", "openvino_telemetry") if sys.modules.get(name)]
print(json.dumps({"answers": answers, "calls": calls, "refusal": refusal, "unwanted": unwanted}))
"""


def read(requirement: str) -> tuple[str, str, str]:
    """A requirement as (name, version specifiers, marker), however it was spelt."""
    parsed = Requirement(requirement)
    return canonicalize_name(parsed.name), str(parsed.specifier), str(parsed.marker or "")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names of the files in the wheel, built from a copy of the repository."""
    source, target = tmp_path_factory.mktemp("wheel") / "source", tmp_path_factory.mktemp("dist")
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*NEVER_PART_OF_A_BUILD))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = target.glob("*.whl")
    return zipfile.ZipFile(built).namelist()


def test_the_wheel_puts_nothing_but_thumbnet_into_site_packages(wheel: list[str]) -> None:
    tops = {name.split("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"thumbnet"}


def test_the_wheel_holds_every_file_of_the_packages(wheel: list[str]) -> None:
    source = ROOT / "src"
    expected = {path.relative_to(source).as_posix() for path in (source / "thumbnet").rglob("*.py")}
    for folder in ("api", "demo", "model"):
        files = (ROOT / folder).rglob("*")
        expected |= {
            f"thumbnet/{path.relative_to(ROOT).as_posix()}"
            for path in files
            if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
        }
    assert expected | {"thumbnet/py.typed"} == {name for name in wheel if name.startswith("thumbnet/")}


@pytest.mark.parametrize("model", ["cifar10", "mnist"])
def test_the_wheel_carries_the_shipped_weights(wheel: list[str], model: str) -> None:
    for file in ("config.json", "model.safetensors", "model.onnx"):
        assert f"thumbnet/model/weights/{model}/{file}" in wheel


def test_the_licence_is_in_the_wheel(wheel: list[str]) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel)


def test_every_shipped_weights_folder_has_at_most_20_megabytes() -> None:
    for folder in (ROOT / "model" / "weights").iterdir():
        assert sum(path.stat().st_size for path in folder.iterdir()) <= 20_000_000, folder


def test_only_the_training_extra_asks_for_torch() -> None:
    with_torch = {
        extra for extra, requirements in EXTRAS.items() if any(read(line)[0] == "torch" for line in requirements)
    }
    assert with_torch == {"train"}
    assert "torch" not in {read(line)[0] for line in PROJECT["dependencies"]}
    assert set(EXTRAS) == {"train", "api", "demo", "mcp", "keras", "docs", "bench", "all", "dev"}


def test_the_demo_extra_is_what_gradio_needs_but_for_pillow() -> None:
    required = {read(line) for line in importlib.metadata.requires("gradio") or [] if "extra ==" not in line}
    assert {read(line) for line in EXTRAS["demo"]} == {line for line in required if line[0] != "pillow"}


def test_what_gradio_needs_is_installed() -> None:
    for line in EXTRAS["demo"]:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate():
            assert requirement.specifier.contains(importlib.metadata.version(requirement.name)), line


def test_the_constraints_pin_every_direct_requirement() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    versions = {canonicalize_name(name): version for name, version in pinned.items()}
    wanted = [*PROJECT["dependencies"], *(line for extra in EXTRAS for line in EXTRAS[extra] if extra != "docs")]
    for requirement in map(Requirement, wanted):
        if requirement.name != "thumbnet" and requirement.marker is None:
            version = versions[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), requirement
    assert (versions["gradio"], versions["pillow"]) == ("6.31.0", "13.0.0")


def test_classifying_needs_no_torch_and_no_network_and_leaves_nothing_at_home(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("CI", None)  # some telemetry is silent in CI
    command = [sys.executable, "-c", CLASSIFY_ALONE]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    for classes, total in seen["answers"].values():
        assert classes == 10
        assert total == pytest.approx(1)
    assert set(seen["answers"]) == {"cifar10", "mnist"}
    assert (seen["unwanted"], seen["calls"]) == ([], [])
    assert "thumbnet[train]" in seen["refusal"]
    assert list(tmp_path.rglob("*")) == []
