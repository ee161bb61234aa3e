"""Exercise 3: a convolution and its batch norm as one convolution.

.venv/bin/python docs/course/day4/solutions/folding.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import torch
from torch import nn


@torch.no_grad()
def fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """One convolution that does what the two do in evaluation."""
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    folded = nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        convolution.kernel_size,
        stride=convolution.stride,
        padding=convolution.padding,
        dtype=convolution.weight.dtype,
    )
    folded.weight.copy_(convolution.weight * scale[:, None, None, None])
    folded.bias.copy_(norm.bias - norm.running_mean * scale)
    return folded


@torch.no_grad()
def difference(seed: int = 0) -> float:
    """Between the two in a row and the folded one, on random images, after some batches of training."""
    torch.manual_seed(seed)
    pair = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False, dtype=torch.float64), nn.BatchNorm2d(8, dtype=torch.float64)
    )
    nn.init.normal_(pair[1].weight)
    nn.init.normal_(pair[1].bias)
    images = torch.randn(16, 3, 10, 10, dtype=torch.float64)
    for _ in range(5):
        pair(images + 1)
    pair.eval()
    return float((pair(images) - fold(pair[0], pair[1])(images)).abs().max())


if __name__ == "__main__":
    print(f"largest difference: {difference():.1e}")
