"""results.json → the model card (README.md of a weights folder), with a `model-index` the Hub can read.

Every figure comes from results.json or config.json. A section whose figures or pictures are missing is left out.
"""

from __future__ import annotations

import json
import os
import statistics
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from . import trust
from .drift import ABSTAINED, Counts
from .errors import WeightsCorrupt
from .files import write_text
from .folders import VALIDATION
from .markdown import blocks, paragraph, plain, table
from .trust import FOLDER, Pictures, dataset_page
from .weights import CARD, RESULTS, SHIPPED_ROOT, WeightsConfig, read_config, shipped_weights

MOST_CLASSES = 30
"""With more classes than this the card lists only those that are recognised least."""
LEAST_RECOGNISED = 20


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
    path = Path(os.path.relpath(folder, target.parent)).as_posix()
    prefix = "" if path == "." else f"{path}/"
    card = ModelCard(f"---\n{metadata(config, results)}\n---\n\n{text(config, results, Pictures(folder, prefix))}\n")
    write_text(target, str(card))
    return card


def metadata(config: WeightsConfig, results: dict[str, Any]) -> str:
    """The card's YAML header."""
    dataset, page = dataset_page(results)
    evaluation = EvalResult(
        task_type="image-classification",
        task_name="Image classification",
        dataset_type=page or FOLDER,
        dataset_name=dataset,
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


def text(config: WeightsConfig, results: dict[str, Any], pictures: Pictures) -> str:
    """The card's body."""
    return blocks(
        introduction(config, results),
        use(config),
        training(config, results, pictures),
        trust.limits(config, results),
        trust.probabilities(results, pictures),
        trust.abstention(config, results, pictures),
        trust.outliers(results),
        trust.corruptions(results, pictures),
        classes(results, pictures),
        mistakes(results, pictures),
        baseline(results),
    )


def introduction(config: WeightsConfig, results: dict[str, Any]) -> str:
    """What it is, and its main figures."""
    test, size, colours = results["test"], config.preprocessing.image_size, config.preprocessing.channels
    about = paragraph(
        f"A small convolutional network (`{config.architecture}`) that sorts images into {len(config.labels)} classes: "
        f"{', '.join(map(plain, config.labels))}. It sees {size} × {size} pixels, in "
        f"{'grey' if colours == 1 else 'colour'}."
    )
    rows = [
        (f"accuracy, {test['images']:,} images", f"**{test['accuracy']:.2%}**"),
        *seeds(results),
        ("cross-entropy", f"{test['cross_entropy']:.4f}"),
        ("expected calibration error", f"{test['ece']:.2%}"),
        ("answered rather than abstained", f"{test['coverage']:.1%}"),
        ("accuracy among the answered", share(test["selective_accuracy"], 2)),
    ]
    if "corruptions" in results:
        rows.append(("accuracy on spoilt images, mean", f"{results['corruptions']['mean_accuracy']:.2%}"))
    rows.append(("parameters", f"{results['parameters']:,}"))
    rows.append(("multiply-accumulates per image", f"{results['macs']:,}"))
    head = (f"measured on the test split of {plain(dataset_page(results)[0])}, one view of each image", "")
    return blocks(f"# thumbnet {plain(config.name)}", about, table(head, rows))


def seeds(results: dict[str, Any]) -> list[tuple[str, str]]:
    """The row that says how much of the accuracy is luck, where more than one seed was trained."""
    values = [run["test_accuracy"] for run in results.get("seeds", [])]
    if len(values) < 2:
        return []
    mean, deviation = statistics.mean(values), statistics.stdev(values)
    return [(f"accuracy of {len(values)} seeds, mean ± standard deviation", f"{mean:.2%} ± {deviation:.2%}")]


def use(config: WeightsConfig) -> str:
    """How to classify an image, with thumbnet and without."""
    # Another model may have the name of a shipped one, which is what would be loaded by it.
    shipped = config.name in shipped_weights() and config.files == read_config(SHIPPED_ROOT / config.name).files
    weights, other = (config.name, "the path of this folder, or ") if shipped else ("path/of/this/folder", "")
    size, channels = config.preprocessing.image_size, config.preprocessing.channels
    return f"""## Use

```python
from thumbnet import Classifier

classifier = Classifier.load("{weights}")  # or {other}its Hub id
prediction = classifier.predict("photo.jpg")
print(prediction.label, prediction.probability, prediction.abstained)
```

`model.onnx` takes `pixels` (N, {size}, {size}, {channels}) uint8 and gives `logits` (N, {len(config.labels)});
normalisation is inside. Divide the logits by the `temperature` in `config.json` before the softmax."""


def computed_on(figures: dict[str, Any]) -> str:
    """What a training computed on, such as " on one CPU with 2 threads (fp32)"; "" where it did not say."""
    if not {"device", "threads", "precision"} <= figures.keys():
        return ""
    device = figures.get("gpu", "GPU") if figures["device"] == "cuda" else f"CPU with {figures['threads']} threads"
    processes = figures.get("processes", 1)
    number = "one" if processes == 1 else f"{processes} processes, each with a"
    return f"{', lastly' if figures.get('moved') else ''} on {number} {device} ({figures['precision']})"


def training(config: WeightsConfig, results: dict[str, Any], pictures: Pictures) -> str:
    """Where it comes from."""
    validation, figures, recipe = results["validation"], results["training"], results["recipe"]
    cut = results.get("data", {}).get("cut", [VALIDATION])
    held_out = " that were held out of the training split" if dataset_page(results)[1] or VALIDATION in cut else ""
    fitted = [f"abstention threshold ({config.abstention_threshold:.3f})"]
    if trust.is_calibrated(results):
        fitted.insert(0, f"temperature ({config.temperature:.3f})")
    about = paragraph(
        f"Recipe `{recipe['name']}`, seed {recipe['seed']}, {recipe['epochs']} epochs, {figures['seconds'] / 60:.0f} "
        f"minutes{computed_on(figures)}.",
        f"It started from the weights of `{recipe['start_from']}`." if recipe.get("start_from") else "",
        figures.get("note", ""),
        "The test split was read once, after training.",
        f"The {validation['images']:,} validation images{held_out} (accuracy {validation['accuracy']:.2%}) gave the "
        f"{' and the '.join(fitted)}.",
        "`results.json` holds the whole recipe and every figure of this card.",
    )
    return blocks("## Training", about, pictures.show("curves.png", "Loss and validation accuracy over the epochs"))


def share(value: float | None, digits: int = 1) -> str:
    """A share in per cent, or a dash where there is nothing that it could be a share of."""
    return "–" if value is None else f"{value:.{digits}%}"


def classes(results: dict[str, Any], pictures: Pictures) -> str:
    """Precision and recall of the classes, and what is taken for what."""
    rows, about = list(results["per_class"].items()), ""
    if len(rows) > MOST_CLASSES:
        about = f"The {LEAST_RECOGNISED} of {len(rows)} classes that are recognised least; `results.json` has all."
        rows = sorted(rows, key=lambda row: float(row[1]["recall"] or 0))[:LEAST_RECOGNISED]
    if "confusion" not in results:
        about += " A confusion matrix of so many classes is left out."
    cells = [[plain(label), str(row["images"]), share(row["precision"]), share(row["recall"])] for label, row in rows]
    picture = pictures.show("confusion.png", "Confusion matrix: rows are true classes, columns are predictions")
    return blocks("## By class", about, table(("class", "test images", "precision", "recall"), cells), picture)


def mistakes(results: dict[str, Any], pictures: Pictures) -> str:
    """The worst of them, to look at."""
    picture = pictures.show("mistakes.png", "Test images with what they show and what was said")
    if not (picture and results.get("mistakes")):
        return ""
    about = "Where it was surest and wrong: what the test image shows, and what was said."
    return blocks("## Worst mistakes", about, picture)


def baseline(results: dict[str, Any]) -> str:
    """What is usual for the model, to notice when it no longer is."""
    if "baseline" not in results:
        return ""
    counts = Counts.from_dict(results["baseline"])
    shares = {label: counts.share("prediction", label) for label in counts.bins["prediction"]}
    rarest, commonest = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
    about = paragraph(
        "`thumbnet drift` compares what the API counts with the same counts over the "
        f"{counts.images():,} validation images.",
        f"Their mean brightness is {counts.mean('brightness'):.3f} and their mean contrast "
        f"{counts.mean('contrast'):.3f} (mean and standard deviation of an image's values, from 0 to 1).",
        f"The mean probability of the best class was {counts.mean('confidence'):.3f}; it abstained from "
        f"{counts.share('abstention', ABSTAINED):.1%}, and named {plain(commonest)} the most "
        f"({shares[commonest]:.1%}), {plain(rarest)} the least ({shares[rarest]:.1%}).",
    )
    return blocks("## What is usual", about)
