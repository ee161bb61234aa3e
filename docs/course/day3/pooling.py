"""Max and average pooling: keep the strongest, or the mean, of each window.

.venv/bin/python docs/course/day3/pooling.py
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F


# --8<-- [start:pool]
def pool(images: np.ndarray, size: int, summary: Callable[..., np.ndarray]) -> np.ndarray:
    """(N, C, H, W) → (N, C, H // size, W // size): one number for each window, np.max or np.mean of it."""
    count, channels, height, width = images.shape
    rows, columns = height // size, width // size
    whole = images[:, :, : rows * size, : columns * size]  # what does not fill a window is left out
    return summary(whole.reshape(count, channels, rows, size, columns, size), axis=(3, 5))


# --8<-- [end:pool]

# --8<-- [start:example]
MAP = np.array([[1, 3, 0, 0], [2, 8, 0, 1], [0, 0, 5, 5], [0, 4, 5, 5]], dtype=float)
# --8<-- [end:example]


# --8<-- [start:slopes]
def max_pool_slope(images: np.ndarray, size: int, slope: np.ndarray) -> np.ndarray:
    """The way back through max pooling: the slope goes to the winner of each window, the others get 0.

    images   (N, C, H, W), H and W multiples of `size`;   slope   (N, C, H // size, W // size)

    Where several places tie, each gets the slope (PyTorch picks the first; on real feature maps ties are zeros).
    """
    best = np.repeat(np.repeat(pool(images, size, np.max), size, axis=2), size, axis=3)
    spread = np.repeat(np.repeat(slope, size, axis=2), size, axis=3)
    return np.where(images == best, spread, 0)


def average_pool_slope(size: int, slope: np.ndarray) -> np.ndarray:
    """The way back through average pooling: everybody in the window gets an equal share."""
    return np.repeat(np.repeat(slope, size, axis=2), size, axis=3) / size**2


# --8<-- [end:slopes]


# --8<-- [start:check]
def check(seed: int = 0) -> dict[str, float]:
    """The largest difference to PyTorch, forward and back."""
    rng = np.random.default_rng(seed)
    images, slope = rng.normal(0, 1, (3, 4, 8, 6)), rng.normal(0, 1, (3, 4, 4, 3))
    found = {}
    for name, summary, theirs in (("max", np.max, F.max_pool2d), ("average", np.mean, F.avg_pool2d)):
        tensor = torch.tensor(images, requires_grad=True)
        out = theirs(tensor, 2)
        out.backward(torch.tensor(slope))
        back = max_pool_slope(images, 2, slope) if name == "max" else average_pool_slope(2, slope)
        found[name] = float(np.abs(pool(images, 2, summary) - out.detach().numpy()).max())
        found[f"{name}_slope"] = float(np.abs(back - tensor.grad.numpy()).max())
    return found


# --8<-- [end:check]


def main() -> None:
    """Print the worked example and the comparison with PyTorch."""
    print("max:\n", pool(MAP[None, None], 2, np.max)[0, 0])
    print("average:\n", pool(MAP[None, None], 2, np.mean)[0, 0])
    print("largest difference to PyTorch:", check())


if __name__ == "__main__":
    main()
