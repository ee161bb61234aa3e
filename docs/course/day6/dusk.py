"""The camera gets dark: send images to the API, and let thumbnet's drift look at its counts alone.

.venv/bin/python docs/course/day6/dusk.py
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from thumbnet import Classifier
from thumbnet.api import Settings, create_app
from thumbnet.model.drift import Feature, compare, read_baseline
from thumbnet.model.exported import read_counts
from thumbnet.model.weights import find_weights


# --8<-- [start:send]
def page_of(classifier: Classifier, images: np.ndarray) -> str:
    """What /metrics says after (N, 32, 32, 3) images were classified."""
    client = create_app(Settings(), classifier).test_client()
    for image in images:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG")
        client.post("/v1/predict", data=buffer.getvalue(), content_type="image/png")
    return client.get("/metrics").text


def judge(page: str) -> list[Feature]:
    """Each feature, compared with the validation images of the model."""
    baseline = read_baseline(find_weights("cifar10"))
    return compare(baseline, read_counts(page, "cifar10", baseline))


# --8<-- [end:send]


def darker(images: np.ndarray, light: float = 0.4) -> np.ndarray:
    """The same at dusk."""
    return (light * images.astype(np.float32)).astype(np.uint8)


def experiment(images: np.ndarray, classifier: Classifier) -> dict[str, Any]:
    """By day and at dusk: of every feature its index and verdict."""
    found: dict[str, Any] = {}
    for name, shown in (("day", images), ("dusk", darker(images))):
        features = judge(page_of(classifier, shown))
        found[name] = {feature.name: {"psi": round(feature.psi, 3), "verdict": feature.verdict} for feature in features}
        found[f"{name}_brightness"] = next(feature.found for feature in features if feature.name == "brightness")
    return found


def read_images(count: int = 1000) -> np.ndarray:
    """Validation images of CIFAR-10, (count, 32, 32, 3)."""
    from thumbnet.model.datasets import load_dataset

    pixels = load_dataset("cifar10", image_size=32, download=True).validation.pixels[:count]
    return pixels.permute(0, 2, 3, 1).numpy()


def main() -> None:
    """Print both."""
    for name, row in experiment(read_images(), Classifier.load("cifar10")).items():
        print(name, row)


if __name__ == "__main__":
    main()
