"""How much of the image can a neuron see? By formula, and by asking the network itself.

.venv/bin/python docs/course/day3/receptive_field.py
"""

from __future__ import annotations

import torch

from thumbnet.model.architectures import build

# --8<-- [start:layers]
LENET = [("conv 5×5", 5, 1), ("pool 2×2", 2, 2), ("conv 5×5", 5, 1), ("pool 2×2", 2, 2)]  # name, kernel, stride
# --8<-- [end:layers]


# --8<-- [start:formula]
def receptive_fields(layers: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """For each layer: its name, how many pixels wide one of its outputs sees, how many pixels apart outputs are."""
    sees, apart = 1, 1
    found = []
    for name, kernel, stride in layers:
        sees += (kernel - 1) * apart
        apart *= stride
        found.append((name, sees, apart))
    return found


# --8<-- [end:formula]


# --8<-- [start:measure]
def measure_receptive_field(depth: int, size: int = 28) -> int:
    """How many rows of a `size` × `size` image change one neuron in the middle of LeNet's layers up to `depth`.

    The slope of that neuron by every pixel is zero exactly where it does not look. Tanh and average pooling are used
    because their slopes are never exactly zero.
    """
    torch.manual_seed(0)
    options = {"activation": "tanh", "pooling": "average"}
    network = build("lenet", num_classes=10, in_channels=1, image_size=size, options=options)
    image = torch.full((1, 1, size, size), 127.5, requires_grad=True)
    maps = network.features[:depth](network.normalize(image))
    maps[0, 0, maps.shape[2] // 2, maps.shape[3] // 2].backward()
    return int((image.grad[0, 0].abs().sum(dim=1) > 0).sum())


# --8<-- [end:measure]


def main() -> None:
    """Print both for LeNet's four layers."""
    for (name, sees, apart), depth in zip(receptive_fields(LENET), (1, 3, 4, 6), strict=True):
        print(f"{name}: sees {sees:2} pixels (measured {measure_receptive_field(depth):2}), outputs {apart} apart")


if __name__ == "__main__":
    main()
