"""Exercise 2: tanh is a stretched and shifted sigmoid.

    .venv/bin/python docs/course/day1/solutions/tanh_from_sigmoid.py

With u = exp(-z): tanh(z) = (1/u - u) / (1/u + u) = (1 - u²) / (1 + u²) = 2 / (1 + u²) - 1 = 2·sigmoid(2z) - 1.
The chain rule gives the slope: 2 · 2 · sigmoid'(2z).
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import numpy as np
from activations import sigmoid, sigmoid_slope, tanh, tanh_slope

Z = np.linspace(-10, 10, 2001)


def differences() -> tuple[float, float]:
    """The largest difference of values and of slopes."""
    values = np.abs(2 * sigmoid(2 * Z) - 1 - tanh(Z)).max()
    slopes = np.abs(4 * sigmoid_slope(2 * Z) - tanh_slope(Z)).max()
    return float(values), float(slopes)


if __name__ == "__main__":
    print("values differ by {:.1e}, slopes by {:.1e}".format(*differences()))
