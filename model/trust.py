"""The part of the model card that says how far to trust a model, in words that need no statistics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .abstention import ENOUGH_TO_FIT
from .markdown import blocks, paragraph, plain, table
from .weights import WeightsConfig

DATASET_PAGES = {
    "cifar10": ("CIFAR-10", "uoft-cs/cifar10"),
    "cifar100": ("CIFAR-100", "uoft-cs/cifar100"),
    "mnist": ("MNIST", "ylecun/mnist"),
    "fashion-mnist": ("Fashion-MNIST", "zalando-datasets/fashion_mnist"),
}
"""Our names of the built-in data sets → (their names, their pages on the Hub)."""
FOLDER = "imagefolder"
"""What the Hub calls a data set that is a folder of images."""

RISK = "Risk–coverage curve: share of mistakes against share of images answered"
SCORE_NAMES = {
    "max_probability": "probability of the best class",
    "max_logit": "logit of the best class",
    "energy": "energy (log-sum-exp of the logits)",
}


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures that lie in a weights folder; `prefix` leads there from where the card is."""

    folder: Path
    prefix: str

    def show(self, name: str, description: str) -> str:
        """The Markdown of a picture, nothing where there is none."""
        return f"![{description}]({self.prefix}{name})" if (self.folder / name).exists() else ""


def dataset_page(results: dict[str, Any]) -> tuple[str, str | None]:
    """What people call the data set, and its page on the Hub. A folder has none, be it called like a built-in one."""
    return DATASET_PAGES.get(results["recipe"]["dataset"], (results["dataset"], None))


def limits(config: WeightsConfig, results: dict[str, Any]) -> str:
    """What it cannot do."""
    dataset, _ = dataset_page(results)
    sentences = [
        f"It knows these {len(config.labels)} classes and nothing else: of anything else it will still name one of "
        "them, unless it abstains.",
        "Images should show one object.",
        f"Probabilities are calibrated on images like those of {plain(dataset)}; on other images trust them less."
        if is_calibrated(results)
        else "Its probabilities are not calibrated: there were too few validation images.",
    ]
    if "outliers" in results:
        kind, row = min(results["outliers"].items(), key=lambda item: float(item[1]["abstained"]))
        sentences.append(
            f"Shown {outlier_name(kind)}, it did not abstain in {1 - row['abstained']:.1%} of the cases (see below)."
        )
    return blocks("## What it cannot do", paragraph(*sentences))


def is_calibrated(results: dict[str, Any]) -> bool:
    """Whether there were enough validation images to fit a temperature."""
    return bool(results["validation"]["images"] >= ENOUGH_TO_FIT)


def probabilities(results: dict[str, Any], pictures: Pictures) -> str:
    """What a probability of 80 % is worth."""
    if "reliability" not in results:
        return ""
    about = paragraph(
        "Of the answers given with a probability of 80%, about 80% should be right."
        if is_calibrated(results)
        else "With so few validation images no temperature was fitted: nothing makes them right.",
        f"Over the test images probability and accuracy differ by {results['test']['ece']:.2%} on average (expected "
        "calibration error, 15 bins of equal width).",
        "In the picture a perfect model stays on the dashed line; below it a model claims more than it knows.",
    )
    picture = pictures.show("reliability.png", "Reliability diagram: accuracy against confidence, and how many images")
    return blocks("## Are the probabilities right?", about, picture)


def abstention(config: WeightsConfig, results: dict[str, Any], pictures: Pictures) -> str:
    """When it says "I don't know", and what that gains."""
    if "abstention" not in results:
        return ""
    test, chosen, evidence = results["test"], results["abstention"], results["abstention"]["evidence"]
    about = paragraph(
        f"It abstains where the {SCORE_NAMES[chosen['score']]} is less than {config.abstention_threshold:.3f}, which "
        f"{chosen['coverage']:.0%} of the validation images reach.",
        f"Of the test images {test['coverage']:.1%} got an answer, and {test['selective_accuracy']:.2%} of these "
        f"answers were right, against {test['accuracy']:.2%} had it answered all."
        if test["selective_accuracy"] is not None
        else "None of the test images got an answer.",
        "In the picture the line shows how the share of mistakes grows with the share of images that are answered "
        f"(area under it: {test['aurc']:.4f}).",
    )
    if not evidence:
        few = "There were too few validation images to choose how sureness is measured."
        return blocks("## When it abstains", about, few, pictures.show("coverage.png", RISK))
    why = paragraph(
        "How sure a model is can be measured in several ways. The one in use was chosen without the test images: it "
        "has to tell right answers from mistakes on validation images, and validation images from images of nothing "
        "(noise, mosaics of four images, clouds in the colours of an image). Both count half, and the probability "
        "stands unless another score is clearly better.",
        "The figures are areas under the ROC curve: 1 is perfect, 0.5 is a coin toss.",
    )
    kinds = list(evidence[chosen["score"]])
    rows = [
        [SCORE_NAMES[score] + (", **in use**" if score == chosen["score"] else ""), *(f"{row[k]:.3f}" for k in kinds)]
        for score, row in evidence.items()
    ]
    picture = pictures.show("coverage.png", RISK)
    return blocks("## When it abstains", about, picture, why, table(["score", *kinds], rows))


def outliers(results: dict[str, Any]) -> str:
    """What it does with images of none of its classes."""
    if "outliers" not in results:
        return ""
    about = paragraph(
        "None of these images shows one of its classes, so it should abstain from all of them.",
        "The last columns say how well each score tells them from test images: the chance that it is higher for a "
        "random test image than for a random one of these (area under the ROC curve).",
        "Of other data sets, classes with the name of one of its own were left out.",
    )
    scores = list(next(iter(results["outliers"].values()))["auroc"])
    rows = [
        [
            outlier_name(kind),
            f"{row['images']:,}",
            f"{row['abstained']:.1%}",
            *(f"{row['auroc'][s]:.3f}" for s in scores),
        ]
        for kind, row in results["outliers"].items()
    ]
    head = ["images of", "number", "abstained", *(SCORE_NAMES[score] for score in scores)]
    return blocks("## Images of something else", about, table(head, rows))


def corruptions(results: dict[str, Any], pictures: Pictures) -> str:
    """What it does with spoilt images."""
    if "corruptions" not in results:
        return ""
    figures = results["corruptions"]
    about = paragraph(
        f"Accuracy on {figures['images']:,} test images, spoilt in each way at five severities: "
        f"**{figures['mean_accuracy']:.2%}** on average, {figures['clean_accuracy']:.2%} as they were.",
        "The severities are those of CIFAR-10-C where it has the same operation.",
    )
    rows = [
        [
            name,
            f"{row['parameter']}: {', '.join(f'{value:g}' for value in row['severities'])}",
            *(f"{value:.1%}" for value in row["accuracy"]),
        ]
        for name, row in figures["kinds"].items()
    ]
    picture = pictures.show("corruptions.png", "Accuracy against severity, a line for each kind of corruption")
    return blocks("## Spoilt images", about, table(["", "severities", *"12345"], rows), picture)


def outlier_name(kind: str) -> str:
    """What a kind of outliers is called."""
    return "uniform noise" if kind == "noise" else DATASET_PAGES.get(kind, (kind, None))[0]
