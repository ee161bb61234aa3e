"""Squeeze-and-excitation: weigh the channels by what the whole picture shows.

.venv/bin/python docs/course/day4/excitation.py
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


# --8<-- [start:block]
class SqueezeExcitation(nn.Module):
    """Weigh each channel by 0 … 2, from the means of all channels; at the start of training by about 1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(8, channels // 8)
        self.squeeze = nn.Linear(channels, hidden)
        self.excite = nn.Linear(hidden, channels)
        nn.init.zeros_(self.excite.bias)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) → the same shape."""
        return features * self.weights(features)[:, :, None, None]

    def weights(self, features: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C): what each channel of each image is multiplied by."""
        means = features.mean(dim=(2, 3))
        weights: Tensor = 2 * self.excite(self.squeeze(means).relu()).sigmoid()
        return weights


# --8<-- [end:block]


def main() -> None:
    """Print the weights of a fresh block, and those after all of its hidden units have died."""
    torch.manual_seed(0)
    block, features = SqueezeExcitation(96), torch.randn(500, 96, 15, 15)
    with torch.no_grad():
        for state in ("fresh", "dead"):
            if state == "dead":
                block.squeeze.bias.fill_(-10.0)
            weights = block.weights(features)
            print(f"{state}: {weights.min():.2f} … {weights.max():.2f}, over images ±{weights.std(dim=0).mean():.3f}")


if __name__ == "__main__":
    main()
