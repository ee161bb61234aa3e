"""The named recipes. Each is a value, not a copy of the loop; `summary` says what to expect of it."""

from __future__ import annotations

import json
from pathlib import Path

from .errors import InvalidArgument, UnknownName
from .recipe import Recipe

_MUON = Recipe(
    name="muon",
    optimizer="muon",
    batch_size=2000,
    label_smoothing=0.2,
    learning_rate=0.24,
    momentum=0.6,
    weight_decay=0.004,
    bias_learning_rate=106.0,
    head_learning_rate=0.02,
)
"""The settings of airbench94_muon (Jordan 2024, arXiv:2404.00498), with the loss averaged rather than summed."""

_HALVED = _MUON.replace(
    name="halved",
    batch_size=1000,
    weight_decay=0.002,
    bias_learning_rate=53.0,
    head_learning_rate=0.01,
    flip="alternating",
    start_size=24,
)
"""Half the batch, half the rates of everything but kernels."""

_LONG = _HALVED.replace(
    name="long",
    batch_size=950,
    learning_rate=0.06,
    weight_decay=0.0006,
    bias_learning_rate=16.0,
    head_learning_rate=0.004,
    label_smoothing=0.0,
    translate=4,
    zoom=0.15,
    degrade=0.2,
    trivial_augment=0.5,
    cutmix=0.7,
    growth=0.4,
    refinement=0.1,
    average=0.1,
)
"""Strong augmentation, and rates that are right for a hundred epochs: those of eight are far too high."""

_FOLDER = Recipe(
    name="folder",
    optimizer="adam",
    learning_rate=2e-3,
    weight_decay=0.05,
    warmup=0.05,
    schedule="cosine",
    label_smoothing=0.1,
    flip="alternating",
    translate=2,
)
"""What the recipes for folders of images share."""

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        _HALVED.replace(
            name="cifar10-fast",
            summary="CIFAR-10 in minutes on two cores; benchmarks/training.py measures it.",
            architecture="airbench",
            epochs=12,
            learning_rate=0.17,
            translate=2,
            selection=0.6,
            growth=0.75,
        ),
        _MUON.replace(
            name="cifar10-airbench",
            summary="The network of the fastest public trainings, for longer: 93.8 % on test images.",
            architecture="airbench",
            epochs=40,
            batch_size=1900,
            flip="alternating",
            translate=4,
            cutout=8,
            start_size=24,
            growth=0.4,
        ),
        _LONG.replace(
            name="cifar10-alone",
            summary="The network of cifar10 from the labels alone; not measured.",
            epochs=110,
        ),
        _LONG.replace(
            name="cifar10-teacher",
            summary="A teacher of cifar10 with five times its work, for a GPU: 96.1 % of the validation images.",
            epochs=110,
            options={"widths": [128, 256, 512, 512]},
        ),
        _LONG.replace(
            name="cifar10",
            summary="The shipped CIFAR-10 model, for a GPU; needs two teachers, trained before it.",
            epochs=213,
            teacher="runs/cifar10-teacher-0/weights, runs/cifar10-teacher-1/weights",
            teacher_share=0.9,
        ),
        _MUON.replace(
            name="mnist",
            summary="The shipped MNIST model.",
            dataset="mnist",
            image_size=28,
            options={"widths": [16, 24, 48, 64]},
            epochs=7,
            batch_size=1000,
            translate=2,
            start_size=20,
            growth=0.7,
        ),
        _FOLDER.replace(
            name="images-small",
            summary="A folder of fewer than 2,000 training images.",
            start_from="cifar10",
            architecture="",
            validation_share=0.15,
            epochs=60,
            batch_size=64,
        ),
        _FOLDER.replace(
            name="images",
            summary="A folder of 2,000 to 50,000 training images.",
            start_from="cifar10",
            architecture="",
            validation_share=0.1,
            epochs=30,
            batch_size=128,
        ),
        _FOLDER.replace(
            name="images-large",
            summary="A folder of more than 50,000 training images.",
            epochs=15,
            batch_size=256,
        ),
        Recipe(
            name="lenet",
            summary="LeNet-5 on MNIST, for learners.",
            dataset="mnist",
            image_size=28,
            architecture="lenet",
            epochs=5,
            batch_size=128,
            optimizer="adam",
            learning_rate=2e-3,
        ),
    )
}


def load_recipe(name_or_file: str) -> Recipe:
    """A named recipe, or one read from a JSON file.

    Raises UnknownName for a name that is neither, InvalidArgument for a file that is no recipe.
    """
    if name_or_file in RECIPES:
        return RECIPES[name_or_file].resolved()
    path = Path(name_or_file)
    if not path.is_file():
        raise UnknownName("recipe", name_or_file, RECIPES)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"cannot read the recipe {path}: {error}. It must be a JSON object.") from error
    if not isinstance(values, dict):
        raise InvalidArgument(f"the recipe {path} must be a JSON object; received {type(values).__name__}.")
    return Recipe.from_dict(values).resolved()


def recipe_for(images: int) -> Recipe:
    """The recipe for a folder with this many training images, before any is held out.

    Starting from weights that had learned other classes of photographs gained 9 points of validation accuracy with 100
    images, 7 with 3,000 and 2 with 23,000. On handwritten digits it lost 2 with 100, and next to nothing with more.
    """
    name = "images-small" if images < 2_000 else "images" if images <= 50_000 else "images-large"
    return load_recipe(name)
