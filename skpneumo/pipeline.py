"""Pipelines whose steps can resample, as in imbalanced-learn, with scikit-learn's callbacks."""

import os
from contextlib import nullcontext
from copy import copy
from typing import Any, Self

import joblib
import numpy as np
from imblearn.pipeline import Pipeline as ResamplingPipeline
from joblib import Memory
from numpy.typing import NDArray
from sklearn.utils.validation import check_memory

from skpneumo._documentation import DocumentationLinks
from skpneumo._file_state import file_state
from skpneumo._paths import carried_patients, filenames_of
from skpneumo._sklearn import _fit_context, _name_estimators, _num_samples, _safe_indexing

__all__ = ["Pipeline", "make_pipeline"]


class Pipeline(DocumentationLinks, ResamplingPipeline):
    """Pipeline of steps that resample or transform, with a classifier at the end.

    This is :class:`imblearn.pipeline.Pipeline`, with support for scikit-learn's callbacks in the
    last step. Arguments of the last step with an entry for each row, such as
    ``cnn__sample_weight`` and ``cnn__groups``, are resampled with the rows; if a sampler makes new
    rows, they are an error.

    Parameters
    ----------
    steps : list of (str, estimator)
        Names and estimators in order. All but the last transform or resample.
    transform_input : list of str or None, default=None
        Names of metadata, such as ``["X_val"]``, to transform by the steps before the one that
        requests them. Needs scikit-learn's metadata routing.
    memory : str, joblib.Memory or None, default=None
        Where to cache fitted transformers; by default they are not cached. Rows of other files, of
        files that have changed, and of other patients are cached separately.
    verbose : bool, default=False
        Print the time to fit each step.

    Attributes
    ----------
    named_steps : Bunch
        The steps by their names.
    classes_ : ndarray of shape (n_classes,)
        The labels, if the last step is a fitted classifier.

    See Also
    --------
    make_pipeline : Makes a pipeline without naming its steps.

    Examples
    --------
    >>> from skpneumo import CNNClassifier, ImageLoader, ImageResampler, Pipeline
    >>> from skpneumo import make_chest_xray
    >>> xrays = make_chest_xray(n_patients=12, random_state=0)
    >>> pipe = Pipeline(
    ...     [
    ...         ("balance", ImageResampler("under", random_state=0)),
    ...         ("load", ImageLoader(size=16)),
    ...         ("cnn", CNNClassifier(filters=(4,), epochs=1, random_state=0)),
    ...     ]
    ... )
    >>> pipe.fit(xrays.filenames, xrays.target).predict_proba(xrays.filenames[:3]).shape
    (3, 2)
    """

    steps: Any
    memory: Any

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Resample and transform by all steps but the last, then fit the last one.

        Parameters
        ----------
        X : iterable
            Input of the first step, usually paths of images.
        y : iterable, default=None
            Labels.
        **params : dict of str to object
            Arguments for the ``fit`` of steps: ``step__name``, or by metadata routing if it is
            enabled.

        Returns
        -------
        self : Pipeline
            The fitted pipeline.
        """
        context = self._init_callback_context(max_subtasks=1)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        last = context.subcontext("fit-final-estimator")
        last_step = self.steps[-1][1]
        passes_on = hasattr(last_step, "fit")  # "passthrough" has none
        with last.propagate_callback_context(last_step) if passes_on else nullcontext():
            last.call_on_fit_task_begin(estimator=self, X=X, y=y)
            # The decorated method would end the callbacks before the end of the fit is reported.
            ResamplingPipeline.fit.__wrapped__(self, X, y, **params)
            last.call_on_fit_task_end(estimator=self, X=X, y=y)
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def _fit(
        self, X: Any, y: Any = None, routed_params: Any = None, raw_params: Any = None
    ) -> tuple[Any, Any]:
        """Fit all steps but the last, and resample the arguments of the last one with the rows."""
        n_rows = _number_of_rows(X)
        samplers = [i for i, (_, step) in enumerate(self.steps[:-1]) if _resamples(step)]
        if samplers:
            self._refuse_arguments_between(samplers[0], routed_params or {}, n_rows)
        fitting = copy(self)  # because fit must not change memory, which is a parameter
        fitting.memory = _memory_for(X, self.memory)
        result = super(Pipeline, fitting)._fit(X, y, routed_params, raw_params)
        self.steps = fitting.steps
        aligned = _row_aligned((routed_params or {}).get(self.steps[-1][0], {}), n_rows)
        if samplers and aligned:
            rows = np.arange(n_rows)
            for i in samplers:
                name, sampler = self.steps[i]
                rows = rows[_sampled_rows(name, sampler, aligned)]
            for arguments, name in aligned:
                arguments[name] = _safe_indexing(arguments[name], rows)
        return result

    def _refuse_arguments_between(self, sampler: int, routed: Any, n_rows: int) -> None:
        """Raise for arguments of a transformer after a sampler, which would not be resampled."""
        for name, _ in self.steps[sampler + 1 : -1]:
            for _, argument in _row_aligned(routed.get(name, {}), n_rows):
                raise ValueError(
                    f"{name}__{argument} has one entry for each of the {n_rows} rows of the "
                    f"input, but the step {self.steps[sampler][0]!r} resamples the rows before "
                    f"{name!r}. Put {name!r} before the sampler, or leave the argument out."
                )


# These belong to other images than those that are resampled.
_OF_OTHER_ROWS = {"X_val", "y_val"}


def _memory_for(X: Any, memory: Any) -> Any:
    """Return a cache of fitted steps for these rows, separate from those for other rows.

    joblib identifies rows only by their paths or pixels, and would return results of files that
    have changed since, or of the same images with other patients.
    """
    memory = check_memory(memory)
    if getattr(memory, "location", None) is None or (rows := _state_of_rows(X)) is None:
        return memory
    options = ("backend", "mmap_mode", "compress", "backend_options")
    return Memory(
        os.path.join(memory.location, rows),
        **{name: getattr(memory, name) for name in options},
        verbose=0,
    )


def _state_of_rows(X: Any) -> str | None:
    """Hash the files that rows come from and their patients; None where nothing tells either."""
    filenames, patients = filenames_of(X), carried_patients(X)
    if filenames is None and patients is None:
        return None
    files = [] if filenames is None else [(path, file_state(path)) for path in filenames]
    return joblib.hash([files, None if patients is None else patients.tolist()])


def _number_of_rows(X: Any) -> int:
    """Count the rows; 0 of what has none, such as a generator, which the first step refuses."""
    try:
        return int(_num_samples(X))
    except TypeError:
        return 0


def _resamples(step: Any) -> bool:
    return step not in (None, "passthrough") and hasattr(step, "fit_resample")


def _row_aligned(arguments_of: Any, n_rows: int) -> list[tuple[dict[str, Any], str]]:
    """Find the arguments of a step with an entry for each row, and the dicts they are in."""
    return [
        (arguments, name)
        for arguments in arguments_of.values()
        for name, value in arguments.items()
        if name not in _OF_OTHER_ROWS
        and hasattr(value, "__len__")
        and not isinstance(value, str | bytes | dict)
        and np.ndim(value) > 0
        and len(value) == n_rows > 0
    ]


def _sampled_rows(
    name: str, sampler: Any, aligned: list[tuple[dict[str, Any], str]]
) -> NDArray[np.intp]:
    """Get the rows that a fitted sampler has selected; raise if it made new rows."""
    rows = getattr(sampler, "sample_indices_", None)
    if rows is None or np.any(np.asarray(rows) < 0):
        given = ", ".join(sorted({argument for _, argument in aligned}))
        raise ValueError(
            f"The last step gets {given}, with one entry for each row, but "
            f"{type(sampler).__name__} in the step {name!r} makes new rows without an entry. Use "
            "class_weight instead of weights, sampler='under' or 'over', or resample before the "
            "pipeline."
        )
    return np.asarray(rows)


def make_pipeline(
    *steps: Any, memory: Any = None, transform_input: Any = None, verbose: bool = False
) -> Pipeline:
    """Make a pipeline with steps named after their classes, in lower case.

    Parameters
    ----------
    *steps : estimators
        The steps in order.
    memory, transform_input, verbose : object
        As in :class:`Pipeline`.

    Returns
    -------
    pipeline : Pipeline
        The pipeline, not fitted.

    Examples
    --------
    >>> from skpneumo import CNNClassifier, ImageLoader, make_pipeline
    >>> list(make_pipeline(ImageLoader(), CNNClassifier()).named_steps)
    ['imageloader', 'cnnclassifier']
    """
    return Pipeline(
        _name_estimators(steps), memory=memory, transform_input=transform_input, verbose=verbose
    )
