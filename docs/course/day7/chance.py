"""What chance does to an accuracy: by the images, by the seed, and to the difference of two models.

.venv/bin/python docs/course/day7/chance.py
"""

from __future__ import annotations

import math
from collections.abc import Sequence


# --8<-- [start:chance]
def standard_error(accuracy: float, images: int) -> float:
    """How far an accuracy strays by the choice of images alone."""
    return math.sqrt(accuracy * (1 - accuracy) / images)


def mean_and_deviation(accuracies: Sequence[float]) -> tuple[float, float]:
    """Of several seeds; the deviation is that of a single run."""
    mean = sum(accuracies) / len(accuracies)
    return mean, math.sqrt(sum((each - mean) ** 2 for each in accuracies) / (len(accuracies) - 1))


# --8<-- [end:chance]


# --8<-- [start:sign]
def sign_test(only_first: int, only_second: int) -> float:
    """How often coins would differ as much: of images that one model gets right and the other wrong, both ways."""
    total, fewer = only_first + only_second, min(only_first, only_second)
    tail = sum(math.comb(total, heads) for heads in range(fewer + 1)) / 2**total
    return min(1.0, 2 * tail)


# --8<-- [end:sign]


def main() -> None:
    """Print what an accuracy of 80 % on some numbers of images means, and two differences."""
    for images in (100, 450, 1000, 10_000):
        print(f"80 % of {images} images: ± {2 * standard_error(0.8, images):.1%} in 19 of 20 cases")
    for first, second in ((12, 20), (12, 40)):
        print(f"{first} images only A gets right, {second} only B: by coins in {sign_test(first, second):.2g} of cases")


if __name__ == "__main__":
    main()
