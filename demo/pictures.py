"""The example pictures that both demos offer, and which models take what is drawn. Needs no Gradio."""

from __future__ import annotations

from pathlib import Path

from thumbnet.model.weights import WeightsConfig

EXAMPLES = Path(__file__).parent / "examples"
EXAMPLES_OF = {
    "cifar10": {
        "chelsea.jpg": "a cat, photograph by Stéfan van der Walt (CC0)",
        "airplane.png": "an airplane",
        "automobile.png": "an automobile",
        "bird.png": "a bird",
        "cat.png": "a cat",
        "deer.png": "a deer",
        "dog.png": "a dog",
        "frog.png": "a frog",
        "horse.png": "a horse",
        "ship.png": "a ship",
        "truck.png": "a truck",
        "coffee.jpg": "a cup of coffee, photograph by Rachel Michetti (CC0)",
    },
    "mnist": {"digit-7.png": "a handwritten 7", "digit-2.png": "a handwritten 2", "digit-1.png": "a handwritten 1"},
}
"""Name of a model → pictures under EXAMPLES that suit it, and what they show; SOURCES.md there says whose they are."""


def reads_digits(config: WeightsConfig) -> bool:
    """Whether a model takes what MNIST's digits look like and knows nothing else, so that one can draw for it."""
    looks = (config.preprocessing.channels, config.preprocessing.image_size)
    return looks == (1, 28) and set(config.labels) <= set("0123456789")
