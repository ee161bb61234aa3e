"""Exercise 4: somebody forgot eval().

.venv/bin/python docs/course/day4/solutions/forgotten_eval.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import torch
from ours import shipped, some_validation


@torch.no_grad()
def accuracy(*, training: bool, batch: int, sorted_by_class: bool, images: int = 500) -> float:
    """Of the shipped network on validation images, in training or evaluation mode, in batches of a size."""
    network, split = shipped(), some_validation(images)
    order = split.labels.argsort(stable=True) if sorted_by_class else torch.arange(images)
    right = 0
    for chosen in order.split(batch):
        network.train(training)
        right += int((network(split.pixels[chosen]).argmax(dim=1) == split.labels[chosen]).sum())
    return right / images


if __name__ == "__main__":
    print(f"evaluation mode: {accuracy(training=False, batch=50, sorted_by_class=False):.1%}")
    for batch in (50, 2):
        for by_class in (False, True):
            found = accuracy(training=True, batch=batch, sorted_by_class=by_class)
            print(f"training mode, batches of {batch}, sorted by class {by_class}: {found:.1%}")
