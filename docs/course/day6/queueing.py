"""How long one waits at a server that is busy for a share of the time: simulated, and by formula.

.venv/bin/python docs/course/day6/queueing.py
"""

from __future__ import annotations

import numpy as np


# --8<-- [start:simulate]
def mean_time(utilisation: float, customers: int = 2_000_000, *, regular: bool = False, seed: int = 0) -> float:
    """Mean time in the system, waiting and served, in units of the mean service.

    regular   every service takes equally long, instead of an exponentially distributed time
    """
    rng = np.random.default_rng(seed)
    gaps = rng.exponential(1 / utilisation, customers)
    services = np.ones(customers) if regular else rng.exponential(1.0, customers)
    # Who comes next waits for what the one before waited and was served, less the gap between them (Lindley 1952):
    # waiting = max(0, waiting + service - gap), which is a running sum less its lowest value so far.
    steps = np.concatenate([[0.0], np.cumsum(services[:-1] - gaps[1:])])
    waiting = steps - np.minimum.accumulate(steps)
    return float((waiting + services).mean())


def formula(utilisation: float, *, regular: bool = False) -> float:
    """The same by formula: M/M/1, or M/D/1 where services are regular (Pollaczek and Khinchine)."""
    waiting = utilisation / (1 - utilisation)
    return 1 + (waiting / 2 if regular else waiting)


# --8<-- [end:simulate]

UTILISATIONS = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)


def main() -> None:
    """Print simulation and formula side by side."""
    for share in UTILISATIONS:
        print(f"{share:.2f}  simulated {mean_time(share):6.2f}  formula {formula(share):6.2f}")


if __name__ == "__main__":
    main()
