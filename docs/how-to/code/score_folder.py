"""Classify every image below a folder and write the answers to a CSV file; go on where an earlier call stopped.

python docs/how-to/code/score_folder.py FOLDER ANSWERS.csv [WEIGHTS]
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from thumbnet import Classifier, InvalidImage

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"}
COLUMNS = ["image", "label", "probability", "abstained", "error"]
BATCH = 64


# --8<-- [start:score]
def score(folder: Path, answers: Path, weights: str = "cifar10") -> int:
    """Append a row for each image that has none yet; how many were added. A broken image gets a row with its error."""
    classifier = Classifier.load(weights)
    done = read_done(answers)
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES and str(path) not in done]
    with answers.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if file.tell() == 0:
            writer.writeheader()
        for start in range(0, len(paths), BATCH):
            batch = paths[start : start + BATCH]
            rows = {path: {"image": str(path)} for path in batch}
            pixels = {}
            for path in batch:
                try:
                    pixels[path] = classifier.read(path)
                except InvalidImage as error:
                    rows[path]["error"] = str(error)
            for path, answer in zip(pixels, classifier.predict_pixels(list(pixels.values())), strict=True):
                rows[path] |= {
                    "label": answer.label,
                    "probability": f"{answer.probability:.4f}",
                    "abstained": str(answer.abstained).lower(),
                }
            writer.writerows(rows.values())
            file.flush()  # a stop loses one batch at most
    return len(paths)


def read_done(answers: Path) -> set[str]:
    """The images that have a row already."""
    if not answers.exists():
        return set()
    with answers.open(newline="", encoding="utf-8") as file:
        return {row["image"] for row in csv.DictReader(file)}


# --8<-- [end:score]

if __name__ == "__main__":
    print(f"{score(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:4])} images classified")
