"""Write the cards of the shipped models, and MODEL_CARD.md, from their results.json."""

from pathlib import Path

from thumbnet.model.card import write_card
from thumbnet.model.weights import CARD

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "model" / "weights"

if __name__ == "__main__":
    for folder in sorted(WEIGHTS.iterdir()):
        write_card(folder, folder / CARD)
    write_card(WEIGHTS / "cifar10", ROOT / "MODEL_CARD.md")
