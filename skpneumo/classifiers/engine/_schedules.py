"""Schedules of the learning rate."""

import math
from collections.abc import Iterator


def warmup_cosine(
    peak: float, warmup_epochs: float, n_epochs: int, n_steps: int
) -> Iterator[float]:
    """Increase the rate linearly over the first epochs, then decrease it along half a cosine.

    Parameters
    ----------
    peak : float
        The highest rate.
    warmup_epochs : float
        Epochs over which the rate increases; may be fractional.
    n_epochs, n_steps : int
        Number of epochs, and of steps per epoch.

    Yields
    ------
    rate : float
        Rate of each step; it reaches zero after the last.
    """
    total = n_epochs * n_steps
    warmup = min(warmup_epochs * n_steps, total)
    for step in range(total):
        if step < warmup:
            share = min((step + 1) / warmup, 1.0)  # the warm-up may end within a step
        else:
            done = (step - warmup) / max(total - warmup, 1)
            share = (1 + math.cos(math.pi * done)) / 2
        yield peak * share
