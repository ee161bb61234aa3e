"""Scores of confidence: what decides whether an answer is given or the model abstains.

Each takes one row of logits, (K,) float64 divided by the temperature, and is higher the surer the model is. A row at a
time: an image's answer must not depend on its batch.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from .measures import softmax

Row = npt.NDArray[np.float64]


def max_probability(scaled: Row) -> float:
    """The best class's probability, 0 … 1 (Hendrycks and Gimpel 2017, arXiv:1610.02136)."""
    return float(softmax(scaled).max())


def max_logit(scaled: Row) -> float:
    """The best class's logit (Hendrycks et al. 2022, arXiv:1911.11132)."""
    return float(scaled.max())


def energy(scaled: Row) -> float:
    """The logarithm of the summed exponentials: the negative free energy (Liu et al. 2020, arXiv:2010.03759)."""
    return float(scaled.max() + np.log(np.exp(scaled - scaled.max()).sum()))


SCORES: dict[str, Callable[[Row], float]] = {
    "max_probability": max_probability,
    "max_logit": max_logit,
    "energy": energy,
}
"""Names that config.json may give as `abstention_score`; the first one is meant where it gives none."""

ENOUGH_TO_FIT, ENOUGH_TO_CHOOSE = 30, 100
"""Of fewer validation images than this no temperature is fitted, and no score chosen: chance would decide."""
