"""Under- and oversampling of paths or images."""

import os
from collections import Counter, deque
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

from skpneumo._documentation import DocumentationLinks
from skpneumo._images import check_is_array, is_stream
from skpneumo._interpolation import find_sources
from skpneumo._machine import require_memory
from skpneumo._missing_labels import refuse_missing_or_mixed_labels
from skpneumo._paths import check_is_no_query, check_paths
from skpneumo._patients import UnknownPatient, find_patients
from skpneumo._random import check_random_state
from skpneumo._sklearn import Interval, StrOptions, _fit_context, _safe_indexing
from skpneumo._typing import ArrayLike

__all__ = ["ImageResampler"]

# Copies in memory, as floating-point numbers and with synthetic images: an estimate.
_N_COPIES = 4.5
_RESAMPLE_PATHS = (
    "Load smaller images with ImageLoader(size=...), or put this step before the loader, with "
    "sampler='under' or 'over', and load with stream=True."
)


class ImageResampler(DocumentationLinks, BaseSampler):
    """Balance the classes of paths or images with an imbalanced-learn sampler.

    As the first step of a pipeline it resamples paths, before any file is opened. After
    :class:`~skpneumo.ImageLoader` it works with every sampler of imbalanced-learn: those that use
    the data get each image as a row of pixels, and their synthetic rows become images.

    Parameters
    ----------
    sampler : {"under", "over"} or imbalanced-learn sampler, default="under"
        "under" removes images of the larger classes, "over" repeats images of the smaller ones,
        both at random. A sampler such as ``SMOTE(k_neighbors=3)`` is cloned before use; its
        parameters are set as ``sampler__k_neighbors``.
    sampling_strategy : float, str, dict, list or callable, default="auto"
        The resulting number of images of each class, as in imbalanced-learn. "auto" equalises
        the classes, or leaves the choice to the given sampler.
    random_state : int, RandomState instance or None, default=None
        Seed of the sampling. None leaves the seed of a given sampler, or uses fresh entropy,
        never the global generator.

    Attributes
    ----------
    sample_indices_ : ndarray of int of shape (n_samples_new,)
        The row of ``X`` of each row of the result; -1 for a synthetic image.
    sampling_strategy_ : dict
        Number of images that the sampler generates or selects for each class.
    sampler_ : sampler
        The fitted sampler.
    n_features_in_ : int
        Number of columns of a numeric ``X`` of shape (n_samples, n_features).

    See Also
    --------
    skpneumo.ImageAugmenter : Adds augmented copies instead of identical ones.

    Notes
    -----
    Rows are in the order of imbalanced-learn: grouped by class after undersampling, originals
    first after oversampling. Later steps do not depend on the order: the classifiers shuffle.

    Samplers that use pixels compute in floating point. Their synthetic rows are rounded and
    clipped to the type of ``X``, and all other rows are unchanged. If a sampler does not report
    which rows it selected, they are recognised by their content, so that the indices of two
    identical images with the same label may be exchanged. File names that images carry stay with
    selected rows, and are dropped if any image is synthetic.

    If ``X`` is an :class:`~skpneumo.loading.ImageStream`, random sampling returns a stream.
    Samplers that use pixels decode it into memory, as floating-point numbers.

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

    # The inner sampler decides which classes to resample.
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
        """Resample as :meth:`fit_resample` does, but return only the fitted sampler.

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
    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
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
            Lists stay lists, and rows of Series and DataFrames keep their index labels.
        y_resampled : same type as y
            The labels of ``X_resampled``.

        Raises
        ------
        ValueError
            If ``X`` is empty, ``y`` has missing labels or fewer than two classes, lengths
            differ, or a sampler that uses the data is given paths.
        TypeError
            If an entry of ``X`` is not a path.
        """
        check_is_no_query(X, or_array=False)
        _check_no_missing_labels(y)
        # The base class takes all frames and series for those of pandas.
        arrays = [np.asarray(each) if _is_of_polars(each) else each for each in (X, y)]
        if _is_of_polars(X) and _contains_paths(X):
            arrays[0] = check_paths(X)
        X_resampled, y_resampled = super().fit_resample(*arrays)
        if (self.sample_indices_ >= 0).all():
            X_resampled = X[self.sample_indices_] if _is_of_polars(X) else X_resampled
            y_resampled = y[self.sample_indices_] if _is_of_polars(y) else y_resampled
        if hasattr(X_resampled, "iloc") and hasattr(y_resampled, "iloc"):
            y_resampled.index = X_resampled.index
        return X_resampled, y_resampled

    def _check_X_y(self, X: Any, y: Any) -> tuple[Any, NDArray[Any], bool]:
        y, one_hot = check_target_type(y, indicate_one_vs_all=True)
        check_is_array(X)
        if _contains_paths(X):
            check_paths(X)
            X = X if hasattr(X, "__array__") else np.fromiter(X, dtype=object)
        # Not np.ndim, which would convert array-likes such as streams.
        elif (X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim) > 2:
            X = X if is_stream(X) else np.asanyarray(X)
            if 0 in X.shape:
                raise ValueError(f"Found no images in X of shape {X.shape}: at least 1 is needed.")
        else:
            X = validate_data(self, X, dtype="numeric", reset=True)
        check_consistent_length(X, y)
        if len(classes := np.unique(y)) < 2:
            raise ValueError(
                f"y has only 1 class, {classes.tolist()[0]!r}; balancing needs at least two. "
                "Check the folder or the split that the labels come from."
            )
        return X, y, one_hot

    def _fit_resample(self, X: Any, y: NDArray[Any]) -> tuple[Any, NDArray[Any]]:
        self.sampler_ = self._configured_sampler()
        if _ignores_pixels(self.sampler_):
            # Row numbers are resampled instead of rows, so that neither paths nor pixels are
            # copied.
            self.sampler_.fit_resample(np.arange(len(y)).reshape(-1, 1), y)
            self.sample_indices_ = self.sampler_.sample_indices_
            if hasattr(X, "nbytes") and not is_stream(X):
                n_bytes = X.nbytes // max(len(X), 1) * len(self.sample_indices_)
                require_memory(
                    n_bytes, f"The stack of {len(self.sample_indices_)} images", _RESAMPLE_PATHS
                )
            resampled = _safe_indexing(X, self.sample_indices_), y[self.sample_indices_]
        elif _contains_paths(X):
            raise ValueError(
                f"{type(self.sampler_).__name__} uses the data, but X contains paths. Put this "
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
            # With None they would use the global generator.
            unseeded = [name for name, seed in seeds.items() if seed is None]
            sampler.set_params(**dict.fromkeys(unseeded, check_random_state(None)))
        else:
            sampler.set_params(**dict.fromkeys(seeds, self.random_state))
        # The base class disables validation in the calls below it.
        sampler._validate_params()
        return sampler

    def _resample_pixels(
        self, X: NDArray[Any], y: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        # In uint8, differences between neighbours would overflow.
        dtype = X.dtype if X.dtype.kind == "f" else np.promote_types(X.dtype, np.float32)
        require_memory(
            int(_N_COPIES * dtype.itemsize * np.prod(X.shape, dtype=float)),
            f"{type(self.sampler_).__name__} on {len(X)} images of {X.shape[1:]}",
            _RESAMPLE_PATHS,
        )
        pixels = np.asarray(X, dtype).reshape(len(X), -1)
        try:
            rows, y_resampled = self.sampler_.fit_resample(pixels, y)
        except ValueError as error:
            if "n_neighbors" in str(error):
                raise _too_few_neighbors(self.sampler_, y) from error
            raise

        source = getattr(self.sampler_, "sample_indices_", None)
        if source is None:
            source = _find_rows(rows, y_resampled, pixels, y)
        # Smoothed oversampling reports the row that it perturbs, but its result is synthetic as
        # well.
        is_original = (source >= 0) & np.all(rows == pixels[source], axis=1)
        self.sample_indices_ = np.where(is_original, source, -1)
        if is_original.all():
            return X[source], y_resampled

        patients = self._resampled_patients(X, y, pixels, rows, y_resampled, source)
        X_resampled = np.empty((len(rows), *X.shape[1:]), dtype=X.dtype)
        X_resampled[is_original] = X[source[is_original]]
        synthetic = rows[~is_original].reshape(-1, *X.shape[1:])
        if X.dtype.kind in "iu":
            limits = np.iinfo(X.dtype)
            synthetic = np.clip(np.rint(synthetic), limits.min, limits.max)
        X_resampled[~is_original] = synthetic
        if patients is not None:
            # The type of the images, because its class is defined in a later stage.
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
        source: NDArray[np.intp],
    ) -> NDArray[np.object_] | None:
        """Assign the patient of their row to copies, and those of their sources to the others."""
        if not hasattr(np.asanyarray(X), "patients"):
            return None
        patients, known, _ = find_patients(X, len(X))  # a later step that splits rows will warn
        patients = patients.astype(object)
        patients[~known] = [UnknownPatient(each) for each in patients[~known]]
        resampled = np.empty(len(rows), dtype=object)
        resampled[source >= 0] = patients[source[source >= 0]]
        new = np.flatnonzero(source < 0)
        for label in np.unique(y_resampled[new]):
            of_class = np.flatnonzero(y == label)
            these = new[y_resampled[new] == label]
            for row, ends in zip(these, find_sources(rows[these], pixels[of_class]), strict=True):
                resampled[row] = _patients_between(patients, of_class, ends)
        return resampled

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = isinstance(self.sampler, str) or _ignores_pixels(self.sampler)
        tags.input_tags.sparse = False
        tags.sampler_tags.sample_indices = True
        return tags


def _patients_between(
    patients: NDArray[np.object_], of_class: NDArray[np.intp], ends: tuple[int, ...] | None
) -> Any:
    """Return the patients of the sources of a synthetic row, or of the class if unknown."""
    sources = of_class if ends is None else of_class[list(ends)]
    return tuple(sorted({str(patient) for patient in patients[sources]}))


def _check_no_missing_labels(y: Any) -> None:
    if y is None:
        raise ValueError("ImageResampler requires y to be passed, but the target y is None.")
    refuse_missing_or_mixed_labels(y)


def _too_few_neighbors(sampler: Any, y: NDArray[Any]) -> ValueError:
    name = type(sampler).__name__
    label, n_images = min(Counter(y.tolist()).items(), key=lambda item: item[1])
    # An image has no neighbour but the others of its class.
    remedy = (
        f"Let it look for at most {n_images - 1}, as with k_neighbors of SMOTE, or use"
        if n_images > 1
        else "One image has none: use"
    )
    return ValueError(
        f"{name} needs more neighbours than class {label!r} has images, {n_images}. {remedy} "
        "sampler='over'."
    )


def _contains_paths(X: Any) -> bool:
    entries: Collection[Any]
    if issparse(X) or is_stream(X):
        return False
    if hasattr(X, "__array__"):
        array = np.asarray(X)
        if array.dtype != object:
            return array.dtype.kind in "UST"
        entries = array.ravel()
    else:
        rows = (list, tuple, np.ndarray)
        entries = [entry for row in X for entry in (row if isinstance(row, rows) else [row])]
    # One path is enough, because check_paths names the entries that are not. An empty list counts
    # as paths, because it is mostly the result of a wrong glob pattern.
    return len(entries) == 0 or any(isinstance(entry, str | os.PathLike) for entry in entries)


def _is_of_polars(array: Any) -> bool:
    return type(array).__module__.partition(".")[0] == "polars"


def _ignores_pixels(sampler: Any) -> bool:
    return (
        isinstance(sampler, RandomUnderSampler | RandomOverSampler)
        and getattr(sampler, "shrinkage", None) is None
    )


def _find_rows(
    rows: NDArray[Any], labels: NDArray[Any], X: NDArray[Any], y: NDArray[Any]
) -> NDArray[np.intp]:
    """Find the row of ``X`` equal to each of ``rows`` in content and label; -1 if none is left."""

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
