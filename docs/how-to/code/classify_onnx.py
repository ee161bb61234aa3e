"""Classify image files with ONNX Runtime, NumPy and Pillow alone.

python classify_onnx.py WEIGHTS IMAGE …
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


# --8<-- [start:pixels]
def read_pixels(path: str, size: int, channels: int) -> np.ndarray:
    """An image file → (size, size, channels) uint8: upright, on white paper, the central square, resized."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    image = image.convert("RGB").convert("L" if channels == 1 else "RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    return np.asarray(square.resize((size, size), Image.Resampling.BICUBIC)).reshape(size, size, channels)


# --8<-- [end:pixels]


# --8<-- [start:answer]
def answer(logits: np.ndarray, config: dict) -> tuple[np.ndarray, bool]:
    """(classes,) logits → probabilities, and whether the model abstains."""
    scaled = logits.astype(np.float64) / config["temperature"]
    powers = np.exp(scaled - scaled.max())
    probabilities = powers / powers.sum()
    confidence = {
        "max_probability": probabilities.max(),
        "max_logit": scaled.max(),
        "energy": scaled.max() + np.log(powers.sum()),
    }[config.get("abstention_score", "max_probability")]
    return probabilities, bool(confidence < config["abstention_threshold"])


# --8<-- [end:answer]


def main(weights: str, *paths: str) -> None:
    """Print a line for each image: the label, its probability, and whether the model rather says nothing."""
    config = json.loads((Path(weights) / "config.json").read_text(encoding="utf-8"))
    session = onnxruntime.InferenceSession(Path(weights) / "model.onnx", providers=["CPUExecutionProvider"])
    wanted = config["preprocessing"]
    for path in paths:
        pixels = read_pixels(path, wanted["image_size"], wanted["channels"])
        (logits,) = session.run(["logits"], {"pixels": pixels[None]})
        probabilities, abstains = answer(logits[0], config)
        best = int(probabilities.argmax())
        print(f"{path}\t{config['labels'][best]}\t{probabilities[best]:.6f}\t{'abstains' if abstains else 'sure'}")


if __name__ == "__main__":
    main(*sys.argv[1:])
