"""Day 7: what the page says of data, mistakes, chance and tuning is what its code finds, and what its runs found."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from thumbnet.model.architectures import build, count_parameters
from thumbnet.model.recipes import load_recipe
from thumbnet.model.search import parse_space

from .conftest import COURSE, Load

Photographs = tuple[np.ndarray, list[str]]


@pytest.fixture(scope="module")
def photographs() -> Photographs:
    """The photographs of the worked example, read once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(COURSE / "day7")
        module = importlib.import_module("photos")
        del sys.modules["photos"]
    found: Photographs = module.photographs()
    return found


@pytest.fixture
def gradients() -> np.ndarray:
    """Sixty pictures that are bright above, (60, 32, 32, 3), each with noise of its own."""
    light = np.linspace(220, 40, 32)[:, None, None]
    return (light + np.random.default_rng(0).normal(0, 15, (60, 32, 32, 3))).clip(0, 255).astype(np.uint8)


@pytest.fixture
def sky(load: Load, gradients: np.ndarray, tmp_path: Path) -> Path:
    """The folder of the page, made from them."""
    things = ("cat", "ship")
    load("photos").write_folder(tmp_path / "sky", gradients, [f"{n:05}-{things[n % 2]}" for n in range(60)])
    return tmp_path / "sky"


def test_every_photograph_is_used_once_and_turned_as_its_folder_says(
    load: Load, gradients: np.ndarray, sky: Path
) -> None:
    photos, data = load("photos"), load("project").read_photos(sky)
    assert sorted(data.labels) == sorted(photos.DIRECTIONS)
    assert len(list(sky.rglob("*.png"))) == 60 == len(data.train) + len(data.validation) + len(data.test)
    guessed = load("data_checks").brightest_edge(data.train.pixels.numpy().transpose(0, 2, 3, 1))
    assert [photos.DIRECTIONS[guess] for guess in guessed] == [data.labels[label] for label in data.train.labels]


def test_photographs_come_with_a_name_of_their_own(photographs: Photographs) -> None:
    images, names = photographs
    assert len(images) == len(set(names)) == 3000
    assert images.shape[1:] == (32, 32, 3)
    assert all(name[5] == "-" and name[6:].isalpha() for name in names)


def test_a_near_copy_is_found_though_it_is_lighter_or_turned(load: Load) -> None:
    images = np.random.default_rng(0).integers(0, 200, (5, 32, 32, 3)).astype(np.uint8)
    again = images[3] + np.uint8(40)
    near_copies = load("data_checks").near_copies
    assert near_copies(np.concatenate([images, again[None]])) == [(3, 5)]
    assert near_copies(np.concatenate([images, np.rot90(again)[None]])) == [(3, 5)]
    assert near_copies(images) == []


def test_the_recipe_is_that_of_the_commands_on_the_page(load: Load, sky: Path, page: str) -> None:
    project = load("project")
    recipe = project.base_recipe(sky)
    assert recipe.start_from == ""
    assert f"--set validation_share={recipe.validation_share}" in page
    assert f"--set epochs={recipe.epochs}" in page
    assert f"--set 'options={json.dumps(dict(recipe.options))}'" in page
    assert recipe == load_recipe("images").replace(
        name="sky", dataset=str(sky), validation_share=0.15, epochs=recipe.epochs, **project.NETWORK
    )
    for entry in project.SEARCH:
        assert f"--search {entry}" in page
    assert f"--trials {project.TRIALS} --epochs {project.TRIAL_EPOCHS}" in page


def test_a_variant_is_learned_with_each_seed_and_a_study_finds_a_best(load: Load, sky: Path, tmp_path: Path) -> None:
    project = load("project")
    data = project.read_photos(sky)
    recipe = project.base_recipe(sky).replace(epochs=1, batch_size=14)
    found = project.learn_each({"flip": "none"}, data, recipe, tmp_path / "runs", (0, 1))
    assert len(found) == 2
    assert json.loads((tmp_path / "runs" / "1" / "recipe.json").read_text("utf-8"))["seed"] == 1
    network, again = project.learn(recipe.replace(flip="none"), data, tmp_path / "runs" / "0")  # read, not trained
    assert again == found[0]
    shares = load("mistakes").probabilities(network, data.validation.pixels)
    assert shares.sum(axis=1) == pytest.approx(np.ones(len(data.validation)), abs=1e-5)
    assert np.mean(shares.argmax(axis=1) == data.validation.labels.numpy()) == pytest.approx(again, abs=0.15)
    assert set(parse_space(project.SEARCH, recipe)) == {"learning_rate", "label_smoothing", "translate"}


def test_mistakes_are_counted_sorted_and_found_by_kind(load: Load, sky: Path) -> None:
    mistakes = load("mistakes")
    labels = np.array([0, 0, 1, 1, 1])
    shares = np.array([[0.9, 0.1], [0.3, 0.7], [0.8, 0.2], [0.6, 0.4], [0.1, 0.9]])
    assert mistakes.confusion(labels, shares.argmax(axis=1), 2).tolist() == [[1, 1], [2, 1]]
    assert mistakes.most_confident_mistakes(shares, labels, 2).tolist() == [2, 1]
    kinds = mistakes.accuracy_by_kind(shares.argmax(axis=1) == labels, ["cat", "ship", "cat", "cat", "ship"])
    assert kinds == {"cat": {"images": 3, "accuracy": 0.3333}, "ship": {"images": 2, "accuracy": 0.5}}
    split = load("project").read_photos(sky).validation
    assert set(mistakes.kinds_of(split, sky)) <= {"cat", "ship"}


def test_chance(load: Load) -> None:
    chance = load("chance")
    assert chance.standard_error(0.8, 400) == pytest.approx(0.02)
    assert chance.mean_and_deviation([0.7, 0.8, 0.9]) == pytest.approx((0.8, 0.1))
    assert chance.sign_test(5, 5) == 1
    assert chance.sign_test(0, 5) == pytest.approx(2 / 32)


def test_the_chosen_variant_was_the_best_on_validation(results: Any, load: Load) -> None:
    variants = results["variants"]
    assert variants[results["chosen"]]["mean"] == max(row["mean"] for row in variants.values())
    assert set(results["test"]) == {"baseline", results["chosen"]}
    assert {len(row["accuracies"]) for row in variants.values()} == {len(load("project").SEEDS)}
    assert sum(results["splits"].values()) == results["data"]["images"] == load("photos").IMAGES


def test_the_runs_hold_what_the_page_says_of_them(results: Any) -> None:
    variants, test, analysis = (results[part] for part in ("variants", "test", "analysis"))
    assert results["chosen"] == "no_flip_cutout"
    assert min(variants["no_flip"]["accuracies"]) > max(variants["baseline"]["accuracies"])
    assert min(variants["baseline"]["accuracies"]) > results["data"]["brightest_edge"] > 0.25
    cutout = variants["no_flip_cutout"]
    gained = cutout["mean"] - variants["no_flip"]["mean"]
    assert gained > max(cutout["deviation"], variants["no_flip"]["deviation"])
    assert sorted(cutout["accuracies"])[1] > max(variants["no_flip"]["accuracies"])
    assert results["less_data"]["accuracy"] < min(variants["no_flip"]["accuracies"])
    lost = {name: analysis[name]["accuracy"] - test[name]["accuracy"] for name in test}
    assert -0.03 < lost["baseline"] < 0 < lost["no_flip_cutout"] < 0.03 < 2**0.5 * test["baseline"]["standard_error"]
    assert test["no_flip_cutout"]["accuracy"] - 2 * test["no_flip_cutout"]["standard_error"] > 0.5
    assert results["four_views"]["four"] > results["four_views"]["one"]


def test_mirroring_mixed_up_left_and_right(results: Any) -> None:
    before, after = (results["analysis"][name] for name in ("baseline", "no_flip"))
    sideways, upright = ([before["recall"][name] for name in names] for names in (("left", "right"), ("up", "down")))
    assert max(sideways) < min(upright)
    assert after["sideways_mixed_up"] / after["mistakes"] < before["sideways_mixed_up"] / before["mistakes"]
    chosen = list(results["analysis"]["no_flip_cutout"]["kinds"])
    assert (chosen[:2], chosen[-2:]) == (["dog", "frog"], ["horse", "automobile"])


def test_the_study_found_less_than_it_seemed_to(results: Any, load: Load, tmp_path: Path) -> None:
    study, variants = results["study"], results["variants"]
    recipe = load("project").base_recipe(tmp_path)
    first, *others = study["trials"].values()
    assert {field: first[field] for field in study["best"]} == {f: getattr(recipe, f) for f in study["best"]}
    winner = study["trials"]["5"]
    assert winner["accuracy"] == study["accuracy"] == max(trial["accuracy"] for trial in others)
    assert winner["learning_rate"] > first["learning_rate"]
    assert [trial["ended"] for trial in others].count("stopped early") == 1
    seemed = study["accuracy"] - first["accuracy"]
    kept, by_reason = (variants[name]["mean"] - variants["no_flip"]["mean"] for name in ("tuned", "no_flip_cutout"))
    assert 0.045 < seemed < 0.05
    assert 0.01 < kept < 0.015
    assert by_reason > 2 * kept


def test_the_runs_are_of_the_network_as_it_is(results: Any, load: Load, tmp_path: Path) -> None:
    recipe = load("project").base_recipe(tmp_path)
    network = build("thumbnet", num_classes=4, in_channels=3, image_size=32, options=recipe.options)
    assert {row["parameters"] for row in results["test"].values()} == {count_parameters(network)}


def test_an_analysis_adds_up(results: Any) -> None:
    for name, found in results["analysis"].items():
        counts = np.array(found["confusion"])
        assert (
            counts.sum() == results["splits"]["validation"] == sum(kind["images"] for kind in found["kinds"].values())
        )
        assert counts.sum() - counts.trace() == found["mistakes"]
        first = results["variants"][name]["accuracies"][0]
        assert 1 - found["mistakes"] / counts.sum() == pytest.approx(first, abs=0.005)  # bf16 where there is


def test_the_checks_find_what_the_page_says(
    load: Load, photographs: Photographs, results: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load("photos").write_folder(tmp_path / "sky", *photographs)
    load("data_checks").main(tmp_path / "sky")
    load("chance").main()
    found = capsys.readouterr().out
    assert f"{results['data']['near_copies']} pairs of near copies" in found
    assert f"{results['data']['brightest_edge']:.2%}" in found
    assert "80 % of 100 images: ± 8.0%" in found


@pytest.mark.parametrize("name", ["photos", "confusion", "ablation", "worst"])
def test_a_committed_figure_is_what_its_code_draws(
    load: Load, folder: Path, name: str, photographs: Photographs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = load("figures")
    monkeypatch.setattr(figures, "photographs", lambda: photographs)
    for path in load("style").draw(tmp_path, name, *figures.FIGURES[name]):
        assert path.read_text("utf-8") == (folder / "images" / path.name).read_text("utf-8")


def test_the_readme_asks_for_what_the_checklist_does(folder: Path, page: str) -> None:
    template = (folder / "README-template.md").read_text("utf-8")
    assert "(README-template.md)" in page
    for section in ("## Try it", "## The data", "## What was tried", "## Where it goes wrong", "## Licence"):
        assert section in template


def test_how_many(load: Load) -> None:
    assert [load("how_many").images_for(0.8, margin) for margin in (0.02, 0.01)] == [1600, 6400]


def test_per_class(load: Load) -> None:
    solution, counts = load("per_class"), np.array([[40, 10], [5, 45]])
    assert solution.recall(counts) == pytest.approx([0.8, 0.9])
    assert solution.precision(counts) == pytest.approx([40 / 45, 45 / 55])
    assert np.isnan(solution.precision(np.array([[3, 0], [2, 0]]))[1])


def test_mirrors(load: Load) -> None:
    solution, directions = load("mirrors"), load("photos").DIRECTIONS
    found = {name: [solution.becomes(change, each) for each in directions] for name, change in solution.CHANGES.items()}
    assert found["mirror left-right"] == ["up", "right", "down", "left"]
    assert found["mirror top-bottom"] == ["down", "left", "up", "right"]
    assert found["half turn"] == ["down", "right", "up", "left"]


def test_leak(load: Load) -> None:
    solution = load("leak")
    assert solution.by_formula(0.7) == pytest.approx(0.973)
    assert solution.counted(0.7) == pytest.approx(0.973, abs=0.01)
    assert solution.counted_by_photograph(0.7) == 0


def test_winner(load: Load) -> None:
    few, many = (load("winner").seems(0.8, images, 20, repeats=500) for images in (100, 10_000))
    assert few > 0.86 > 0.81 > many > 0.8


def test_coins(load: Load) -> None:
    assert load("coins").by_coins(18, 32) == pytest.approx(load("chance").sign_test(18, 32), abs=0.005)


def test_four_views(load: Load) -> None:
    solution, labels = load("four_views"), ("down", "left", "right", "up")
    image = np.zeros((4, 4, 1))
    image[:2] = 1

    def sees(shown: np.ndarray) -> np.ndarray:
        """Sure of the bright edge, but never of left, which it takes for right."""
        edge = load("photos").DIRECTIONS[load("data_checks").brightest_edge(shown[None])[0]]
        return np.eye(4)[labels.index("right" if edge == "left" else edge)]

    assert sees(np.rot90(image)).argmax() == labels.index("right")
    for quarters, direction in enumerate(load("photos").DIRECTIONS):
        mean = solution.four_views(sees, np.rot90(image, quarters), labels)
        assert labels[int(mean.argmax())] == direction
        assert sorted(mean) == pytest.approx([0, 0, 0.25, 0.75])


@torch.no_grad()
def test_four_views_of_a_network_agree_when_the_image_is_turned(load: Load) -> None:
    labels, weights = ("down", "left", "right", "up"), np.random.default_rng(0).normal(size=(4, 192))
    image = np.random.default_rng(1).normal(size=(8, 8, 3))

    def classify(shown: np.ndarray) -> np.ndarray:
        """A network of one layer."""
        return torch.from_numpy(weights @ shown.ravel()).softmax(0).numpy()

    directions, four_views = load("photos").DIRECTIONS, load("four_views").four_views
    order = [labels.index(direction) for direction in directions]
    once, turned = (four_views(classify, shown, labels)[order] for shown in (image, np.rot90(image)))
    assert turned == pytest.approx(np.roll(once, 1))
