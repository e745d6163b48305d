"""Find errors that persist across runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom
from sklearn.utils import check_consistent_length

from skpneumo._formatting import counted, with_interval
from skpneumo._paths import check_paths, filenames_of
from skpneumo._patients import patients_of
from skpneumo._predictions import check_labels, check_same_kind
from skpneumo._typing import ArrayLike
from skpneumo.evaluation._intervals import clustered_share
from skpneumo.fitted import without_gate

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PersistentErrors", "persistent_errors"]


@dataclass(frozen=True, repr=False)
class PersistentErrors:
    """Number of runs in which each image is wrong, compared with chance.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per image that is wrong in at least one run, the most persistent first: ``row``
        (position in the input), ``filename`` if known, ``label``, ``n_wrong``, ``n_runs`` and
        ``share``.
    overlap : pandas.DataFrame
        One row per number of wrong runs, from 1 to all: ``n_wrong``, ``observed`` (images wrong in
        exactly this many runs), and ``expected``, ``low`` and ``high``: the number, with its 95 %
        range, if every run made as many errors in each class, but on random images.
    shares : pandas.DataFrame
        Two rows, for the images wrong in ``"any run"`` and in ``"every run"``: ``wrong_in``, the
        ``value`` of their share, ``low`` and ``high`` of its 95 % interval, ``n`` and
        ``n_patients``.

    Examples
    --------
    >>> from skpneumo.evaluation import persistent_errors
    >>> y_pred = [[0, 1], [0, 0], [0, 0], [1, 1]]  # a column for each run
    >>> errors = persistent_errors([0, 0, 1, 1], y_pred, groups=range(4))
    >>> errors.frame[["row", "label", "n_wrong"]]
       row  label  n_wrong
    0    2      1        2
    1    0      0        1
    """

    frame: "pd.DataFrame"
    overlap: "pd.DataFrame"
    shares: "pd.DataFrame"

    def __str__(self) -> str:
        last = self.overlap.iloc[-1]
        any_run, every_run = (
            with_interval(row.value, row.low, row.high, row.n, row.n_patients)
            for row in self.shares.itertuples()
        )
        by_chance = with_interval(
            last["expected"], last["low"], last["high"], form=".2g", unit=" images"
        )
        return fill(
            f"Wrong in at least one of {int(last['n_wrong'])} runs: "
            f"{counted(len(self.frame), 'image')}, a share of {any_run}. In every run: "
            f"{counted(int(last['observed']), 'image')}, a share of {every_run}; by chance it "
            f"would be {by_chance}.",
            80,
            break_on_hyphens=False,
        )

    __repr__ = __str__


def persistent_errors(
    y_true: ArrayLike,
    y_pred: ArrayLike | Sequence[Any],
    *,
    X: Any = None,
    filenames: Any = None,
    groups: ArrayLike | None = None,
) -> PersistentErrors:
    """Find the images that are wrong in many runs.

    A run is anything that predicts every image: an epoch, a repeat of cross-validation, a seed, a
    network. Errors that recur are due to the image (a hard case, a wrong label); errors that vary
    are due to the randomness of training.

    Parameters
    ----------
    y_true : array-like of shape (n_images,)
        True labels.
    y_pred : array-like of shape (n_images, n_runs), or list of fitted estimators
        Predicted labels, one column per run, or estimators that predict them from ``X``.
    X : array-like of length n_images, default=None
        Input of the estimators.
    filenames : array-like of paths, shape (n_images,), default=None
        Names for the frame; read from ``X`` if it has any.
    groups : array-like of shape (n_images,), default=None
        The patient of each image, for the intervals of ``shares``. None reads it from the file
        names, and otherwise counts each image as one patient.

    Returns
    -------
    errors : PersistentErrors
        Has ``frame``, ``overlap`` and ``shares``, and prints as sentences.

    Raises
    ------
    ValueError
        If there are no images or fewer than two runs, shapes do not match, labels or patients are
        missing, or labels mix text with numbers.
    TypeError
        If estimators are passed without ``X``.

    Warns
    -----
    UnknownPatientsWarning
        If neither ``groups`` nor ``X`` nor ``filenames`` identifies the patients.

    Notes
    -----
    The expected numbers assume that within a class, each image is wrong in a run with that run's
    error rate in the class, independently of the other runs. The number of wrong runs is then
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
    Wrong in at least one of 5 runs: 9 images, a share of 0.090 [0.048, 0.162] (100 images,
    100 patients). In every run: 4 images, a share of 0.040 [0.016, 0.098] (100 images,
    100 patients); by chance it would be 3.1e-05 images [0, 0].
    >>> errors.overlap[["n_wrong", "observed", "expected"]].round(2)
       n_wrong  observed  expected
    0        1         5     20.36
    1        2         0      2.14
    2        3         0      0.11
    3        4         0      0.00
    4        5         4      0.00
    """
    labels = check_labels(y_true, "y_true")
    predicted = _predictions_of_runs(y_pred, X)
    names = filenames_of(X) if filenames is None else check_paths(filenames)
    check_consistent_length(labels, predicted, names)
    runs = [check_labels(run, f"run {i} of y_pred") for i, run in enumerate(predicted.T)]
    for i, run in enumerate(runs):
        check_same_kind(labels, run, f"run {i} of y_pred")
    patients = patients_of(X, len(labels), groups, filenames=filenames)

    wrong = np.column_stack([run != labels for run in runs])
    patient = np.unique(patients, return_inverse=True)[1]
    return PersistentErrors(
        _wrong_images(wrong, labels, names),
        _overlap(wrong, labels),
        _shares(wrong, patient),
    )


def _predictions_of_runs(y_pred: Any, X: Any) -> NDArray[np.object_]:
    """Get the predicted labels, one column per run, asking estimators if there are any."""
    if isinstance(y_pred, Sequence) and all(hasattr(each, "predict") for each in y_pred):
        if X is None:
            raise TypeError(
                "y_pred is a list of estimators, but there is no X for them to predict. Pass X."
            )
        y_pred = np.column_stack(
            [np.asarray(without_gate(each).predict(X), dtype=object) for each in y_pred]
        )
    # As objects, because NumPy would convert numbers beside text to text.
    predicted = np.asarray(y_pred, dtype=object)
    if predicted.ndim != 2 or predicted.shape[1] < 2:
        raise ValueError(
            f"y_pred has shape {predicted.shape}; expected (n_images, n_runs) with at least two "
            "runs to compare."
        )
    return predicted


def _wrong_images(
    wrong: NDArray[np.bool_], labels: NDArray[Any], names: NDArray[np.object_] | None
) -> "pd.DataFrame":
    """Make the frame of the images that are wrong in at least one run."""
    import pandas as pd

    n_wrong, n_runs = wrong.sum(axis=1), wrong.shape[1]
    rows = np.argsort(-n_wrong, kind="stable")[: np.count_nonzero(n_wrong)]
    columns: dict[str, NDArray[Any]] = {"row": rows}
    if names is not None:
        columns["filename"] = names[rows]
    columns |= {"label": labels[rows], "n_wrong": n_wrong[rows]}
    return pd.DataFrame(columns).assign(n_runs=n_runs, share=n_wrong[rows] / n_runs)


def _overlap(wrong: NDArray[np.bool_], labels: NDArray[Any]) -> "pd.DataFrame":
    """Make the frame of the observed and expected number of images by number of wrong runs."""
    import pandas as pd

    n_wrong, n_runs = wrong.sum(axis=1), wrong.shape[1]
    expected, low, high = _by_chance(wrong, labels)
    return pd.DataFrame(
        {
            "n_wrong": np.arange(1, n_runs + 1),
            "observed": np.bincount(n_wrong, minlength=n_runs + 1)[1:],
            "expected": expected,
            "low": low,
            "high": high,
        }
    )


def _shares(wrong: NDArray[np.bool_], patient: NDArray[np.intp]) -> "pd.DataFrame":
    """Make the frame of the shares of images that are wrong in any and in every run."""
    import pandas as pd

    everything = np.ones(len(wrong), dtype=bool)
    rows = []
    for name, hit in (("any run", wrong.any(axis=1)), ("every run", wrong.all(axis=1))):
        share = clustered_share(np.asarray(hit), everything, patient, 0.95)
        columns = ("value", "low", "high", "n", "n_patients")
        rows.append({"wrong_in": name} | {column: getattr(share, column) for column in columns})
    return pd.DataFrame(rows)


def _by_chance(
    wrong: NDArray[np.bool_], labels: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.int_], NDArray[np.int_]]:
    """Compute mean and 95 % range of images wrong in 1, 2, ... runs if runs are independent."""
    n_runs = wrong.shape[1]
    images = np.ones(1)  # distribution of the number of images, for each number of runs
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
