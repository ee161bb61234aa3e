"""The card: every figure of the results, in words, and nothing that is not in them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from thumbnet.model.card import computed_on, write_card
from thumbnet.model.errors import WeightsCorrupt
from thumbnet.model.markdown import plain
from thumbnet.model.weights import SHIPPED_ROOT, read_config, write_config

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped MNIST weights."""
    return Path(shutil.copytree(SHIPPED_ROOT / "mnist", tmp_path / "mnist"))


def card_of(folder: Path, **changes: Any) -> str:
    """The card of a folder whose results.json has these entries; None takes one away."""
    path = folder / "results.json"
    results = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in results.items() if value is not None}))
    return str(write_card(folder))


@pytest.mark.parametrize("name", ["cifar10", "mnist"])
def test_the_shipped_card_is_what_the_results_say_and_the_hub_can_read_it(name: str, tmp_path: Path) -> None:
    folder = SHIPPED_ROOT / name
    copy = Path(shutil.copytree(folder, tmp_path / name))
    write_card(copy)
    assert (copy / "README.md").read_text() == (folder / "README.md").read_text(), "run: make card"
    data = ModelCard.load(folder / "README.md").data
    results = json.loads((folder / "results.json").read_text())
    assert data.eval_results[0].metric_value == round(results["test"]["accuracy"], 4)
    assert data.eval_results[0].dataset_split == "test"
    assert data.library_name == "thumbnet"
    assert data.pipeline_tag == "image-classification"


def test_the_model_card_of_the_repository_is_that_of_cifar10(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(SHIPPED_ROOT / "cifar10", tmp_path / "model" / "weights" / "cifar10"))
    write_card(copy, tmp_path / "MODEL_CARD.md")
    assert (tmp_path / "MODEL_CARD.md").read_text() == (ROOT / "MODEL_CARD.md").read_text(), "run: make card"
    assert "](model/weights/cifar10/confusion.png)" in (ROOT / "MODEL_CARD.md").read_text()


def test_a_folder_without_results_has_no_card(folder: Path) -> None:
    (folder / "results.json").unlink()
    with pytest.raises(WeightsCorrupt, match=r"results\.json cannot be read"):
        write_card(folder)


def test_every_picture_of_a_card_lies_beside_it(folder: Path) -> None:
    for name in re.findall(r"!\[[^]]+\]\(([^)]+)\)", card_of(folder)):
        assert (folder / name).is_file()
    for picture in folder.glob("*.png"):
        picture.unlink()
    assert "![" not in card_of(folder)


def test_what_was_not_measured_is_left_out(folder: Path) -> None:
    unmeasured = ("reliability", "abstention", "outliers", "corruptions", "mistakes", "baseline")
    card = card_of(folder, **dict.fromkeys(unmeasured))
    assert re.findall("^## (.+)$", card, re.MULTILINE) == ["Use", "Training", "What it cannot do", "By class"]
    assert "spoilt" not in card


def test_what_was_measured_is_in_it(folder: Path) -> None:
    evidence = {"mistakes": 0.91, "noise": 0.92}
    auroc = {"max_probability": 0.987, "energy": 0.654}
    card = card_of(
        folder,
        test=json.loads((folder / "results.json").read_text())["test"] | {"aurc": 0.0123},
        reliability=[],
        abstention={"score": "max_probability", "coverage": 0.95, "evidence": {"max_probability": evidence}},
        outliers={"cifar10": {"images": 1000, "abstained": 0.876, "auroc": auroc}},
        corruptions={
            "images": 77,
            "clean_accuracy": 0.99,
            "mean_accuracy": 0.8642,
            "kinds": {"JPEG": {"parameter": "quality", "severities": [80, 65], "accuracy": [0.77, 0.55]}},
        },
        baseline={
            "bins": {
                "prediction": {"cat": 30, "dog": 10},
                "abstention": {"answered": 37, "abstained": 3},
                **{name: {"1": 40} for name in ("confidence", "brightness", "contrast")},
            },
            "sums": {"confidence": 38.12, "brightness": 16.2, "contrast": 8.1},
        },
    )
    for figure in (
        "0.910",
        "0.920",
        "0.0123",
        "87.6%",
        "0.987",
        "0.654",
        "86.42%",
        "77.0%",
        "55.0%",
        "quality: 80, 65",
        "40 validation images",
        "brightness is 0.405",
        "abstained from 7.5%",
        "cat the most (75.0%)",
    ):
        assert figure in card.replace("\n", " ")
    assert "Shown CIFAR-10, it did not abstain in 12.4% of the cases" in card.replace("\n", " ")


def test_the_card_says_where_a_training_began_and_what_was_held_out(folder: Path) -> None:
    results = json.loads((folder / "results.json").read_text())
    recipe = results["recipe"] | {"start_from": "cifar10", "dataset": "flowers"}
    card = " ".join(card_of(folder, recipe=recipe, data={"fingerprint": "", "cut": ["test"]}).split())
    assert "It started from the weights of `cifar10`." in card
    assert "held out of the training split" not in card
    assert "held out of the training split" in card_of(folder, data={"fingerprint": "", "cut": ["validation"]})


def test_what_there_is_nothing_of_has_no_share(folder: Path) -> None:
    results = json.loads((folder / "results.json").read_text())
    test = results["test"] | {"selective_accuracy": None, "coverage": 0.0}
    results["per_class"]["3"]["precision"] = None
    abstention = results["abstention"] | {"evidence": {}}
    validation = results["validation"] | {"images": 20}
    figures = {"test": test, "per_class": results["per_class"], "abstention": abstention, "validation": validation}
    card = card_of(folder, **figures)
    assert "| accuracy among the answered | – |" in card
    assert "| – |" in next(line for line in card.splitlines() if line.startswith("| 3 |"))
    text = " ".join(card.split())
    assert "None of the test images got an answer" in text
    assert "too few validation images to choose how sureness is measured" in text
    assert "Its probabilities are not calibrated" in text
    assert "gave the abstention threshold (" in text


@pytest.mark.parametrize("label", ["1. apple", "2) pear", "- plum", "+ fig", "-", "3."])
def test_a_class_that_looks_like_an_item_of_a_list_is_none(label: str) -> None:
    assert re.match(r"\\[-+]|\d\\[.)]", plain(label))
    assert plain(label).replace("\\", "") == label
    assert plain("-5 to 1.5 (a-b)") == "-5 to 1.5 (a-b)"


def test_several_seeds_are_summed_up_and_one_is_not(folder: Path) -> None:
    seeds = [
        {"seed": i, "validation_accuracy": 0.9, "test_accuracy": value} for i, value in enumerate((0.95, 0.96, 0.97))
    ]
    assert "| accuracy of 3 seeds, mean ± standard deviation | 96.00% ± 1.00% |" in card_of(folder, seeds=seeds)
    assert "seeds" not in card_of(folder, seeds=seeds[:1])


def test_a_card_lists_few_of_many_classes_and_survives_their_names(folder: Path) -> None:
    rows = {f"class {i}": {"images": 10, "precision": 0.5, "recall": i / 100} for i in range(50)}
    card = card_of(folder, per_class={"a|b": {"images": 10, "precision": 0.5, "recall": 0.0}} | rows)
    assert "The 20 of 51 classes that are recognised least" in card
    assert r"| a\|b | 10 | 50.0% | 0.0% |" in card
    assert "class 18" in card
    assert "class 19" not in card


def test_names_of_classes_are_no_markdown(folder: Path) -> None:
    odd = {
        "<b>x": {"images": 10, "precision": 0.5, "recall": 0.0},
        "*star*": {"images": 9, "precision": 1, "recall": 1},
    }
    card = card_of(folder, per_class=odd)
    assert r"| \<b\>x | 10 |" in card
    assert r"| \*star\* | 9 |" in card


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({}, ""),
        ({"device": "cpu", "threads": 2, "precision": "fp32"}, " on one CPU with 2 threads (fp32)"),
        ({"device": "cuda", "gpu": "Fast GPU", "threads": 4, "precision": "bf16"}, " on one Fast GPU (bf16)"),
        (
            {"device": "cuda", "gpu": "Fast GPU", "threads": 4, "precision": "bf16", "processes": 4, "moved": True},
            ", lastly on 4 processes, each with a Fast GPU (bf16)",
        ),
    ],
)
def test_the_card_says_what_a_training_computed_on(figures: dict[str, object], said: str) -> None:
    assert computed_on(figures) == said


def test_a_folder_called_like_a_built_in_data_set_is_not_taken_for_it(folder: Path) -> None:
    recipe = json.loads((folder / "results.json").read_text())["recipe"]
    card = card_of(folder, dataset="cifar10", recipe=recipe | {"dataset": "data/cifar10"})
    (evaluation,) = ModelCard(card).data.eval_results or []
    assert (evaluation.dataset_name, evaluation.dataset_type) == ("cifar10", "imagefolder")
    assert "uoft-cs" not in card
    assert "on the test split of cifar10," in card


def test_a_card_loads_its_own_model_and_no_shipped_one_of_that_name(folder: Path) -> None:
    assert 'Classifier.load("mnist")' in str(write_card(folder))
    (folder / "model.onnx").write_bytes(b"another model")
    write_config(folder, read_config(folder))
    assert 'Classifier.load("path/of/this/folder")' in str(write_card(folder))
