"""What the API exports at /metrics, read back from a saved page (Prometheus' text format) for `thumbnet drift`."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator

from .drift import ABSTAINED, ANSWERED, HISTOGRAMS, Counts, bin_name
from .errors import InvalidArgument, MissingDependency

PREFIX = "thumbnet_"
PREDICTIONS, ABSTENTIONS = "thumbnet_predictions_total", "thumbnet_abstentions_total"
INFO = "thumbnet_model_info"
"""Says by the label `sha256` which weights are served."""
SERIES = {
    "confidence": "thumbnet_confidence",
    "brightness": "thumbnet_image_brightness",
    "contrast": "thumbnet_image_contrast",
}
"""The histograms → the names they are exported under."""
LARGEST = 2**53
MOST_UNDER_WAY = 100
"""Images that some series of a page may count already, and others not yet."""

Sample = tuple[str, dict[str, str], float]
"""(series, labels, value)."""


def read_counts(text: str, model: str, baseline: Counts, sha256: str = "") -> Counts:
    """The counts of one model on a page; those of several workers or servers are added.

    text       the page
    model      the name of the weights
    baseline   with what the counts will be compared: the bins must be the same
    sha256     of the network that the baseline was counted with; "" where any will do

    Raises InvalidArgument where the page is something else, knows no such model, or is of other weights;
    MissingDependency without prometheus_client.
    """
    totals: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for series, labels, value in _samples(text, model):
        totals[series][labels.get("label") or labels.get("le") or labels.get("sha256") or ""] += value
    if sha256 and totals[INFO] and sha256 not in totals[INFO]:
        raise _misfit(model, f"another network (sha256 {min(totals[INFO])[:12]}…)")
    predictions = {name: round(count) for name, count in totals[PREDICTIONS].items()}
    if unknown := predictions.keys() - baseline.bins["prediction"].keys():
        raise _misfit(model, f"the class {min(unknown)!r}")
    abstained, total = round(sum(totals[ABSTENTIONS].values())), sum(predictions.values())
    bins = {
        "prediction": {name: predictions.get(name, 0) for name in baseline.bins["prediction"]},
        "abstention": {ANSWERED: max(0, total - abstained), ABSTAINED: abstained},
    }
    under_way = max(MOST_UNDER_WAY, total / 100)
    if total and abstained > total + under_way:
        raise _incomplete(model, total, f"{abstained:,} abstentions")
    for feature, series in SERIES.items():
        bins[feature] = _separate(totals[f"{series}_bucket"], baseline.bins[feature], feature, model)
        if abs((images := sum(bins[feature].values())) - total) > under_way:
            raise _incomplete(model, total, f"the {feature} of {images:,} images")
    needed = [ABSTENTIONS, *(f"{series}_sum" for series in SERIES.values())]
    if total and (missing := [series for series in needed if not totals[series]]):
        raise _incomplete(model, total, f"has no {missing[0]}")
    return Counts(bins, {feature: sum(totals[f"{SERIES[feature]}_sum"].values()) for feature in HISTOGRAMS})


def _samples(text: str, model: str) -> Iterator[Sample]:
    """What a page says of a model, once it is known to be a page of ours with no series twice."""
    try:
        from prometheus_client.parser import text_string_to_metric_families
    except ImportError as error:
        raise MissingDependency("prometheus_client", "api") from error
    try:
        families = [family for family in text_string_to_metric_families(text) if family.name.startswith(PREFIX)]
    except (ValueError, IndexError, KeyError) as error:
        reason = str(error).strip() or type(error).__name__
        raise InvalidArgument(
            f"it is not in Prometheus' text format ({reason[:80]}); save /metrics of the API."
        ) from error
    if not families:
        raise InvalidArgument(f"it has no {PREFIX}… series; save /metrics of the API.")
    samples = [sample for family in families for sample in family.samples if "model" in sample.labels]
    if samples and model not in (known := {sample.labels["model"] for sample in samples}):
        raise InvalidArgument(f"it knows no model {model!r}, but {', '.join(sorted(known))}; choose with --weights.")
    seen = set()
    for sample in samples:
        if sample.labels["model"] == model:
            key = (sample.name, *sorted(sample.labels.items()))
            if key in seen:
                raise InvalidArgument(f"it has {sample.name} twice with the same labels; give one page alone.")
            seen.add(key)
            if not 0 <= sample.value < LARGEST:
                raise InvalidArgument(f"it says {sample.name} is {sample.value}, which is not a count.")
            yield sample.name, sample.labels, sample.value


def _separate(cumulative: dict[str, float], baseline: dict[str, int], feature: str, model: str) -> dict[str, int]:
    """The images in each bucket, from Prometheus' buckets, each of which counts those below it, too."""
    if not cumulative:
        return dict.fromkeys(baseline, 0)
    try:
        upto = dict(sorted((float(bound), count) for bound, count in cumulative.items()))
    except ValueError as error:
        raise _misfit(model, f"a bucket of {feature} without a number") from error
    *bounds, last = upto
    if [bin_name(bound) for bound in bounds] != list(baseline) or last != math.inf:
        raise _misfit(model, f"other buckets of {feature}")
    steps = [0.0, *(upto[bound] for bound in bounds[:-1]), upto[last]]  # nothing is above the last bound
    counts = [round(after - before) for before, after in itertools.pairwise(steps)]
    if min(counts) < 0:
        raise _misfit(model, f"buckets of {feature} that do not add up")
    return dict(zip(baseline, counts, strict=True))


def _incomplete(model: str, predictions: int, other: str) -> InvalidArgument:
    return InvalidArgument(
        f"it counts {predictions:,} predictions of {model}, but {other}: a part of the page is missing, or was "
        "changed. Save /metrics once more, as a whole."
    )


def _misfit(model: str, what: str) -> InvalidArgument:
    return InvalidArgument(
        f"it has {what}, unlike the baseline of {model}: the server runs other weights of that name or another version "
        "of thumbnet. Give --weights what the server was given."
    )
