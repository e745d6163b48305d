"""Find the arguments of ``fit`` for patients and for weights, in pipelines and searches too."""

from collections.abc import Iterable, Mapping
from typing import Any

from sklearn.base import MetaEstimatorMixin, clone
from sklearn.model_selection import BaseCrossValidator, BaseShuffleSplit
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import has_fit_parameter

from skpneumo._sklearn import BaseSearchCV, GroupsConsumerMixin, _routing_enabled

__all__ = ["groups_for", "takes_groups", "weights_in"]


def groups_for(estimator: Any, groups: Any) -> dict[str, Any]:
    """Make the arguments with the patients for an estimator's ``fit``, if it can use them.

    The estimator may hold images out itself, and knows the patients only from these and from X.

    Parameters
    ----------
    estimator : estimator
        Not fitted. Of a pipeline, the last step gets the patients, unless steps make new rows.
    groups : array-like of shape (n_samples,) or None
        The patient of each sample.

    Returns
    -------
    arguments : dict of str to array-like
        Empty without groups, or if ``fit`` does not use them. A search passes some to its splitter
        and some to its estimator.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skpneumo import CNNClassifier, make_pipeline
    >>> from skpneumo._fit_arguments import groups_for
    >>> groups_for(make_pipeline(CNNClassifier()), ["ann", "bob"])
    {'cnnclassifier__groups': ['ann', 'bob']}
    >>> groups_for(LogisticRegression(), ["ann", "bob"])
    {}
    """
    if groups is None:
        return {}
    if _routing_enabled():
        asks = has_fit_parameter(estimator, "groups")
        # A step of a pipeline may request them.
        asks = asks or bool(get_routing_for_object(estimator).consumes("fit", ["groups"]))
        return {"groups": groups} if asks else {}
    return dict.fromkeys(_names_of_groups(estimator), groups)


def _names_of_groups(estimator: Any) -> list[str]:
    """Find the names of the arguments with the patients without metadata routing."""
    if has_fit_parameter(estimator, "groups"):
        return ["groups"]
    if isinstance(estimator, BaseSearchCV):
        splits = hasattr(estimator.cv, "split")  # a number or a list of splits does not
        own = ["groups"] if splits and takes_groups(estimator.cv) else []
        # Its argument called groups is for the splitter alone.
        return own + [name for name in _names_for_candidates(estimator) if name != "groups"]
    if not isinstance(estimator, Pipeline):  # other estimators can have steps of another kind
        return []
    last, step = estimator.steps[-1]
    if not hasattr(step, "fit") or not _resamples_arguments(estimator):
        return []
    return [f"{last}__{name}" for name in _names_of_groups(step)]


def _names_for_candidates(search: BaseSearchCV) -> list[str]:
    """Find the names that the estimator of a search takes, whichever steps are exchanged."""
    names = _names_of_groups(search.estimator)
    now = search.estimator.get_params() if names else {}
    grids = getattr(search, "param_grid", None) or getattr(search, "param_distributions", {})
    for grid in [grids] if isinstance(grids, Mapping) else grids:
        for name, values in grid.items():
            listed = list(values) if isinstance(values, Iterable) else []  # not a distribution
            if any(map(_is_step, (now.get(name), *listed))) and any(
                _names_of_groups(clone(search.estimator).set_params(**{name: value})) != names
                for value in listed
            ):
                return []
    return names


def _is_step(value: Any) -> bool:
    if isinstance(value, str):
        return value == "passthrough"
    return hasattr(value, "fit") or hasattr(value, "fit_resample")


def _resamples_arguments(pipeline: Pipeline) -> bool:
    """Tell whether the arguments of the last step stay those of its rows."""
    samplers = [step for _, step in pipeline.steps[:-1] if hasattr(step, "fit_resample")]
    if not samplers:
        return True
    # Imported here, because imbalanced-learn takes a while.
    from skpneumo.pipeline import Pipeline as ResamplingPipeline
    from skpneumo.rebalancing import ImageResampler

    # A resampler that takes paths makes no new rows, which would have no argument.
    return isinstance(pipeline, ResamplingPipeline) and all(
        isinstance(each, ImageResampler) and get_tags(each).input_tags.string for each in samplers
    )


def takes_groups(splitter: Any) -> bool:
    """Tell whether patients can be passed to a splitter without a warning that it ignores them.

    Of scikit-learn's own splitters, some warn. Others have no such base, and may need them.
    """
    own = isinstance(splitter, BaseCrossValidator | BaseShuffleSplit)
    return not own or isinstance(splitter, GroupsConsumerMixin)


def weights_in(fit_params: dict[str, Any], estimator: Any) -> Any:
    """Find the weights of the samples that the last step of an estimator is fitted with, if any.

    Weights of other steps, such as of a scaler, do not change what the classifier learns.
    """
    prefix, inner = "", estimator
    while True:
        if isinstance(inner, Pipeline):
            last, inner = inner.steps[-1]
            prefix += f"{last}__"
        elif isinstance(inner, MetaEstimatorMixin) and hasattr(inner, "estimator"):
            inner = inner.estimator  # of a search, for example, which passes arguments on
        else:
            break
    return fit_params.get(f"{prefix}sample_weight", fit_params.get("sample_weight"))
