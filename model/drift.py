"""Drift: does a model that is in use still see and answer what it did when it was measured?

The API counts its answers and the looks of the images. The same counts over the validation images are the baseline in
results.json. Feature by feature, the shares of the two are compared by the population stability index.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from .errors import InvalidArgument, WeightsCorrupt, WeightsError
from .images import Pixels
from .measures import Flags, Floats
from .weights import RESULTS, read_config, read_results

CONFIDENCE_BOUNDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 1.0)
BRIGHTNESS_BOUNDS = tuple(i / 20 for i in range(1, 21))
CONTRAST_BOUNDS = tuple(i / 40 for i in range(1, 21))
"""Upper bounds of the buckets of a histogram; a value belongs to the first that is not smaller. The last is the most
that a value can be."""

HISTOGRAMS = {"confidence": CONFIDENCE_BOUNDS, "brightness": BRIGHTNESS_BOUNDS, "contrast": CONTRAST_BOUNDS}
FEATURES = ("prediction", "abstention", *HISTOGRAMS)
ANSWERED, ABSTAINED = "answered", "abstained"

WATCH, CHANGED = 0.1, 0.25
"""How the index is usually read: less is stable, more has changed (Siddiqi 2006, Credit Risk Scorecards)."""
FEWEST = 200
"""With fewer predictions than this nothing is judged."""
CERTAINTY = 0.999
VERDICTS = ("too few", "stable", "unclear", "watch", "changed")
"""From nothing to say to worst. Unclear is what would be worse than stable, were it not within what chance can do."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many images fell into each bin of each feature.

    bins   feature → bin → images; a bin is a class, "answered" or "abstained", or the upper bound of a bucket
    sums   histogram → sum of its values
    """

    bins: dict[str, dict[str, int]]
    sums: dict[str, float]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Counts:
        """Undo `to_dict`. Raises KeyError, TypeError, ValueError or AttributeError where it was something else."""
        bins = {name: {str(key): int(count) for key, count in values["bins"][name].items()} for name in FEATURES}
        return cls(bins, {name: float(values["sums"][name]) for name in HISTOGRAMS})

    def to_dict(self) -> dict[str, Any]:
        """Plain values for results.json."""
        return asdict(self)

    def images(self, feature: str = "prediction") -> int:
        """How many images were counted."""
        return sum(self.bins[feature].values())

    def share(self, feature: str, name: str) -> float:
        """The share of a bin, 0 … 1."""
        return self.bins[feature][name] / max(1, self.images(feature))

    def mean(self, feature: str) -> float:
        """The mean of what a histogram counts."""
        return self.sums[feature] / max(1, self.images(feature))

    def since(self, before: Counts) -> Counts:
        """What was counted after `before`. Raises InvalidArgument where a count went down."""
        bins = {
            feature: {name: count - before.bins[feature][name] for name, count in row.items()}
            for feature, row in self.bins.items()
        }
        sums = {feature: total - before.sums[feature] for feature, total in self.sums.items()}
        abstention = bins["abstention"]
        abstention[ANSWERED] = max(0, abstention[ANSWERED])  # itself a difference, which may be off by a few
        if min(*(count for row in bins.values() for count in row.values()), *sums.values()) < 0:
            raise InvalidArgument(
                "some counts are smaller now than before: the server was started again in between, or the two pages "
                "are the wrong way round. Without --since everything since that start is compared."
            )
        return Counts(bins, sums)


@dataclass(frozen=True, slots=True)
class Feature:
    """How one feature differs from the baseline.

    psi               population stability index (see `stability_index`)
    chance            what it exceeds once in a thousand times though nothing changed (see `chance_index`)
    verdict           one of VERDICTS
    figure            what `before` and `now` are: "mean", or the bin whose share they are
    before, now       that figure in the baseline, and now
    expected, found   bin → images in the baseline, and now; bins without any are left out
    """

    name: str
    psi: float
    chance: float
    verdict: str
    figure: str
    before: float
    now: float
    expected: dict[str, int]
    found: dict[str, int]


def appearance(pixels: Pixels) -> tuple[float, float]:
    """Brightness and contrast of an image: mean, 0 … 1, and standard deviation, 0 … 0.5, of its uint8 values / 255.

    The sums are whole numbers, which are exact, so the order of the values does not matter.
    """
    values = pixels.ravel().astype(np.int64)
    total, squares = int(values.sum()), int(values @ values)
    return total / values.size / 255, math.sqrt(values.size * squares - total**2) / values.size / 255


def count_baseline(labels: tuple[str, ...], probabilities: Floats, answered: Flags, images: Iterable[Pixels]) -> Counts:
    """What the API would have counted, had it been sent these images.

    labels          the classes
    probabilities   (N, K): of each image, of each class
    answered        (N,): whether the model did not abstain
    images          N times uint8 values, in any order
    """
    predicted = np.bincount(probabilities.argmax(axis=1), minlength=len(labels)).tolist()
    bins = {
        "prediction": dict(zip(labels, predicted, strict=True)),
        "abstention": {ANSWERED: int(answered.sum()), ABSTAINED: int((~answered).sum())},
    }
    brightness, contrast = np.array([appearance(image) for image in images]).T
    values = {"confidence": probabilities.max(axis=1), "brightness": brightness, "contrast": contrast}
    for feature, bounds in HISTOGRAMS.items():
        places = np.searchsorted(bounds[:-1], values[feature], side="left")
        counts = np.bincount(places, minlength=len(bounds)).tolist()
        bins[feature] = dict(zip(map(bin_name, bounds), counts, strict=True))
    return Counts(bins, {feature: float(values[feature].sum()) for feature in HISTOGRAMS})


def bin_name(bound: float) -> str:
    """What the bucket with this upper bound is called."""
    return f"{bound:g}"


def read_baseline(folder: Path) -> Counts:
    """The baseline of a weights folder. Raises WeightsError where there is none, WeightsCorrupt where it is broken."""
    path = folder / RESULTS
    results = read_results(folder, read_config(folder))
    try:
        if "baseline" in results:
            return Counts.from_dict(results["baseline"])
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise WeightsCorrupt(f"the baseline in {path} cannot be used: {type(error).__name__}: {error}.") from error
    missing = "it was measured by an older version of thumbnet" if results else "there is no such file"
    raise WeightsError(
        f"{path} has no baseline to compare with: {missing}. Give the thumbnet train command of these weights once "
        "more: what is trained already is only measured again."
    )


def compare(baseline: Counts, now: Counts) -> list[Feature]:
    """Every feature of two counts that have the same bins."""
    return [_compare(feature, baseline, now) for feature in FEATURES]


def verdict(features: Iterable[Feature]) -> str:
    """The worst verdict there is."""
    return max((feature.verdict for feature in features), key=VERDICTS.index)


def _compare(feature: str, baseline: Counts, now: Counts) -> Feature:
    seen = [name for name, count in baseline.bins[feature].items() if count or now.bins[feature][name]]
    expected, found = ({name: counts.bins[feature][name] for name in seen} for counts in (baseline, now))
    images, predictions = sum(expected.values()), sum(found.values())
    psi = stability_index(list(expected.values()), list(found.values()))
    chance = chance_index(len(seen), images, predictions)
    if feature in HISTOGRAMS:
        figure, before, after = "mean", baseline.mean(feature), now.mean(feature)
    else:
        names = [ABSTAINED] if feature == "abstention" else seen
        figure = max(names, key=lambda name: abs(now.share(feature, name) - baseline.share(feature, name)))
        before, after = baseline.share(feature, figure), now.share(feature, figure)
    judged = judge(psi, chance) if now.images() >= FEWEST else VERDICTS[0]
    return Feature(feature, psi, chance, judged, figure, before, after, expected, found)


def stability_index(expected: list[int], found: list[int]) -> float:
    """The population stability index of two counts over the same bins: Σ (q - p) ln(q / p) of their shares p and q.

    0 where the shares are equal; symmetric, also known as Jeffreys divergence. Half an image is added to each bin, so
    that an empty one gives no infinity (Krichevsky and Trofimov 1981).
    """
    p, q = (np.array(counts) + 0.5 for counts in (expected, found))
    p, q = p / p.sum(), q / q.sum()
    return float(((q - p) * np.log(q / p)).sum())


def chance_index(bins: int, images: int, predictions: int) -> float:
    """The index that so many images and predictions of the same kind exceed once in a thousand times.

    Divided by 1 / images + 1 / predictions the index follows a χ² distribution with bins - 1 degrees of freedom
    (Yurdakul and Naranjo 2020, Journal of Risk Model Validation 14:4). Its quantile is Wilson and Hilferty's (1931).
    """
    if bins < 2 or not images or not predictions:
        return 0.0
    spread = 2 / (9 * (bins - 1))
    quantile = (bins - 1) * (1 - spread + NormalDist().inv_cdf(CERTAINTY) * math.sqrt(spread)) ** 3
    return (1 / images + 1 / predictions) * quantile


def judge(psi: float, chance: float) -> str:
    """What an index says of a feature."""
    if psi < WATCH:
        return "stable"
    if psi <= chance:
        return "unclear"
    return "watch" if psi <= CHANGED else "changed"
