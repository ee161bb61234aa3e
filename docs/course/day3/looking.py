"""Look inside the trained LeNet: its kernels, what they make of a digit, and what each is looking for.

.venv/bin/python docs/course/day3/looking.py
"""

from __future__ import annotations

import numpy as np
import torch
from lenet import trained

from thumbnet.model.architectures import Network
from thumbnet.model.datasets import load_dataset


# --8<-- [start:kernels]
def first_kernels(network: Network) -> np.ndarray:
    """The (6, 5, 5) kernels of the first convolution."""
    return network.features[0].weight.detach().numpy()[:, 0]


# --8<-- [end:kernels]


# --8<-- [start:maps]
@torch.no_grad()
def feature_maps(network: Network, images: torch.Tensor) -> dict[str, np.ndarray]:
    """What each stage makes of (N, 1, 28, 28) pixels; maps are (N, channels, rows, columns)."""
    kept = {2: "after the first stage", 5: "after the second stage"}  # convolution, ReLU and pooling each
    signal = network.normalize(images)
    found = {}
    for number, layer in enumerate(network.features):
        signal = layer(signal)
        if number in kept:
            found[kept[number]] = signal.numpy()
    return found


# --8<-- [end:maps]


# --8<-- [start:patches]
def strongest_patches(network: Network, images: torch.Tensor, best: int = 8) -> np.ndarray:
    """For each of the 6 first kernels, the 5×5 patches of (N, 1, 28, 28) images it answers most to: (6, best, 5, 5).

    No two of a kernel come from the same image.
    """
    with torch.no_grad():
        answers = network.features[0](network.normalize(images))  # (N, 6, 28, 28), padded by 2
    padded = torch.nn.functional.pad(images[:, 0], (2, 2, 2, 2)).numpy()
    patches = np.zeros((answers.shape[1], best, 5, 5))
    for kernel in range(answers.shape[1]):
        places = answers[:, kernel].flatten(1)
        for rank, image in enumerate(places.max(dim=1).values.topk(best).indices.tolist()):
            row, column = divmod(int(places[image].argmax()), 28)
            patches[kernel, rank] = padded[image, row : row + 5, column : column + 5]
    return patches


# --8<-- [end:patches]


# --8<-- [start:silence]
@torch.no_grad()
def without_each_kernel(network: Network, images: torch.Tensor, labels: torch.Tensor) -> list[float]:
    """Accuracy with one of the first six kernels silenced, for each of them: how much the others can do without it."""
    convolution = network.features[0]
    found = []
    for kernel in range(convolution.out_channels):
        kept = convolution.weight[kernel].clone(), convolution.bias[kernel].clone()
        convolution.weight[kernel] = 0
        convolution.bias[kernel] = 0
        found.append(float((network(images).argmax(dim=1) == labels).float().mean()))
        convolution.weight[kernel], convolution.bias[kernel] = kept
    return found


# --8<-- [end:silence]


def main() -> None:
    """Print shapes, and what each kernel is worth on validation images."""
    network = trained()
    data = load_dataset("mnist", image_size=28, download=True)
    for name, maps in feature_maps(network, data.validation.pixels[:1]).items():
        print(f"{name}: {maps.shape[1]} maps of {maps.shape[2]}×{maps.shape[3]}, {np.mean(maps == 0):.0%} zeros")
    whole = (network(data.validation.pixels).argmax(dim=1) == data.validation.labels).float().mean()
    print(f"validation accuracy with all kernels: {whole:.2%}")
    for kernel, accuracy in enumerate(without_each_kernel(network, data.validation.pixels, data.validation.labels)):
        print(f"without kernel {kernel}: {accuracy:.2%}")


if __name__ == "__main__":
    main()
