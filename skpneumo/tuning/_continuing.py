"""Training that continues from rung to rung of a halving search."""

from itertools import pairwise
from typing import Any

from sklearn.base import clone

from skpneumo.tuning._store import TrainedStates

__all__ = ["Continuation", "check_continuable"]


class Continuation:
    """One candidate on one fold, on its way up the rungs."""

    def __init__(self, states: TrainedStates, key: str, resource: str, rungs: list[int]) -> None:
        self._states = states
        self._key = key
        self._owner, self._name = _split(resource)
        self._rung = rungs[-1]
        self._earlier_rungs = rungs[:-1]
        self._began_at = 0

    def begin(self, estimator: Any, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        """Put what has been trained into the estimator; give the parameters of what remains.

        That is one fit as a rule. Where the state of the last rung is gone, it is all of them
        from the last one that is there: with a schedule, the same number of epochs in another
        number of fits would be another training.
        """
        self._began_at = self._states.highest(self._key, self._earlier_rungs)
        # The candidate may bring a network of its own, which must not replace the trained one.
        others = {name: value for name, value in parameters.items() if name != self._owner}
        if self._began_at:
            estimator.set_params(**clone(parameters, safe=False))
            self._states.restore(self._key, self._began_at, self._network_of(estimator))
            parameters = others
        ends = [rung for rung in (*self._earlier_rungs, self._rung) if rung > self._began_at]
        return [
            {
                **(parameters if i == 0 else others),
                self._parameter(self._name): end - begin,
                self._parameter("warm_start"): True,
            }
            for i, (begin, end) in enumerate(pairwise([self._began_at, *ends]))
        ]

    def save(self, estimator: Any) -> None:
        """Save what is trained now, for the next rung."""
        self._states.save(self._key, self._rung, self._network_of(estimator))

    def remove_earlier(self) -> None:
        """Remove what training continued from, once this rung's result is saved."""
        if self._began_at:
            self._states.remove(self._key, self._began_at)

    def _network_of(self, estimator: Any) -> Any:
        return estimator.get_params()[self._owner] if self._owner else estimator

    def _parameter(self, name: str) -> str:
        return f"{self._owner}__{name}" if self._owner else name


def check_continuable(estimator: Any, resource: str) -> None:
    """Refuse what ``warm_start`` would not take from one rung to the next.

    Raises
    ------
    ValueError
        If the resource is not the epochs of a classifier of this package, which is the estimator
        or its last step, or if that classifier trains in two phases.
    """
    owner, name = _split(resource)
    last_step = estimator.steps[-1][0] if hasattr(estimator, "steps") else ""
    trained = estimator.get_params(deep=False) if not owner else {}
    if owner and owner == last_step:
        trained = estimator.steps[-1][1].get_params(deep=False)
    if name != "epochs" or owner not in ("", last_step) or "warm_start" not in trained:
        example = f"{last_step}__epochs" if last_step else "epochs"
        raise ValueError(
            f"Training cannot continue from rung to rung with resource={resource!r}. "
            f"continue_training=True needs the epochs of a network classifier that is the "
            f"estimator itself or the last step of its pipeline, such as resource={example!r}."
        )
    if trained.get("fine_tune_from") is not None:
        raise ValueError(
            "continue_training=True, but the classifier has two phases of training, and would "
            "continue with the last one only. Set fine_tune_from=None or continue_training=False."
        )


def _split(resource: str) -> tuple[str, str]:
    owner, _, name = resource.rpartition("__")
    return owner, name
