"""How long a training takes: the recipe cifar10-fast, and the settings of airbench94_muon in the same loop, in turn.

    python benchmarks/training.py                 five seeds of the recipe, one of the settings it is compared with
    python benchmarks/training.py --seeds 1 --compared-seeds 0 --out /tmp/quick.json

Each run is a process of its own; the two recipes take turns while both have seeds left. Seconds are those of the steps:
data are loaded before, nothing is compiled, and what the validation after each epoch takes is not counted. The share of
the matrix rate is what the convolutions need, counted as three forward passes for each image, over what the machine
does with bf16 matrices of 4096 × 4096 in the same process (fp32 where the training is in fp32).

The test split is read once by each run, at its end, and nothing is chosen from it: one view of each image, and the mean
of the six that the speed records take (Jordan 2024, arXiv:2404.00498), which are the image and two copies shifted by a
pixel, each also mirrored. Needs two idle cores, `pip install 'thumbnet[train]'` and the data set.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from machine import describe_machine, use_cores
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from torch import Tensor, nn

    from thumbnet.model.datasets import Dataset, Split
    from thumbnet.model.recipe import Recipe

RESULTS = Path(__file__).parent / "results" / "training.json"
PACKAGES = ("thumbnet", "torch", "torchvision", "numpy")
FAST, COMPARED = "cifar10-fast", "airbench94"
MATRIX, MATRIX_SECONDS = 4096, 3.0
LARGEST_BATCH = 500


def build_recipes() -> dict[str, Recipe]:
    """Our recipe, and the one it is compared with: eight epochs at full size, batches of 2,000, shifts by two."""
    from thumbnet.model.recipes import RECIPES

    compared = RECIPES["cifar10-airbench"].replace(
        name=COMPARED,
        summary="The settings of airbench94_muon in our loop.",
        epochs=8,
        batch_size=2000,
        translate=2,
        cutout=0,
        start_size=None,
    )
    return {FAST: RECIPES[FAST], COMPARED: compared}


def measure(recipe: Recipe, data: Dataset | None = None) -> dict[str, Any]:
    """Train a network and say what it took and what it knows. Run in a process of its own.

    data   by default what the recipe names
    """
    import torch

    from thumbnet.model.architectures import count_macs
    from thumbnet.model.checkpoint import read_progress
    from thumbnet.model.datasets import load_dataset
    from thumbnet.model.machine import uses_bf16
    from thumbnet.model.train import CHECKPOINT, evaluate_split, plan_epoch, train, training_size

    device = torch.device("cpu")
    data = data or load_dataset(recipe.dataset, image_size=recipe.image_size)
    rate = matrix_rate(MATRIX, MATRIX_SECONDS, bf16=uses_bf16(recipe, device))
    with tempfile.TemporaryDirectory() as folder:
        network = train(recipe, data, Path(folder), device=device, show_progress=sys.stderr.isatty())
        seconds = read_progress(Path(folder) / CHECKPOINT).seconds
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # of Linux, in KiB
    batch, _, steps = plan_epoch(recipe, len(data.train))
    images = steps * batch
    channels = data.train.pixels.shape[1]
    macs = sum(images * count_macs(network, channels, training_size(recipe, e)) for e in range(recipe.epochs))
    return {
        "seed": recipe.seed,
        "seconds": round(seconds, 1),
        "images_per_second": round(images * recipe.epochs / seconds, 1),
        "peak_mib": round(peak),
        "matrix_teraflops": round(rate / 1e12, 3),
        "share_of_matrix_rate": round(6 * macs / seconds / rate, 3),
        "validation_accuracy": accuracy(six_views(network, data.validation, recipe), data.validation),
        "test_accuracy_one_view": evaluate_split(network, data.test, recipe, device)[0],
        "test_accuracy": accuracy(six_views(network, data.test, recipe), data.test),
    }


def measure_recipe(values: dict[str, Any]) -> dict[str, Any]:
    """What `measure` says of a recipe that has come to this process as plain values."""
    from thumbnet.model.recipe import Recipe

    return measure(Recipe.from_dict(values))


def matrix_rate(size: int, seconds: float, *, bf16: bool) -> float:
    """Floating-point operations a second of products of two square matrices."""
    import torch

    factor = torch.randn(size, size).to(torch.bfloat16 if bf16 else torch.float32)
    factor @ factor  # the first prepares what the others use
    products, started = 0, time.perf_counter()
    while (spent := time.perf_counter() - started) < seconds:
        factor @ factor
        products += 1
    return 2 * size**3 * products / spent


def six_views(network: nn.Module, split: Split, recipe: Recipe) -> Tensor:
    """(N, classes) mean logits of six views; the image and its mirror image count as much as the other four."""
    import torch
    import torch.nn.functional as F

    from thumbnet.model.machine import autocast

    def logits(pixels: Tensor) -> Tensor:
        with torch.no_grad(), autocast(recipe, pixels.device):
            return sum(network(view.contiguous(memory_format=torch.channels_last)).float() for view in both(pixels)) / 2

    def both(pixels: Tensor) -> tuple[Tensor, Tensor]:
        return pixels, pixels.flip(-1)

    network.eval()
    rows = []
    for pixels in split.pixels.split(LARGEST_BATCH):
        padded = F.pad(pixels.float(), (1, 1, 1, 1), mode="reflect")
        shifted = (logits(padded[:, :, :-2, :-2]) + logits(padded[:, :, 2:, 2:])) / 2
        rows.append((logits(pixels) + shifted) / 2)
    return torch.cat(rows)


def accuracy(logits: Tensor, split: Split) -> float:
    """Share of the images whose largest logit is that of their class."""
    return float((logits.argmax(dim=1) == split.labels).float().mean())


def summarize(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over the seeds, and the standard deviation of the accuracy (0 of a single run)."""
    accuracies = [run["test_accuracy"] for run in runs]
    return {
        "seeds": len(runs),
        "seconds": round(statistics.mean(run["seconds"] for run in runs), 1),
        "test_accuracy": round(statistics.mean(accuracies), 5),
        "deviation": round(statistics.stdev(accuracies), 5) if len(runs) > 1 else 0.0,
        "runs": list(runs),
    }


def show(results: dict[str, Any]) -> None:
    """Print the results as a table."""
    machine = results["machine"]
    title = f"{machine['processor']}, {machine['cores']} cores, {', '.join(machine['flags'])}"
    columns = ("recipe", "seeds", "seconds", "images/s", "peak MiB", "of the matrix rate", "test, six views")
    table = Table(*columns, title=title)
    for name, recipe in results["recipes"].items():
        first = recipe["runs"][0]
        table.add_row(
            name,
            str(recipe["seeds"]),
            f"{recipe['seconds']:,}",
            f"{first['images_per_second']:,}",
            f"{first['peak_mib']:,}",
            f"{first['share_of_matrix_rate']:.0%}",
            f"{recipe['test_accuracy']:.2%} ± {recipe['deviation']:.2%}",
        )
    console = Console(highlight=False)
    console.print(table)
    if share := results["share_of_time"]:
        console.print(f"{FAST} takes {share:.2f} of the time of {COMPARED}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Train everything and write it down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help=f"of {FAST}")
    parser.add_argument("--compared-seeds", type=int, default=1, help=f"of {COMPARED}")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    if min(options.seeds, options.compared_seeds) < 1 and (options.seeds < 1 or options.out == RESULTS):
        parser.error("give at least one seed, and --out where nothing is compared.")
    use_cores(options.cores)

    from thumbnet.model.files import write_json

    recipes = build_recipes()
    counts = {FAST: options.seeds, COMPARED: options.compared_seeds}
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in recipes}
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as fresh:
        for seed in range(max(counts.values())):
            for name in (name for name in recipes if seed < counts[name]):
                run = fresh.submit(measure_recipe, recipes[name].to_dict() | {"seed": seed}).result()
                print(f"{name}, seed {seed}: {run}", flush=True)
                runs[name].append(run)
    summaries = {name: summarize(done) for name, done in runs.items() if done}
    both = all(runs.values())
    results = {
        "machine": describe_machine(*PACKAGES),
        "share_of_time": round(runs[FAST][0]["seconds"] / runs[COMPARED][0]["seconds"], 3) if both else None,
        "recipes": summaries,
        "settings": {name: recipes[name].to_dict() for name in summaries},
    }
    show(results)
    write_json(options.out, results)


if __name__ == "__main__":
    main()
