"""Exercise 7: ask about all four turns of an image, and let the answers agree.

.venv/bin/python docs/course/day7/solutions/four_views.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
from photos import DIRECTIONS


def four_views(classify: Callable[[np.ndarray], np.ndarray], image: np.ndarray, labels: tuple[str, ...]) -> np.ndarray:
    """Mean probabilities (classes,) of an image (S, S, C), from `classify`, which takes one image.

    A picture that points up points left after a quarter turn: the answer about each turned image is turned back.
    """
    order = [labels.index(direction) for direction in DIRECTIONS]
    total = np.zeros(4)
    for quarters in range(4):
        answer = classify(np.rot90(image, quarters))[order]  # by DIRECTIONS
        total += np.roll(answer, -quarters)
    mean = np.zeros(4)
    mean[order] = total / 4
    return mean


if __name__ == "__main__":
    from data_checks import brightest_edge
    from photos import photographs, turn

    def by_rule(image: np.ndarray) -> np.ndarray:
        """All of the probability on what the rule says."""
        return np.eye(4)[brightest_edge(image[None])[0]]

    shown = turn(photographs(400)[0])
    found = [int(four_views(by_rule, image, DIRECTIONS).argmax()) for image in shown]
    alone = brightest_edge(shown)
    truth = np.arange(400) % 4
    # The rule turns with the image, so that its four answers agree. A network's need not.
    print(f"the rule alone {np.mean(alone == truth):.2%}, four views {np.mean(np.array(found) == truth):.2%}")
