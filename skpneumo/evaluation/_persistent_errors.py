"""Are they the same twenty? Which images every run gets wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom
from sklearn.utils import check_consistent_length, column_or_1d

from skpneumo.paths import check_paths, filenames_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PersistentErrors", "persistent_errors"]


@dataclass(frozen=True)
class PersistentErrors:
    """Which images are wrong in how many runs, and how many would be by chance.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per image that is wrong in at least one run, the most persistent first:
        ``row`` (position in the input), ``filename`` where known, ``label``, ``n_wrong``,
        ``n_runs`` and ``share``.
    overlap : pandas.DataFrame
        One row per number of wrong runs, from 1 to all: ``n_wrong``, ``observed`` (images wrong
        in exactly so many runs), and ``expected``, ``low`` and ``high``: the number, with its
        95 % range, if every run made as many errors in each class but drew the images at random.
    """

    frame: "pd.DataFrame"
    overlap: "pd.DataFrame"

    def __str__(self) -> str:
        last = self.overlap.iloc[-1]
        runs = int(last["n_wrong"])
        return (
            f"{len(self.frame)} images are wrong in at least one of {runs} runs, "
            f"{int(last['observed'])} in every one of them; by chance {last['expected']:.2g} "
            f"[{int(last['low'])}, {int(last['high'])}] would be."
        )


def persistent_errors(
    y: ArrayLike,
    y_pred: ArrayLike | Sequence[Any],
    *,
    X: Any = None,
    filenames: Any = None,
) -> PersistentErrors:
    """Find the images that are wrong run after run.

    A run is anything that predicts every image: an epoch, a repeat of cross-validation, a
    seed, a network. Errors that come back are about the image (a hard case, a wrong label);
    errors that change places are about the training.

    Parameters
    ----------
    y : array-like of shape (n_images,)
        True labels.
    y_pred : array-like of shape (n_images, n_runs), or list of fitted estimators
        Predicted labels, one column per run; or what predicts them from ``X``.
    X : array-like of length n_images, default=None
        What the estimators take.
    filenames : array-like of paths, shape (n_images,), default=None
        Names for the frame; read off ``X`` where it has them.

    Returns
    -------
    errors : PersistentErrors
        With ``frame`` and ``overlap``; prints as a sentence.

    Raises
    ------
    ValueError
        If shapes do not match, or there are fewer than two runs.
    TypeError
        If estimators are given without ``X``.

    Notes
    -----
    Expected by chance: within a class, an image is wrong in run r with that run's error rate in
    the class, independently of the other runs. The number of wrong runs is then
    Poisson-binomial, and the range is that of a binomial over the images.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo.evaluation import persistent_errors
    >>> y = np.zeros(100, dtype=int)
    >>> y_pred = np.zeros((100, 5), dtype=int)
    >>> y_pred[:4] = 1  # four images are always wrong,
    >>> y_pred[np.arange(10, 15), np.arange(5)] = 1  # five once each
    >>> errors = persistent_errors(y, y_pred)
    >>> print(errors)
    9 images are wrong in at least one of 5 runs, 4 in every one of them; by chance 3.1e-05 [0, 0]
    would be.
    >>> errors.overlap[["n_wrong", "observed", "expected"]].round(2)
       n_wrong  observed  expected
    0        1         5     20.36
    1        2         0      2.14
    2        3         0      0.11
    3        4         0      0.00
    4        5         4      0.00
    """
    import pandas as pd

    labels: NDArray[Any] = column_or_1d(y)
    estimators: Any = y_pred
    if isinstance(y_pred, Sequence) and all(hasattr(each, "predict") for each in estimators):
        if X is None:
            raise TypeError("Got estimators as y_pred but no X for them to predict. Pass X.")
        y_pred = np.column_stack([estimator.predict(X) for estimator in estimators])
    predicted = np.asarray(y_pred)
    if predicted.ndim != 2 or predicted.shape[1] < 2:
        raise ValueError(
            f"y_pred has shape {predicted.shape}; expected (n_images, n_runs) with at least two "
            "runs to compare."
        )
    names = filenames_of(X) if filenames is None else check_paths(filenames)
    check_consistent_length(labels, predicted, names)

    wrong = predicted != labels[:, np.newaxis]
    n_wrong, n_runs = wrong.sum(axis=1), wrong.shape[1]
    rows = np.argsort(-n_wrong, kind="stable")[: np.count_nonzero(n_wrong)]
    columns: dict[str, NDArray[Any]] = {"row": rows}
    if names is not None:
        columns["filename"] = names[rows]
    columns |= {"label": labels[rows], "n_wrong": n_wrong[rows]}
    frame = pd.DataFrame(columns).assign(n_runs=n_runs, share=n_wrong[rows] / n_runs)

    counts = np.arange(1, n_runs + 1)
    observed = np.bincount(n_wrong, minlength=n_runs + 1)[1:]
    expected, low, high = _by_chance(wrong, labels)
    overlap = pd.DataFrame(
        {"n_wrong": counts, "observed": observed, "expected": expected, "low": low, "high": high}
    )
    return PersistentErrors(frame, overlap)


def _by_chance(
    wrong: NDArray[np.bool_], labels: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.int_], NDArray[np.int_]]:
    """Images wrong in 1, 2, ... runs if the runs erred independently: mean and 95 % range."""
    n_runs = wrong.shape[1]
    images = np.ones(1)  # The distribution of the number of images, for each number of runs.
    distributions = [images] * n_runs
    expected = np.zeros(n_runs)
    for label in np.unique(labels):
        members = wrong[labels == label]
        chance = np.ones(1)
        for rate in members.mean(axis=0):
            chance = np.convolve(chance, [1 - rate, rate])
        n = len(members)
        expected += n * chance[1:]
        distributions = [
            np.convolve(distribution, binom.pmf(np.arange(n + 1), n, min(1.0, p)))
            for distribution, p in zip(distributions, chance[1:], strict=True)
        ]
    cumulative = [np.cumsum(distribution) for distribution in distributions]
    low, high = (
        np.array([int(np.searchsorted(c, tail)) for c in cumulative]) for tail in (0.025, 0.975)
    )
    return expected, low, high
