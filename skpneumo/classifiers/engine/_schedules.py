"""Learning rates that change while training."""

import math
from collections.abc import Iterator


def warmup_cosine(
    peak: float, warmup_epochs: float, n_epochs: int, n_steps: int
) -> Iterator[float]:
    """Raise the rate linearly over the first epochs, then lower it along half a cosine to zero.

    Parameters
    ----------
    peak : float
        The highest rate.
    warmup_epochs : float
        How long the rate rises; it may end within an epoch.
    n_epochs, n_steps : int
        Epochs in all, and steps in each.

    Yields
    ------
    rate : float
        That of each step in turn.
    """
    total = n_epochs * n_steps
    warmup = min(warmup_epochs * n_steps, total)
    for step in range(total):
        if step < warmup:
            share = min((step + 1) / warmup, 1.0)  # it may end within a step
        else:
            done = (step - warmup) / max(total - warmup, 1)
            share = (1 + math.cos(math.pi * done)) / 2
        yield peak * share
