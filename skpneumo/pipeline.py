"""The pipeline: imbalanced-learn's, whose steps may resample, with scikit-learn's callbacks."""

from contextlib import nullcontext
from typing import Any, Self

from imblearn.pipeline import Pipeline as ResamplingPipeline

from skpneumo._sklearn import _fit_context, _name_estimators

__all__ = ["Pipeline", "make_pipeline"]


class Pipeline(ResamplingPipeline):
    """Steps that resample or transform, and a classifier at the end, as one estimator.

    It is :class:`imblearn.pipeline.Pipeline`, whose ``fit`` does not yet know scikit-learn's
    callbacks; this one hands them to the last step.

    Parameters
    ----------
    steps : list of (str, estimator)
        Names and estimators in their order. All but the last transform or resample.
    transform_input : list of str or None, default=None
        Names of metadata, such as ``["X_val"]``, that the steps before the one that asks for
        them shall transform too. It needs scikit-learn's metadata routing to be enabled.
    memory : str, joblib.Memory or None, default=None
        Where fitted transformers are cached. None: they are not.
    verbose : bool, default=False
        Print the time that each step takes to fit.

    Attributes
    ----------
    named_steps : Bunch
        The steps by their names.
    classes_ : ndarray of shape (n_classes,)
        The labels, if the last step is a fitted classifier.

    See Also
    --------
    make_pipeline : The same without names.

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

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Resample and transform by the steps before the last, then fit that.

        Parameters
        ----------
        X : iterable
            What the first step takes; paths of images as a rule.
        y : iterable, default=None
            Labels.
        **params : dict of str to object
            Arguments for the ``fit`` of steps: ``step__name``, or by metadata routing if that is
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
        can_be_told = hasattr(last_step, "fit")
        with last.propagate_callback_context(last_step) if can_be_told else nullcontext():
            last.call_on_fit_task_begin(estimator=self, X=X, y=y)
            # In a frame of its own it would tear the callbacks down before they hear of the end.
            ResamplingPipeline.fit.__wrapped__(self, X, y, **params)
            last.call_on_fit_task_end(estimator=self, X=X, y=y)
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self


def make_pipeline(
    *steps: Any, memory: Any = None, transform_input: Any = None, verbose: bool = False
) -> Pipeline:
    """Make a pipeline whose steps are named after their classes, in lower case.

    Parameters
    ----------
    *steps : estimators
        In their order.
    memory, transform_input, verbose : object
        As in :class:`Pipeline`.

    Returns
    -------
    pipeline : Pipeline
        Not fitted.

    Examples
    --------
    >>> from skpneumo import CNNClassifier, ImageLoader, make_pipeline
    >>> list(make_pipeline(ImageLoader(), CNNClassifier()).named_steps)
    ['imageloader', 'cnnclassifier']
    """
    return Pipeline(
        _name_estimators(steps), memory=memory, transform_input=transform_input, verbose=verbose
    )
