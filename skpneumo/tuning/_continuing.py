"""Continue training from rung to rung of a halving search."""

from contextlib import suppress
from itertools import pairwise
from typing import Any

from sklearn.base import clone

from skpneumo.tuning._store import TrainedStates

__all__ = ["Continuation", "check_continuable"]


class Continuation:
    """Training of a candidate on a fold, over several rungs."""

    def __init__(self, states: TrainedStates, key: str, resource: str, rungs: list[int]) -> None:
        self._states = states
        self._key = key
        self._owner, self._name = _owner_and_name(resource)
        self._rung = rungs[-1]
        self._earlier_rungs = rungs[:-1]
        self._restored_rung = 0

    def begin(self, estimator: Any, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        """Restore the trained state, and return the parameters of each remaining fit.

        Usually this is one fit. If the state of the last rung is missing, fits are repeated from
        the highest rung with a state: with a schedule, the same number of epochs in fewer fits
        would be a different training.
        """
        self._restored_rung = self._states.highest(self._key, self._earlier_rungs)
        # The candidate may contain a network, which must not replace the trained one.
        others = {name: value for name, value in parameters.items() if name != self._owner}
        if self._restored_rung:
            estimator.set_params(**clone(parameters, safe=False))
            try:
                self._states.restore(self._key, self._restored_rung, self._network_of(estimator))
                parameters = others
            except FileNotFoundError:  # the same search in another process was faster
                self._restored_rung = 0
        ends = [rung for rung in (*self._earlier_rungs, self._rung) if rung > self._restored_rung]
        return [
            {
                **(parameters if i == 0 else others),
                self._parameter(self._name): end - begin,
                self._parameter("warm_start"): True,
            }
            for i, (begin, end) in enumerate(pairwise([self._restored_rung, *ends]))
        ]

    def save(self, estimator: Any) -> None:
        """Save the trained state for the next rung."""
        # The same search in another process removes the folder at its end.
        with suppress(FileNotFoundError):
            self._states.save(self._key, self._rung, self._network_of(estimator))

    def remove_earlier(self) -> None:
        """Remove the state that training continued from, once the result of this rung is saved."""
        if self._restored_rung:
            self._states.remove(self._key, self._restored_rung)

    def _network_of(self, estimator: Any) -> Any:
        return estimator.get_params()[self._owner] if self._owner else estimator

    def _parameter(self, name: str) -> str:
        return f"{self._owner}__{name}" if self._owner else name


def check_continuable(estimator: Any, resource: str) -> None:
    """Refuse an estimator or resource with which training cannot continue.

    Raises
    ------
    ValueError
        If the resource is not the epochs of a classifier of this package that is the estimator or
        its last step, or if that classifier is trained in two phases.
    """
    owner, name = _owner_and_name(resource)
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
            "continue_training=True, but the classifier has two phases of training, of which only "
            "the last would continue. Set fine_tune_from=None or continue_training=False."
        )


def _owner_and_name(resource: str) -> tuple[str, str]:
    owner, _, name = resource.rpartition("__")
    return owner, name
