"""`thumbnet drift`, run as an operator runs it: from a saved page or a pipe, where there is no torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from thumbnet.cli import app
from thumbnet.model.drift import BRIGHTNESS_BOUNDS, HISTOGRAMS, Counts, bin_name
from thumbnet.model.exported import ABSTENTIONS, SERIES
from thumbnet.model.weights import SHIPPED_ROOT, read_config, write_config

WITHOUT = "import sys; sys.modules |= dict.fromkeys(sys.argv.pop(1).split(',')); from thumbnet.cli import app; app()"


def counted(images: int, brightness: float) -> Counts:
    """Images of one brightness, that were all taken for sevens."""
    bins = {feature: {bin_name(bound): 0 for bound in bounds} for feature, bounds in HISTOGRAMS.items()}
    bins["brightness"][bin_name(brightness)] = bins["confidence"]["0.9"] = bins["contrast"]["0.25"] = images
    bins["prediction"] = dict.fromkeys("0123456789", 0) | {"7": images}
    bins["abstention"] = {"answered": images, "abstained": 0}
    return Counts(bins, dict.fromkeys(HISTOGRAMS, brightness * images))


def page(counts: Counts) -> str:
    """What a server with these counts exports."""
    lines = [
        f'thumbnet_predictions_total{{model="mnist",label="{label}"}} {count}'
        for label, count in counts.bins["prediction"].items()
        if count
    ]
    lines.append(f'{ABSTENTIONS}{{model="mnist"}} {counts.bins["abstention"]["abstained"]}')
    for feature, series in SERIES.items():
        upto = 0
        for bound, count in counts.bins[feature].items():
            upto += count
            lines.append(f'{series}_bucket{{model="mnist",le="{bound}"}} {upto}')
        lines.append(f'{series}_bucket{{model="mnist",le="+Inf"}} {upto}')
        lines.append(f'{series}_sum{{model="mnist"}} {counts.sums[feature]}')
    return "\n".join(lines) + "\n"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """The MNIST weights as far as drift needs them, with a baseline of dark images."""
    folder = tmp_path / "weights"
    folder.mkdir()
    shutil.copy(SHIPPED_ROOT / "mnist" / "config.json", folder)
    (folder / "results.json").write_text(json.dumps({"baseline": counted(1000, 0.15).to_dict()}))
    assert write_config(folder, read_config(folder)).name == "mnist"
    return folder


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A folder of saved pages."""
    folder = tmp_path / "pages"
    folder.mkdir()
    dark, bright = counted(600, 0.15), counted(600, 0.9)
    both = Counts(
        {f: {name: n + bright.bins[f][name] for name, n in row.items()} for f, row in dark.bins.items()},
        {f: total + bright.sums[f] for f, total in dark.sums.items()},
    )
    for name, counts in (("dark", dark), ("bright", bright), ("both", both), ("few", counted(5, 0.9))):
        (folder / name).write_text(page(counts))
    (folder / "image").write_bytes(b"\xff\xd8\xff\xe0")
    (folder / "empty").touch()
    return folder


def drift(*arguments: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["drift", *map(str, arguments)], input=stdin)


def test_images_like_those_of_the_baseline_are_stable(pages: Path, weights: Path) -> None:
    result = drift(pages / "dark", "--weights", weights)
    assert result.exit_code == 0
    assert "mnist, 600 predictions against 1,000 validation images: stable." in result.stdout


def test_a_change_is_shown_and_gives_exit_code_1(pages: Path, weights: Path) -> None:
    result = drift(pages / "bright", "--weights", weights)
    assert result.exit_code == 1
    assert result.stderr == ""
    assert "changed (brightness)" in result.stdout
    (row,) = (line for line in result.stdout.splitlines() if line.startswith(" brightness"))
    assert "mean 0.150" in row
    assert "mean 0.900" in row


def test_a_page_can_come_through_a_pipe(pages: Path, weights: Path) -> None:
    piped = drift("-", "--weights", weights, "--json", stdin=(pages / "bright").read_text())
    assert piped.exit_code == 1
    assert piped.stdout == drift(pages / "bright", "--weights", weights, "--json").stdout


def test_a_byte_order_mark_before_a_page_is_no_part_of_it(pages: Path, weights: Path) -> None:
    (pages / "marked").write_text((pages / "dark").read_text(), encoding="utf-8-sig")
    assert drift(pages / "marked", "--weights", weights).exit_code == 0


def test_json_has_everything(pages: Path, weights: Path) -> None:
    said = json.loads(drift(pages / "bright", "--weights", weights, "--json").stdout)
    assert (said["weights"], said["verdict"]) == ("mnist", "changed")
    assert (said["predictions"], said["baseline_images"]) == (600, 1000)
    assert {name: row["verdict"] for name, row in said["features"].items() if row["verdict"] != "stable"} == {
        "brightness": "changed"
    }
    assert said["features"]["brightness"]["found"] == {"0.15": 0, "0.9": 600}


def test_since_compares_only_what_came_later(pages: Path, weights: Path) -> None:
    result = drift(pages / "both", "--since", pages / "bright", "--weights", weights)
    assert result.exit_code == 0
    assert "600 predictions" in result.stdout


def test_too_few_predictions_are_not_judged_and_give_exit_code_3(pages: Path, weights: Path) -> None:
    result = drift(pages / "few", "--weights", weights)
    assert result.exit_code == 3
    assert "too few to judge, 200 are needed" in result.stdout


def test_plot_draws_a_picture_and_needs_no_torch(pages: Path, weights: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "drift.png"
    arguments = ["drift", pages / "bright", "--weights", weights, "--plot", target]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, "torch,torchvision,openvino", *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    assert f"Picture: {target}" in done.stdout
    with Image.open(target) as image:
        assert image.format == "PNG"


def test_without_matplotlib_nothing_is_drawn_and_the_message_says_what_to_install(pages: Path, weights: Path) -> None:
    arguments = ["drift", pages / "bright", "--weights", weights, "--plot", "drift.png"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, "matplotlib", *map(str, arguments)], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "error: this needs matplotlib" in done.stderr
    assert "thumbnet[train]" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "cannot read {pages}/nowhere: No such file"),
        (["."], "Is a directory"),
        (["image"], "{pages}/image is not UTF-8 text"),
        (["empty"], "{pages}/empty cannot be compared: it has no thumbnet_… series; save /metrics of the API."),
        (["few", "--since", "{pages}/bright"], "Without --since"),
        (["dark", "--plot", "{pages}/dark/drift.png"], "Give --plot another name"),
        (["dark", "--plot", "drift.jpg"], "--plot must be the name of a PNG file"),
        (["dark", "--weights", "cifar"], "Did you mean 'cifar10'?"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_1(arguments: list[str], message: str, pages: Path, weights: Path) -> None:
    name, *options = (argument.format(pages=pages) for argument in arguments)
    result = drift(pages / name, "--weights", weights, *options)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert message.format(pages=pages) in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "series", [*SERIES.values(), ABSTENTIONS, "thumbnet_image_brightness_sum", "thumbnet_confidence_sum"]
)
def test_a_page_of_which_a_part_is_missing_is_an_error_and_not_a_change(
    series: str, pages: Path, weights: Path
) -> None:
    lines = (pages / "dark").read_text().splitlines(keepends=True)
    result = drift("-", "--weights", weights, stdin="".join(line for line in lines if not line.startswith(series)))
    assert (result.exit_code, result.stdout) == (1, "")
    said = "the" if series in SERIES.values() else f"has no {series}"
    assert f"it counts 600 predictions of mnist, but {said}" in result.stderr


def test_another_model_is_an_error_and_not_a_change(pages: Path, weights: Path) -> None:
    text = (pages / "dark").read_text().replace('model="mnist"', 'model="flowers"')
    result = drift("-", "--weights", weights, "--json", stdin=text)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "standard input cannot be compared: it knows no model 'mnist', but flowers" in result.stderr


def test_the_bounds_reach_from_darkness_to_white() -> None:
    assert BRIGHTNESS_BOUNDS[-1] == 1
    for bounds in HISTOGRAMS.values():
        assert list(bounds) == sorted(set(bounds))
        assert len({bin_name(bound) for bound in bounds}) == len(bounds)
