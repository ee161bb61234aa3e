"""Exercise 8: an automatic differentiator in forty lines, which does by itself what the page does by hand.

.venv/bin/python docs/course/day2/solutions/tiny_autograd.py
"""

from __future__ import annotations

from collections.abc import Callable


class Number:
    """A number that remembers what it was made from, and how its slope flows back to them."""

    def __init__(self, value: float, made_from: tuple[Number, ...] = ()) -> None:
        self.value = value
        self.slope = 0.0
        self.made_from = made_from
        self.pass_back: Callable[[], None] = lambda: None

    def __add__(self, other: Number) -> Number:
        result = Number(self.value + other.value, (self, other))

        def pass_back() -> None:
            self.slope += result.slope
            other.slope += result.slope

        result.pass_back = pass_back
        return result

    def __mul__(self, other: Number) -> Number:
        result = Number(self.value * other.value, (self, other))

        def pass_back() -> None:
            self.slope += other.value * result.slope
            other.slope += self.value * result.slope

        result.pass_back = pass_back
        return result

    def relu(self) -> Number:
        """What is positive passes."""
        result = Number(max(self.value, 0.0), (self,))

        def pass_back() -> None:
            self.slope += result.slope * (self.value > 0)

        result.pass_back = pass_back
        return result

    def backward(self) -> None:
        """Fill in the slope of this number by every number it was made from, the last made first."""
        order: list[Number] = []

        def visit(number: Number) -> None:
            if number not in order:
                for part in number.made_from:
                    visit(part)
                order.append(number)

        visit(self)
        self.slope = 1.0
        for number in reversed(order):
            number.pass_back()


def chain() -> dict[str, float]:
    """The worked example of the page."""
    x, w, b, v, minus_t = (Number(value) for value in (2.0, 0.5, 1.0, 1.5, -1.0))
    error = v * (w * x + b).relu() + minus_t
    loss = error * error
    loss.backward()
    return {"loss": loss.value, "by_v": v.slope, "by_w": w.slope, "by_b": b.slope}


if __name__ == "__main__":
    print(chain())
