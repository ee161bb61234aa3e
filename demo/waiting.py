"""The line of visitors who want to do what only a few can do at once."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from thumbnet.model import ThumbnetError


@dataclass(slots=True, eq=False)
class Turn:
    """A visitor's turn. `over` is set when it shall end; `replaced` is true where the visitor has begun another."""

    visitor: str
    over: threading.Event = field(default_factory=threading.Event)
    replaced: bool = False


class Line:
    """Who is at it, and who waits, first come, first served. Safe to use from several threads.

    at_once   visitors who may do it at the same time
    waiting   visitors who may wait for that
    """

    def __init__(self, at_once: int, waiting: int) -> None:
        self._at_once, self._waiting = at_once, waiting
        self._turns: list[Turn] = []
        self._lock = threading.Lock()

    def enter(self, visitor: str) -> Turn:
        """Get in line, at the end; a visitor who is in it already keeps the place, and the turn before is over.

        Raises ThumbnetError where the line is full.
        """
        turn = Turn(visitor)
        with self._lock:
            for index, earlier in enumerate(self._turns):
                if earlier.visitor == visitor:
                    earlier.replaced = True
                    earlier.over.set()
                    self._turns[index] = turn
                    return turn
            if len(self._turns) >= self._at_once + self._waiting:
                waiting = "1 visitor waits" if self._waiting == 1 else f"{self._waiting} visitors wait"
                raise ThumbnetError(f"{waiting} already; please try again in a few minutes.")
            self._turns.append(turn)
        return turn

    def place(self, turn: Turn) -> int:
        """0 where it is the visitor's turn, 1 for who is next, and so on."""
        with self._lock:
            return max(0, self._turns.index(turn) + 1 - self._at_once) if turn in self._turns else 0

    def end(self, visitor: str) -> None:
        """Ask for the end of a visitor's turn, also where it has not begun."""
        with self._lock:
            for turn in self._turns:
                if turn.visitor == visitor:
                    turn.over.set()

    def leave(self, turn: Turn) -> None:
        """Make room for the next one."""
        with self._lock:
            self._turns = [other for other in self._turns if other is not turn]
