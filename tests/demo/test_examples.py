"""The example pictures: small, offered, and each with its source."""

from __future__ import annotations

import re

import pytest
from PIL import Image

from thumbnet.demo.pictures import EXAMPLES, EXAMPLES_OF

OFFERED = [file for files in EXAMPLES_OF.values() for file in files]


def test_the_files_the_list_and_the_sources_agree():
    sources = re.findall(r"^\| `(.+?)` \| .+ \| .+ \|$", (EXAMPLES / "SOURCES.md").read_text("utf-8"), re.MULTILINE)
    files = [path.name for path in EXAMPLES.iterdir() if path.suffix != ".md"]
    assert sorted(OFFERED) == sorted(files) == sorted(sources)


@pytest.mark.parametrize("file", OFFERED)
def test_an_example_is_small(file):
    assert (EXAMPLES / file).stat().st_size <= 60_000
    with Image.open(EXAMPLES / file) as image:
        assert max(image.size) <= 512


def test_every_class_of_the_everyday_model_has_an_example(classifiers):
    assert {f"{label}.png" for label in classifiers["cifar10"].labels} <= set(EXAMPLES_OF["cifar10"])
