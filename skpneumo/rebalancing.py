"""Under- and oversampling of paths or images."""

import os
from collections import deque
from collections.abc import Callable, Collection, Mapping
from hashlib import blake2b
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from imblearn.base import BaseSampler, SamplerMixin
from imblearn.over_sampling import RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from imblearn.utils import check_target_type
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import validate_data

from skpneumo._containers import check_is_array
from skpneumo._documentation import DocumentationLinks
from skpneumo._images import is_stream
from skpneumo._interpolation import find_sources
from skpneumo._machine import require_memory
from skpneumo._missing_labels import refuse_missing_labels
from skpneumo._paths import check_paths
from skpneumo._patients import UnknownPatient, find_patients
from skpneumo._random import check_random_state
from skpneumo._sklearn import Interval, StrOptions, _fit_context, _safe_indexing
from skpneumo._typing import ArrayLike

__all__ = ["ImageResampler"]

# As floating point numbers, with what SMOTE and its relatives make up: an estimate.
_COPIES = 4.5
_RESAMPLE_PATHS = (
    "Load smaller images by ImageLoader(size=...), or put this step before the loader, with "
    "sampler='under' or 'over', and load by stream=True."
)


class ImageResampler(DocumentationLinks, BaseSampler):
    """Balance the classes of paths or images with an imbalanced-learn sampler.

    As the first step of a pipeline it draws paths, before a single file is opened. After
    :class:`~skpneumo.ImageLoader` it takes every sampler of imbalanced-learn: those that look
    at the data see each image as one row of pixels, and what they make up comes back as
    images.

    Parameters
    ----------
    sampler : {"under", "over"} or imbalanced-learn sampler, default="under"
        "under" drops images of the larger classes, "over" repeats images of the smaller ones,
        both at random. A sampler such as ``SMOTE(k_neighbors=3)`` is cloned before use; its
        parameters are reached as ``sampler__k_neighbors``.
    sampling_strategy : float, str, dict, list or callable, default="auto"
        How many images of each class to end up with, in the words of imbalanced-learn.
        "auto" equalises the classes, or leaves the choice to the sampler given.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw. None leaves the sampler given its own seed, or else draws fresh
        entropy, never from the global generator.

    Attributes
    ----------
    sample_indices_ : ndarray of int of shape (n_samples_new,)
        The row of ``X`` each row of the result is; -1 for an image made up by the sampler.
    sampling_strategy_ : dict
        The sampler's plan: number of images for each class it touches.
    sampler_ : sampler
        The fitted sampler.
    n_features_in_ : int
        Number of columns of a numeric ``X`` of shape (n_samples, n_features).

    See Also
    --------
    skpneumo.ImageAugmenter : Adds changed copies instead of equal ones.

    Notes
    -----
    Rows come in the order of imbalanced-learn: grouped by class after undersampling, originals
    first after oversampling. Later steps do not depend on it: the classifiers shuffle.

    Samplers that look at pixels calculate in floating point; results are rounded and clipped
    to the type of ``X``, and rows that were not made up are returned bit for bit. Where a
    sampler does not tell which rows it kept, they are recognised by their content, so that of
    two identical images with one label either index may stand for either. File names that
    images carry travel with rows taken by index, and are dropped as soon as one is made up.

    Of an :class:`~skpneumo.loading.ImageStream` rows drawn at random stay a stream. Samplers
    that look at pixels decode it into memory, as floating-point numbers.

    References
    ----------
    Lemaître, Nogueira, Aridas. "Imbalanced-learn: A Python Toolbox to Tackle the Curse of
    Imbalanced Datasets in Machine Learning". JMLR 18(17), 2017.

    Examples
    --------
    >>> from skpneumo.rebalancing import ImageResampler
    >>> paths = ["a.jpeg", "b.jpeg", "c.jpeg", "d.jpeg"]
    >>> ImageResampler("under", random_state=0).fit_resample(paths, [0, 1, 1, 1])
    (['a.jpeg', 'd.jpeg'], [0, 1])

    Synthetic images, from pixels:

    >>> import numpy as np
    >>> from imblearn.over_sampling import SMOTE
    >>> X = np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2, 1)
    >>> smote = ImageResampler(SMOTE(k_neighbors=1), random_state=0)
    >>> X_res, y_res = smote.fit_resample(X, [0, 0, 1, 1, 1, 1])
    >>> X_res.shape, X_res.dtype
    ((8, 2, 2, 1), dtype('uint8'))
    >>> smote.sample_indices_
    array([ 0,  1,  2,  3,  4,  5, -1, -1])
    """

    # Which classes to touch is the inner sampler's affair.
    _sampling_type = "bypass"

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "sampler": [StrOptions({"under", "over"}), SamplerMixin],
        "sampling_strategy": [
            Interval(Real, 0, 1, closed="right"),
            StrOptions({"auto", "majority", "minority", "not minority", "not majority", "all"}),
            Mapping,
            list,
            callable,
        ],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        sampler: str | SamplerMixin = "under",
        *,
        sampling_strategy: float
        | str
        | Mapping[Any, int]
        | list[Any]
        | Callable[..., Any] = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.sampler = sampler
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Draw the rows as :meth:`fit_resample` does, and keep only the fitted attributes.

        Parameters
        ----------
        X : paths, images or array-like of shape (n_samples, n_features)
            As in :meth:`fit_resample`.
        y : array-like of shape (n_samples,)
            Class labels.

        Returns
        -------
        self : ImageResampler
            The fitted sampler.
        """
        self.fit_resample(X, y)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def fit_resample(self, X: Any, y: ArrayLike) -> tuple[Any, Any]:
        """Resample paths or images, and their labels.

        Parameters
        ----------
        X : array-like of paths of shape (n_samples,) or (n_samples, 1), \
                ndarray of shape (n_samples, height, width, channels), \
                or array-like of shape (n_samples, n_features)
            Paths, images, or rows of numbers.
        y : array-like of shape (n_samples,)
            Class labels of any type; two or more classes.

        Returns
        -------
        X_resampled : same type as X
            Lists stay lists, and Series and DataFrames keep the index labels of their rows.
        y_resampled : same type as y
            The labels of ``X_resampled``.

        Raises
        ------
        ValueError
            If ``X`` is empty, ``y`` has missing labels or fewer than two classes, lengths
            differ, or a sampler that looks at the data is given paths.
        TypeError
            If an entry of ``X`` is not a path.
        """
        _check_no_label_missing(y)
        X_resampled, y_resampled = super().fit_resample(X, y)
        if hasattr(X_resampled, "iloc") and hasattr(y_resampled, "iloc"):
            y_resampled.index = X_resampled.index
        return X_resampled, y_resampled

    def _check_X_y(self, X: Any, y: Any) -> tuple[Any, NDArray[Any], bool]:
        y, one_hot = check_target_type(y, indicate_one_vs_all=True)
        check_is_array(X)
        if _holds_paths(X):
            check_paths(X)
            X = X if hasattr(X, "__array__") else _column_of_objects(X)
        # Not by np.ndim, which asks what is no array but can be made one.
        elif (X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim) > 2:
            X = X if is_stream(X) else np.asanyarray(X)
            if 0 in X.shape:
                raise ValueError(f"Found no images in X of shape {X.shape}: at least 1 is needed.")
        else:
            X = validate_data(self, X, dtype="numeric", reset=True)
        check_consistent_length(X, y)
        if len(classes := np.unique(y)) < 2:
            raise ValueError(
                f"y holds 1 class only, {classes.tolist()[0]!r}; balancing needs at least two. "
                "Check the folder or the split that the labels come from."
            )
        return X, y, one_hot

    def _fit_resample(self, X: Any, y: NDArray[Any]) -> tuple[Any, NDArray[Any]]:
        self.sampler_ = self._configured_sampler()
        if _draws_blindly(self.sampler_):
            # Row numbers stand for the rows, so neither paths nor pixels are copied.
            self.sampler_.fit_resample(np.arange(len(y)).reshape(-1, 1), y)
            self.sample_indices_ = self.sampler_.sample_indices_
            if hasattr(X, "nbytes") and not is_stream(X):
                n_bytes = X.nbytes // max(len(X), 1) * len(self.sample_indices_)
                require_memory(
                    n_bytes, f"The stack of {len(self.sample_indices_)} images", _RESAMPLE_PATHS
                )
            resampled = _safe_indexing(X, self.sample_indices_), y[self.sample_indices_]
        elif _holds_paths(X):
            raise ValueError(
                f"{type(self.sampler_).__name__} looks at the data, and X holds paths. Put this "
                "step after ImageLoader, or use sampler='under' or 'over'."
            )
        else:
            resampled = self._resample_pixels(X, y)
        self.sampling_strategy_ = self.sampler_.sampling_strategy_
        return resampled

    def _configured_sampler(self) -> Any:
        if isinstance(self.sampler, str):
            sampler = {"under": RandomUnderSampler, "over": RandomOverSampler}[self.sampler]()
        else:
            sampler = clone(self.sampler)
        if self.sampling_strategy != "auto":
            sampler.set_params(sampling_strategy=self.sampling_strategy)
        seeds = {
            name: seed
            for name, seed in sampler.get_params().items()
            if name == "random_state" or name.endswith("__random_state")
        }
        if self.random_state is None:
            # Left at None they would draw from the global generator.
            unseeded = [name for name, seed in seeds.items() if seed is None]
            sampler.set_params(**dict.fromkeys(unseeded, check_random_state(None)))
        else:
            sampler.set_params(**dict.fromkeys(seeds, self.random_state))
        # The base class switches validation off for what it calls.
        sampler._validate_params()
        return sampler

    def _resample_pixels(
        self, X: NDArray[Any], y: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        dtype = X.dtype if X.dtype.kind == "f" else np.promote_types(X.dtype, np.float32)
        require_memory(
            int(_COPIES * dtype.itemsize * np.prod(X.shape, dtype=float)),
            f"{type(self.sampler_).__name__} on {len(X)} images of {X.shape[1:]}",
            _RESAMPLE_PATHS,
        )
        # In uint8 the differences between neighbours, from which images are made up, wrap.
        pixels = np.asarray(X).reshape(len(X), -1)
        if pixels.dtype.kind != "f":
            pixels = pixels.astype(np.promote_types(pixels.dtype, np.float32))
        rows, y_resampled = self.sampler_.fit_resample(pixels, y)

        claimed = getattr(self.sampler_, "sample_indices_", None)
        if claimed is None:
            claimed = _find_rows(rows, y_resampled, pixels, y)
        # Smoothed oversampling names the row it blurs: that row is made up too.
        kept = (claimed >= 0) & np.all(rows == pixels[claimed], axis=1)
        self.sample_indices_ = np.where(kept, claimed, -1)
        if kept.all():
            return X[claimed], y_resampled

        patients = self._resampled_patients(X, y, pixels, rows, y_resampled, claimed)
        X_resampled = np.empty((len(rows), *X.shape[1:]), dtype=X.dtype)
        X_resampled[kept] = X[claimed[kept]]
        made_up = rows[~kept].reshape(-1, *X.shape[1:])
        if X.dtype.kind in "iu":
            limits = np.iinfo(X.dtype)
            made_up = np.clip(np.rint(made_up), limits.min, limits.max)
        X_resampled[~kept] = made_up
        if patients is not None:
            # Of the type that carries them, which is of a later stage.
            carrier: Any = type(np.asanyarray(X))
            X_resampled = carrier(X_resampled, patients=patients)
        return X_resampled, y_resampled

    def _resampled_patients(
        self,
        X: Any,
        y: NDArray[Any],
        pixels: NDArray[Any],
        rows: NDArray[Any],
        y_resampled: NDArray[Any],
        claimed: NDArray[np.intp],
    ) -> NDArray[np.object_] | None:
        """Give copies the patient of their row, and new rows those of their sources."""
        if not hasattr(np.asanyarray(X), "patients"):
            return None
        patients, known, _ = find_patients(X, len(X))  # whoever holds rows out will warn
        patients = patients.astype(object)
        patients[~known] = [UnknownPatient(each) for each in patients[~known]]
        resampled = np.empty(len(rows), dtype=object)
        resampled[claimed >= 0] = patients[claimed[claimed >= 0]]
        new = np.flatnonzero(claimed < 0)
        for label in np.unique(y_resampled[new]):
            of_class = np.flatnonzero(y == label)
            these = new[y_resampled[new] == label]
            for row, ends in zip(these, find_sources(rows[these], pixels[of_class]), strict=True):
                resampled[row] = _patients_between(patients, of_class, ends)
        return resampled

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = isinstance(self.sampler, str) or _draws_blindly(self.sampler)
        tags.input_tags.sparse = False
        tags.sampler_tags.sample_indices = True
        return tags


def _patients_between(
    patients: NDArray[np.object_], of_class: NDArray[np.intp], ends: tuple[int, ...] | None
) -> Any:
    """Name the patients of the rows that a new one was made of; of all rows, if nothing tells."""
    sources = of_class if ends is None else of_class[list(ends)]
    return tuple(sorted({str(patient) for patient in patients[sources]}))


def _check_no_label_missing(y: Any) -> None:
    if y is None:
        raise ValueError("ImageResampler requires y to be passed, but the target y is None.")
    refuse_missing_labels(y)


def _holds_paths(X: Any) -> bool:
    entries: Collection[Any]
    if issparse(X) or is_stream(X):
        return False
    if hasattr(X, "__array__"):
        array = np.asarray(X)
        if array.dtype != object:
            return array.dtype.kind in "US"
        entries = array.ravel()
    else:
        rows = (list, tuple, np.ndarray)
        entries = [entry for row in X for entry in (row if isinstance(row, rows) else [row])]
    # One path makes all of them paths, and check_paths name those that are not. So does an
    # empty list: it is most often the outcome of a wrong glob pattern.
    return len(entries) == 0 or any(isinstance(entry, str | os.PathLike) for entry in entries)


def _column_of_objects(X: Any) -> NDArray[np.object_]:
    column = np.empty(len(X), dtype=object)
    for i, row in enumerate(X):
        column[i] = row
    return column


def _draws_blindly(sampler: Any) -> bool:
    return (
        isinstance(sampler, RandomUnderSampler | RandomOverSampler)
        and getattr(sampler, "shrinkage", None) is None
    )


def _find_rows(
    rows: NDArray[Any], labels: NDArray[Any], X: NDArray[Any], y: NDArray[Any]
) -> NDArray[np.intp]:
    """Row of ``X`` that equals each of ``rows`` in content and label; -1 where none is left."""

    def fingerprint(row: NDArray[Any], label: Any) -> tuple[bytes, Any]:
        return blake2b(row.tobytes(), digest_size=16).digest(), label

    unused: dict[tuple[bytes, Any], deque[int]] = {}
    for i, (row, label) in enumerate(zip(X, y, strict=True)):
        unused.setdefault(fingerprint(row, label), deque()).append(i)
    found = np.full(len(rows), -1)
    for i, (row, label) in enumerate(zip(rows, labels, strict=True)):
        if candidates := unused.get(fingerprint(row, label)):
            found[i] = candidates.popleft()
    return found
