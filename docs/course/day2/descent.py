"""Four ways downhill on the same loss: all data at once, small batches, momentum, Adam.

.venv/bin/python docs/course/day2/descent.py
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


# --8<-- [start:data]
def measurements(count: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points near the line y = 2·x - 1, with noise: (N,) x from 0 to 3, and (N,) y."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 3, count)
    return x, 2 * x - 1 + rng.normal(0, 0.7, count)


# --8<-- [end:data]


# --8<-- [start:loss]
def loss(weights: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    """Mean squared error of slope·x + intercept; `weights` is (slope, intercept)."""
    return float(((weights[0] * x + weights[1] - y) ** 2).mean())


def gradient(weights: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The derivatives of the loss by slope and by intercept, (2,)."""
    error = weights[0] * x + weights[1] - y
    return np.array([(2 * error * x).mean(), (2 * error).mean()])


# --8<-- [end:loss]

Rule = Callable[[np.ndarray], np.ndarray]


# --8<-- [start:rules]
def plain(rate: float) -> Rule:
    """Against the gradient."""

    def step(slope: np.ndarray) -> np.ndarray:
        return -rate * slope

    return step


def momentum(rate: float, keep: float = 0.9) -> Rule:
    """Like a ball: each step keeps most of the last one's velocity."""
    velocity = np.zeros(2)

    def step(slope: np.ndarray) -> np.ndarray:
        nonlocal velocity
        velocity = keep * velocity + slope
        return -rate * velocity

    return step


def adam(rate: float, keep: float = 0.9, keep_squares: float = 0.999) -> Rule:
    """Every weight at its own pace: the mean gradient, divided by its usual size (Kingma and Ba 2014)."""
    mean, square, count = np.zeros(2), np.zeros(2), 0

    def step(slope: np.ndarray) -> np.ndarray:
        nonlocal mean, square, count
        count += 1
        mean = keep * mean + (1 - keep) * slope
        square = keep_squares * square + (1 - keep_squares) * slope**2
        unbiased = mean / (1 - keep**count)  # both averages start at zero, so the first ones are too small
        size = np.sqrt(square / (1 - keep_squares**count))
        return -rate * unbiased / (size + 1e-8)

    return step


# --8<-- [end:rules]


# --8<-- [start:descend]
def descend(rule: Rule, batch: int, steps: int = 60, seed: int = 0) -> np.ndarray:
    """Walk from one fixed start and return every place on the way, (steps + 1, 2).

    batch   how many measurements a step looks at; 200 are all of them
    """
    rng = np.random.default_rng(seed)
    x, y = measurements()
    weights = START.copy()
    path = [weights]
    for _ in range(steps):
        chosen = rng.choice(len(x), batch, replace=False)
        weights = weights + rule(gradient(weights, x[chosen], y[chosen]))
        path.append(weights)
    return np.array(path)


START = np.array([-1.0, 3.0])
# --8<-- [end:descend]

WALKS: dict[str, tuple[Callable[[], Rule], int]] = {
    "full batch": (lambda: plain(0.15), 200),
    "stochastic, 8 at a time": (lambda: plain(0.15), 8),
    "momentum, full batch": (lambda: momentum(0.05), 200),
    "Adam, full batch": (lambda: adam(0.3), 200),
}


def best_line() -> np.ndarray:
    """Slope and intercept of least squares, in closed form: where every walk should end."""
    x, y = measurements()
    return np.polyfit(x, y, 1)


def main() -> None:
    """Print where each walk is after some steps, and the exact answer."""
    x, y = measurements()
    best = best_line()
    print(f"least squares: slope {best[0]:.3f}, intercept {best[1]:.3f}, loss {loss(best, x, y):.4f}")
    for name, (rule, batch) in WALKS.items():
        path = descend(rule(), batch)
        print(f"{name:24}", "  ".join(f"step {n}: {loss(path[n], x, y):.3f}" for n in (0, 1, 10, 30, 60)))


if __name__ == "__main__":
    main()
