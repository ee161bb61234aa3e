"""Convolution as a sliding dot product: in a loop that can be read, in one product of matrices, and in PyTorch.

.venv/bin/python docs/course/day3/convolution.py
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F


# --8<-- [start:slide]
def slide(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Lay a (k, k) kernel on every place of an (H, W) image; a dot product at each → (H - k + 1, W - k + 1)."""
    size = len(kernel)
    rows, columns = image.shape[0] - size + 1, image.shape[1] - size + 1
    found = np.zeros((rows, columns))
    for row in range(rows):
        for column in range(columns):
            window = image[row : row + size, column : column + size]
            found[row, column] = (window * kernel).sum()
    return found


# --8<-- [end:slide]

# --8<-- [start:example]
IMAGE = np.array([[0, 0, 0, 1, 1, 1]] * 4, dtype=float)  # four rows, dark on the left, bright on the right
EDGE = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=float)  # brighter to the right? (Sobel)
# --8<-- [end:example]


# --8<-- [start:size]
def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """How many places a kernel has along one side."""
    return (size + 2 * padding - kernel) // stride + 1


# --8<-- [end:size]


# --8<-- [start:convolve]
def convolve(
    images: np.ndarray, kernels: np.ndarray, biases: np.ndarray, *, stride: int = 1, padding: int = 0
) -> np.ndarray:
    """(N, C, H, W) images, (O, C, k, k) kernels, (O,) biases → (N, O, rows, columns)."""
    padded = np.pad(images, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    size = kernels.shape[-1]
    rows = output_size(images.shape[2], size, stride, padding)
    columns = output_size(images.shape[3], size, stride, padding)
    found = np.zeros((len(images), len(kernels), rows, columns))
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride, column * stride
            window = padded[:, :, top : top + size, left : left + size]  # (N, C, k, k)
            found[:, :, row, column] = np.einsum("nchw,ochw->no", window, kernels) + biases
    return found


# --8<-- [end:convolve]


# --8<-- [start:matrix]
def convolve_by_matrix(
    images: np.ndarray, kernels: np.ndarray, biases: np.ndarray, *, stride: int = 1, padding: int = 0
) -> np.ndarray:
    """The same, with every window laid out as a row, so that one product of matrices does all the work."""
    padded = np.pad(images, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    size = kernels.shape[-1]
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(2, 3))[:, :, ::stride, ::stride]
    count, _, rows, columns = windows.shape[:4]
    table = windows.transpose(0, 2, 3, 1, 4, 5).reshape(count * rows * columns, -1)  # a window per row
    found = table @ kernels.reshape(len(kernels), -1).T + biases  # a layer of day 1, on windows
    return found.reshape(count, rows, columns, -1).transpose(0, 3, 1, 2)


# --8<-- [end:matrix]


# --8<-- [start:check]
def check(seed: int = 0) -> dict[str, float]:
    """The largest difference to PyTorch over several strides and paddings, for both of ours."""
    rng = np.random.default_rng(seed)
    images = rng.normal(0, 1, (4, 3, 11, 9))
    kernels, biases = rng.normal(0, 1, (5, 3, 3, 3)), rng.normal(0, 1, 5)
    worst = {"loop": 0.0, "matrix": 0.0}
    for stride in (1, 2, 3):
        for padding in (0, 1, 2):
            tensors = [torch.tensor(part) for part in (images, kernels, biases)]
            theirs = F.conv2d(*tensors, stride=stride, padding=padding).numpy()
            for name, ours in (("loop", convolve), ("matrix", convolve_by_matrix)):
                difference = np.abs(ours(images, kernels, biases, stride=stride, padding=padding) - theirs).max()
                worst[name] = max(worst[name], float(difference))
    return worst


# --8<-- [end:check]


# --8<-- [start:cost]
def convolution_cost(channels: int, kernels: int, size: int, rows: int, columns: int) -> tuple[int, int]:
    """(parameters, multiplications for an image) of a convolution; the parameters do not depend on the image."""
    weights = kernels * channels * size * size
    return weights + kernels, weights * rows * columns


def linear_cost(inputs: int, outputs: int) -> tuple[int, int]:
    """(parameters, multiplications for an image) of a fully connected layer."""
    return inputs * outputs + outputs, inputs * outputs


# --8<-- [end:cost]


def main() -> None:
    """Print the worked example, sizes, costs and the comparison with PyTorch."""
    print("an upright edge under the edge kernel:\n", slide(IMAGE, EDGE))
    print("under the kernel turned by 90°:\n", slide(IMAGE, EDGE.T))
    print("28 pixels, kernel 5, padding 2:", output_size(28, 5, padding=2))
    print("32 pixels, kernel 3, stride 2, padding 1:", output_size(32, 3, stride=2, padding=1))
    print("6 kernels of 5×5 on 28×28, padding 2: parameters, products", convolution_cost(1, 6, 5, 28, 28))
    print("a linear layer with as many outputs:  parameters, products", linear_cost(784, 6 * 28 * 28))
    print("largest difference to PyTorch:", check())


if __name__ == "__main__":
    main()
