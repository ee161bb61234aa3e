"""Batch normalisation in NumPy: forward, back and in evaluation, held against PyTorch.

.venv/bin/python docs/course/day4/batch_norm.py
"""

from __future__ import annotations

import numpy as np
import torch

AXES = (0, 2, 3)
"""Images, rows and columns: a channel is normalised over all of them together."""


def per_channel(values: np.ndarray) -> np.ndarray:
    """(C,) → (1, C, 1, 1), to meet (N, C, H, W)."""
    return values[None, :, None, None]


# --8<-- [start:class]
class BatchNorm:
    """Every channel to mean 0 and variance 1 over the batch, then to a scale and a shift that are learned.

    gamma, beta           (C,) scale and shift, parameters
    mean, variance        (C,) running averages of what was seen in training; used in evaluation
    """

    def __init__(self, channels: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        self.gamma, self.beta = np.ones(channels), np.zeros(channels)
        self.mean, self.variance = np.zeros(channels), np.ones(channels)
        self.momentum, self.eps = momentum, eps

    # --8<-- [start:forward]
    def train_forward(self, x: np.ndarray) -> np.ndarray:
        """(N, C, H, W) → the same shape, normalised by the batch's own statistics; remembers them."""
        mean, variance = x.mean(axis=AXES), x.var(axis=AXES)
        self.root = np.sqrt(variance + self.eps)
        self.normalised = (x - per_channel(mean)) / per_channel(self.root)
        count = x.size // x.shape[1]
        self.mean += self.momentum * (mean - self.mean)
        self.variance += self.momentum * (variance * count / (count - 1) - self.variance)
        return per_channel(self.gamma) * self.normalised + per_channel(self.beta)

    # --8<-- [end:forward]

    # --8<-- [start:eval]
    def eval_forward(self, x: np.ndarray) -> np.ndarray:
        """(N, C, H, W) → the same shape, by the remembered statistics: each image for itself."""
        scale = self.gamma / np.sqrt(self.variance + self.eps)
        return per_channel(scale) * x + per_channel(self.beta - scale * self.mean)

    # --8<-- [end:eval]

    # --8<-- [start:backward]
    def backward(self, slope: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """From the loss's slope by the outputs to its slopes by inputs, gamma and beta."""
        by_gamma = (slope * self.normalised).sum(axis=AXES)
        by_beta = slope.sum(axis=AXES)
        count = slope.size // slope.shape[1]
        common = per_channel(by_beta / count) + self.normalised * per_channel(by_gamma / count)
        by_x = per_channel(self.gamma / self.root) * (slope - common)
        return by_x, by_gamma, by_beta

    # --8<-- [end:backward]


# --8<-- [end:class]


# --8<-- [start:check]
def check(seed: int = 0) -> dict[str, float]:
    """The largest differences to PyTorch's BatchNorm2d: in training, back, the running averages, in evaluation."""
    rng = np.random.default_rng(seed)
    ours, theirs = BatchNorm(3), torch.nn.BatchNorm2d(3, dtype=torch.float64)
    ours.gamma, ours.beta = rng.normal(1, 0.5, 3), rng.normal(0, 1, 3)
    with torch.no_grad():
        theirs.weight.copy_(torch.from_numpy(ours.gamma))
        theirs.bias.copy_(torch.from_numpy(ours.beta))
    for _ in range(3):
        x, slope = rng.normal(2, 3, (8, 3, 5, 4)), rng.normal(0, 1, (8, 3, 5, 4))
        given = torch.tensor(x, requires_grad=True)
        theirs.zero_grad()
        out = theirs(given)
        out.backward(torch.from_numpy(slope))
        forward = np.abs(ours.train_forward(x) - out.detach().numpy()).max()
    expected = [given.grad, theirs.weight.grad, theirs.bias.grad]
    backward = max(np.abs(a - b.numpy()).max() for a, b in zip(ours.backward(slope), expected, strict=True))
    running = max(
        np.abs(ours.mean - theirs.running_mean.numpy()).max(),
        np.abs(ours.variance - theirs.running_var.numpy()).max(),
    )
    evaluation = np.abs(ours.eval_forward(x) - theirs.eval()(given).detach().numpy()).max()
    return {
        "forward": float(forward),
        "backward": float(backward),
        "running": float(running),
        "evaluation": float(evaluation),
    }


# --8<-- [end:check]


def main() -> None:
    """Print the example of the page and the comparison with PyTorch."""
    four = np.array([1.0, 2.0, 3.0, 6.0]).reshape(4, 1, 1, 1)
    norm = BatchNorm(1)
    print("1, 2, 3, 6 →", norm.train_forward(four).ravel().round(3))
    print("remembered: mean", norm.mean.round(3), "variance", norm.variance.round(3))
    print("6 in evaluation →", norm.eval_forward(four[3:]).ravel().round(3))
    print("largest differences to PyTorch:", check())


if __name__ == "__main__":
    main()
