"""Several runs that differ in their seed alone, as one entry of results.json. Needs no torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .errors import InvalidArgument, WeightsCorrupt
from .weights import RESULTS

NAMES = ("seed", "name", "summary")
"""What the recipes of such runs may differ in."""


def summarize_seeds(folders: Sequence[Path]) -> dict[str, Any]:
    """The entry `seeds` of results.json: seed, validation and test accuracy of each run folder, by seed.

    Raises WeightsCorrupt for a run without results, InvalidArgument where two runs have one seed or other differences.
    """
    runs = {folder: _read(folder) for folder in folders}
    recipes = [{key: value for key, value in run["recipe"].items() if key not in NAMES} for run in runs.values()]
    for folder, recipe in zip(runs, recipes, strict=True):
        if other := sorted(key for key in recipe.keys() | recipes[0].keys() if recipe.get(key) != recipes[0].get(key)):
            raise InvalidArgument(
                f"{folder} and {folders[0]} differ in more than the seed: {', '.join(other)}. Give runs of one recipe."
            )
    rows = [
        {
            "seed": run["recipe"]["seed"],
            "validation_accuracy": run["validation"]["accuracy"],
            "test_accuracy": run["test"]["accuracy"],
        }
        for run in runs.values()
    ]
    if len({row["seed"] for row in rows}) < len(folders):
        raise InvalidArgument(f"seeds must differ; received {[row['seed'] for row in rows]}.")
    return {"seeds": sorted(rows, key=lambda row: row["seed"])}


def _read(folder: Path) -> Any:
    path = folder / "weights" / RESULTS
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsCorrupt(f"{path} cannot be read: {error}. Give run folders whose training has ended.") from error
