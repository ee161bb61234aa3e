"""Exercise 6: the way back through a convolution.

.venv/bin/python docs/course/day3/solutions/backward.py
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F


def convolution_slopes(
    images: np.ndarray, kernels: np.ndarray, slope: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slopes by images, kernels and biases, for stride 1 without padding.

    images (N, C, H, W), kernels (O, C, k, k), slope (N, O, rows, columns): the loss's slope by what came out

    Each place is a dot product, so the rules of day 2 hold there: a kernel's slope is the slope behind times the window
    before, and a window's slope is the slope behind times the kernel. A kernel is used at every place and a pixel is in
    several windows: what comes back on several ways is added.
    """
    size = kernels.shape[-1]
    by_images, by_kernels = np.zeros_like(images), np.zeros_like(kernels)
    for row in range(slope.shape[2]):
        for column in range(slope.shape[3]):
            behind = slope[:, :, row, column]  # (N, O)
            window = images[:, :, row : row + size, column : column + size]
            by_kernels += np.einsum("no,nchw->ochw", behind, window)
            by_images[:, :, row : row + size, column : column + size] += np.einsum("no,ochw->nchw", behind, kernels)
    return by_images, by_kernels, slope.sum(axis=(0, 2, 3))


def difference(seed: int = 0) -> float:
    """The largest difference to PyTorch's autograd."""
    rng = np.random.default_rng(seed)
    shapes = (3, 2, 8, 7), (4, 2, 3, 3), (4,)
    tensors = [torch.tensor(rng.normal(0, 1, shape), requires_grad=True) for shape in shapes]
    out = F.conv2d(*tensors)
    slope = rng.normal(0, 1, tuple(out.shape))
    out.backward(torch.tensor(slope))
    own = convolution_slopes(tensors[0].detach().numpy(), tensors[1].detach().numpy(), slope)
    return max(float(np.abs(a - tensor.grad.numpy()).max()) for a, tensor in zip(own, tensors, strict=True))


if __name__ == "__main__":
    print(f"largest difference to PyTorch: {difference():.1e}")
