"""results.json → the model card (README.md of a weights folder), with a `model-index` the Hub can read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from .errors import WeightsCorrupt
from .files import write_text
from .weights import CARD, RESULTS, WeightsConfig, read_config

DATASET_PAGES = {
    "cifar10": ("CIFAR-10", "uoft-cs/cifar10"),
    "cifar100": ("CIFAR-100", "uoft-cs/cifar100"),
    "mnist": ("MNIST", "ylecun/mnist"),
    "fashion-mnist": ("Fashion-MNIST", "zalando-datasets/fashion_mnist"),
}
"""Our names of the built-in data sets → (their names, their pages on the Hub)."""


def write_card(folder: Path, target: Path | None = None) -> ModelCard:
    """Write the card of a weights folder to `target`, by default its README.md, and return it.

    Pictures are looked for beside the weights, wherever the card is. Raises WeightsCorrupt without a results.json.
    """
    target = target or folder / CARD
    config = read_config(folder)
    try:
        results = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsCorrupt(f"{folder / RESULTS} cannot be read: {error}") from error
    pictures = "" if target.parent == folder else f"{folder.relative_to(target.parent).as_posix()}/"
    card = ModelCard(f"---\n{metadata(config, results)}\n---\n\n{text(config, results, pictures)}")
    write_text(target, str(card))
    return card


def metadata(config: WeightsConfig, results: dict[str, Any]) -> str:
    """The card's YAML header."""
    title, page = DATASET_PAGES.get(results["dataset"], (results["dataset"], None))
    evaluation = EvalResult(
        task_type="image-classification",
        task_name="Image classification",
        dataset_type=page or results["dataset"],
        dataset_name=title,
        dataset_split="test",
        metric_type="accuracy",
        metric_value=round(results["test"]["accuracy"], 4),
    )
    data = ModelCardData(
        license="apache-2.0",
        library_name="thumbnet",
        pipeline_tag="image-classification",
        tags=["image-classification", "cnn", "onnx", "safetensors"],
        datasets=[page] if page else None,
        metrics=["accuracy"],
        model_name=f"thumbnet {config.name}",
        eval_results=[evaluation],
    )
    return str(data.to_yaml())


def text(config: WeightsConfig, results: dict[str, Any], pictures: str) -> str:
    """The card's body."""
    title, _ = DATASET_PAGES.get(results["dataset"], (results["dataset"], None))
    test, validation, training, recipe = (results[key] for key in ("test", "validation", "training", "recipe"))
    size, channels = config.preprocessing.image_size, config.preprocessing.channels
    classes = "\n".join(
        f"| {label} | {row['images']} | {row['precision']:.1%} | {row['recall']:.1%} |"
        for label, row in results["per_class"].items()
    )
    return f"""# thumbnet {config.name}

A small convolutional network (`{config.architecture}`) that sorts images into {len(config.labels)} classes:
{", ".join(config.labels)}. It sees {size} × {size} pixels, {"in grey" if channels == 1 else "in colour"}.

| measured on the test split of {title}, one view of each image | |
|---|---|
| accuracy, {test["images"]:,} images | **{test["accuracy"]:.2%}** |
| cross-entropy | {test["cross_entropy"]:.4f} |
| expected calibration error | {test["ece"]:.2%} |
| answered rather than abstained | {test["coverage"]:.1%} |
| accuracy among the answered | {test["selective_accuracy"]:.2%} |
| parameters | {results["parameters"]:,} |
| multiply-accumulates per image | {results["macs"]:,} |

## Use

```python
from thumbnet import Classifier

classifier = Classifier.load("{config.name}")  # or the path of this folder, or its Hub id
prediction = classifier.predict("photo.jpg")
print(prediction.label, prediction.probability, prediction.abstained)
```

`model.onnx` takes `pixels` (N, {size}, {size}, {channels}) uint8 and gives `logits` (N, {len(config.labels)});
normalisation is inside. Divide the logits by the `temperature` in `config.json` before the softmax.

## Training

Recipe `{recipe["name"]}`, seed {recipe["seed"]}, {recipe["epochs"]} epochs,
{training["seconds"] / 60:.0f} minutes on {"a GPU" if training["device"] == "cuda" else "a CPU"}
({training["threads"]} threads, {training["precision"]}).
The test split was read once, after training. The temperature ({config.temperature:.3f}) and the abstention threshold
({config.abstention_threshold:.3f}) come from {validation["images"]:,} validation images that were held out of the
training split (validation accuracy {validation["accuracy"]:.2%}). `results.json` holds the whole recipe and every
figure of this card.

## What it cannot do

It knows these {len(config.labels)} classes and nothing else: of anything else it will still name one of them, unless it
abstains. Images should show one object. Probabilities are calibrated on images like those of {title}; on other images
trust them less.

## By class

| class | test images | precision | recall |
|---|---|---|---|
{classes}

![Confusion matrix: rows are true classes, columns are predictions]({pictures}confusion.png)
"""
