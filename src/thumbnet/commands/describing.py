"""What `thumbnet train` says before it starts: recipe, data, and what in the data needs a second look."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from thumbnet.model.encoded import ACCEPTED
from thumbnet.model.files import write_text
from thumbnet.model.weights import find_weights, read_config

from .shared import errors, output

if TYPE_CHECKING:
    import torch

    from thumbnet.model.datasets import Dataset
    from thumbnet.model.recipe import Recipe

FINDINGS = "findings.txt"
SHOWN_CLASSES, SHOWN_LINES = 20, 10
FEW_IMAGES = 10
"""Of fewer training images than this a class cannot be learned."""
FEW_HELD_OUT = 100
"""Of fewer images than this figures are coarse: each is a point and more."""
UNEVEN = 10
"""By how much the largest class may be larger than the smallest before that is worth a word."""

Concern = tuple[str, Sequence[str]]
"""What looks wrong, and each instance of it."""


def describe(recipe: Recipe, chosen: str, data: Dataset, folder: Path, device: torch.device) -> None:
    """Print what will be trained, by which recipe (`chosen` names it and says why), on what and where."""
    table = Table(show_header=False, box=None)
    table.add_row("recipe", escape(chosen))
    table.add_row("training", escape(f"{recipe.architecture}, {recipe.epochs} epochs, seed {recipe.seed}, {device}"))
    if recipe.start_from:
        from thumbnet.model.start import takes_head

        whole = takes_head(read_config(find_weights(recipe.start_from)), data.labels)
        layers = "all layers" if whole else "all layers but the last: better than nothing where images are few"
        table.add_row("starts from", escape(f"the weights of {recipe.start_from}, {layers}"))
    table.add_row(
        "data", escape(f"{data.name}: {len(data.labels):,} classes, {recipe.image_size} × {recipe.image_size}")
    )
    table.add_row("images", f"{len(data.train):,} train, {len(data.validation):,} validation, {len(data.test):,} test")
    if data.findings.cut:
        table.add_row("cut from train", f"{' and '.join(data.findings.cut)}, the same images every time")
    if data.findings.copies:
        table.add_row("copies", f"{data.findings.copies:,} images are exact copies of others in their split")
    table.add_row("run folder", escape(str(folder)))
    output.print(table, highlight=False)


def describe_classes(data: Dataset) -> None:
    """Print how many images each class has; of many classes those with the fewest and the most."""
    splits = {"train": data.train, "validation": data.validation, "test": data.test}
    counts = [split.labels.bincount(minlength=len(data.labels)).tolist() for split in splits.values()]
    rows = list(zip(data.labels, *counts, strict=True))
    table = Table("class", box=None)
    for split in splits:
        table.add_column(split, justify="right")
    shown = rows
    if len(rows) > SHOWN_CLASSES:
        rows.sort(key=lambda row: row[1])
        shown = rows[: SHOWN_CLASSES // 4] + rows[-SHOWN_CLASSES // 4 :]
    for number, (label, *images) in enumerate(shown):
        if len(shown) < len(rows) and number == SHOWN_CLASSES // 4:
            table.add_row(f"… {len(rows) - len(shown):,} classes between …")
        table.add_row(escape(label), *(f"{count:,}" for count in images))
    output.print(table, highlight=False)


def note_concerns(data: Dataset, folder: Path) -> None:
    """Print what should be looked at in a folder of images, and leave the whole of it in a run folder."""
    if concerns := find_concerns(data):
        warn(concerns, folder / FINDINGS)
        write_text(folder / FINDINGS, as_text(concerns))
    else:
        (folder / FINDINGS).unlink(missing_ok=True)


def find_concerns(data: Dataset) -> list[Concern]:
    """What in a folder of images should be looked at before one trusts what is learned from it."""
    found = data.findings
    counts = data.train.labels.bincount(minlength=len(data.labels)).tolist()
    few = [f"{label}: {count}" for label, count in zip(data.labels, counts, strict=True) if count < FEW_IMAGES]
    held_out = {"validation": data.validation, "test": data.test}
    coarse = [
        f"{name}: {len(split):,}, of which each is {1 / len(split):.1%} of the figures"
        for name, split in held_out.items()
        if len(split) < FEW_HELD_OUT
    ]
    tested = data.test.labels.bincount(minlength=len(data.labels)).tolist()
    classes = range(len(counts))
    common, rare = max(classes, key=counts.__getitem__), min(classes, key=counts.__getitem__)
    uneven = []
    if counts[common] >= UNEVEN * counts[rare]:
        uneven.append(
            f"{data.labels[common]}: {counts[common]:,} to learn from, {data.labels[rare]}: {counts[rare]:,}; always "
            f"answering the former is right for {tested[common] / len(data.test):.1%} of the test images"
        )
    suffixes = [f"{suffix}: {count:,}" for suffix, count in sorted(found.other_files.items())]
    concerns: list[Concern] = [
        (f"unreadable images, left out: {len(found.unreadable):,}", found.unreadable),
        (f"exact copies of held-out images, left out of the other splits: {len(found.left_out):,}", found.left_out),
        (f"the same image in two classes: {len(found.ambiguous):,}", found.ambiguous),
        (f"classes with fewer than {FEW_IMAGES} images to learn from: {len(few):,}", few),
        (f"few images to measure on (under {FEW_HELD_OUT}), so that the figures say little: {len(coarse):,}", coarse),
        ("classes of very different size", uneven),
        (f"classes with too few images for every split: {len(found.incomplete):,}", found.incomplete),
        (f"files that are not {ACCEPTED}: {sum(found.other_files.values()):,}", suffixes),
        (f"folders that are neither a class nor a split: {len(found.ignored):,}", found.ignored),
    ]
    return [(heading, lines) for heading, lines in concerns if lines]


def warn(concerns: Sequence[Concern], full_list: Path) -> None:
    """Print the first lines of each concern, and where the others are."""
    for heading, lines in concerns:
        errors.print(f"[yellow]warning:[/] {escape(heading)}", highlight=False, soft_wrap=True)
        for line in lines[:SHOWN_LINES]:
            errors.print(f"  {escape(line)}", highlight=False, soft_wrap=True)
        if len(lines) > SHOWN_LINES:
            more = f"  … {len(lines) - SHOWN_LINES:,} more in {full_list}"
            errors.print(escape(more), highlight=False, soft_wrap=True)


def as_text(concerns: Sequence[Concern]) -> str:
    """All of it, for a file in the run folder."""
    return "\n".join("\n".join((heading, *(f"  {line}" for line in lines), "")) for heading, lines in concerns)
