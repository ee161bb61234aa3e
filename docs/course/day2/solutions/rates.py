"""Exercise 2: too slow, right, too fast. Gradient descent on a parabola.

    .venv/bin/python docs/course/day2/solutions/rates.py

The loss is 2·w², its slope 4·w, so a step multiplies w by (1 - 4·rate). w shrinks while that is between -1 and 1, which
is for rates under 1/2; at 1/4 it lands on the minimum at once.
"""

from __future__ import annotations


def walk(rate: float, start: float = 1.0, steps: int = 20) -> list[float]:
    """Where w is before the first step and after each."""
    places = [start]
    for _ in range(steps):
        places.append(places[-1] - rate * 4 * places[-1])
    return places


if __name__ == "__main__":
    for rate in (0.01, 0.1, 0.25, 0.45, 0.5, 0.55):
        print(
            f"rate {rate:4}:", "  ".join(f"{w:7.3f}" for w in walk(rate)[:6]), f"… after 20 steps {walk(rate)[-1]:.3g}"
        )
