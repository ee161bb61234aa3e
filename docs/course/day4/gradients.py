"""What goes forward and what comes back in deep networks, with and without batch norm and residuals.

.venv/bin/python docs/course/day4/gradients.py
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from thumbnet.model.architectures import Network, build
from thumbnet.model.architectures.resnet import ResidualBlock
from thumbnet.model.datasets import Split, load_dataset

VARIANTS = {
    "both": {},
    "norm_only": {"residual": False},
    "residual_only": {"batch_norm": False},
    "neither": {"residual": False, "batch_norm": False},
}
"""Name → options of the project's ResNet."""


def resnet(depth: int, seed: int = 0, **options: object) -> Network:
    """A ResNet for CIFAR-10 as it is before its first step, in training mode."""
    torch.manual_seed(seed)
    network = build("resnet20", num_classes=10, in_channels=3, image_size=32, options={"depth": depth, **options})
    return network.train()


@cache
def some_images(count: int = 64) -> Split:
    """The first training images of CIFAR-10."""
    train = load_dataset("cifar10", image_size=32, download=True).train
    return Split(train.pixels[:count], train.labels[:count])


# --8<-- [start:follow]
def follow(network: Network, images: Split) -> dict[str, list[float]]:
    """One step forward and back; after each block the spread of the signal, and the size of the loss's slope by it.

    spread   standard deviation over all its numbers
    slope    length of the loss's slope by the block's output, root mean square over the images
    """
    signals: list[Tensor] = []

    def keep(_: object, __: object, given: Tensor) -> None:
        given.retain_grad()
        signals.append(given)

    blocks = [module for module in network.features if isinstance(module, ResidualBlock)]
    hooks = [block.register_forward_hook(keep) for block in blocks]
    F.cross_entropy(network(images.pixels), images.labels).backward()
    for hook in hooks:
        hook.remove()
    return {
        "spread": [float(signal.detach().std()) for signal in signals],
        "slope": [float(signal.grad.flatten(1).square().sum(dim=1).mean().sqrt()) for signal in signals],
    }


# --8<-- [end:follow]


# --8<-- [start:agreement]
def agreement(network: Network, images: Split, noise: float = 2.0) -> float:
    """How alike the loss's slopes by the pixels are before and after a change of the images that nobody sees.

    noise   standard deviation of the change, of 255

    The mean cosine over the images: 1 is the same direction, 0 has nothing to do with it.
    """
    torch.manual_seed(1)
    change = noise * torch.randn(images.pixels.shape)
    slopes = []
    for pixels in (images.pixels.float(), images.pixels + change):
        pixels.requires_grad_()
        F.cross_entropy(network(pixels), images.labels).backward()
        slopes.append(pixels.grad.flatten(1))
    return float(F.cosine_similarity(*slopes, dim=1).mean())


# --8<-- [end:agreement]


# --8<-- [start:race]
def first_steps(depth: int, *, residual: bool, steps: int = 100, images: int = 2000, seed: int = 0) -> list[float]:
    """The training loss of each of the first steps of SGD with momentum, batches of 64 from a few images."""
    data = some_images(images)
    network = resnet(depth, seed, residual=residual)
    network.fit_statistics(data.pixels)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for _ in range(steps):
        chosen = torch.randint(0, images, (64,))
        loss = F.cross_entropy(network(data.pixels[chosen]), data.labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# --8<-- [end:race]


def main() -> None:
    """Print what 20 and 56 layers make of signal and slope."""
    images = some_images()
    for depth in (20, 56):
        for name, options in VARIANTS.items():
            found = follow(resnet(depth, **options), images)
            ends = {key: f"{values[0]:.2g} … {values[-1]:.2g}" for key, values in found.items()}
            print(f"{depth} layers, {name}: spread {ends['spread']}, slope {ends['slope']} (first … last block)")
        for residual in (True, False):
            same = agreement(resnet(depth, residual=residual), images)
            print(f"{depth} layers, residual {residual}: slopes agree to {same:.2f}")


if __name__ == "__main__":
    main()
