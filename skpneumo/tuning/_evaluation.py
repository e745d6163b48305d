"""Evaluate a candidate on a fold: read the result from the store, or fit, score and save."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.base import clone

from skpneumo._sklearn import _fit_and_score
from skpneumo.tuning._continuing import Continuation
from skpneumo.tuning._device_slots import device_slot
from skpneumo.tuning._keys import data_key, key_of
from skpneumo.tuning._peak_memory import PeakMemory
from skpneumo.tuning._predictions import predict_fold
from skpneumo.tuning._store import ResultStore, TrainedStates

__all__ = ["SearchRun", "evaluate"]

_RESULT_OPTIONS = ("fit_params", "score_params", "return_train_score", "error_score")


@dataclass(frozen=True)
class SearchRun:
    """Information about a search that the evaluating processes need."""

    key: str | None  # key of data and scorer
    store: Path | None
    states: Path | None
    device_slots: int | None
    store_predictions: bool


def evaluate(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    train: Any,
    test: Any,
    parameters: dict[str, Any],
    caller: Any,
    callback_ctx: Any = None,
    **options: Any,
) -> dict[str, Any]:
    """Evaluate a candidate on a fold, in place of ``_fit_and_score`` of scikit-learn."""
    run: SearchRun = caller._run
    key = partial(_key, run, estimator, train, test, options)
    continuation, rungs = None, None
    if run.states is not None:
        rungs = sorted(set(caller.n_resources_))
        state_key = key({**parameters, caller.resource: 1})
        continuation = Continuation(TrainedStates(run.states), state_key, caller.resource, rungs)
    store = None if run.store is None else ResultStore(run.store)
    if store is not None:
        result_key = key(parameters, rungs=rungs)
        record = store.read(
            result_key,
            with_predictions=run.store_predictions,
            with_train_scores=options["return_train_score"],
        )
        if record is not None:
            return _restored(record, caller, callback_ctx, options["verbose"])
        store.require_writable()  # a store with the results of all fits need not be

    fits = [parameters]
    with _measured(run.device_slots) as measures:
        if continuation is not None:
            fits = continuation.begin(estimator, parameters)
        arguments = options | {"train": train, "test": test, "caller": caller}
        estimator, result = _fit_in_turn(fits, estimator, X, y, callback_ctx, arguments)
        succeeded = _has_succeeded(result)
        if run.store_predictions:  # also of failed fits, because results are tables of equal keys
            result["predictions"] = predict_fold(estimator, X, test) if succeeded else None
    result |= measures
    if succeeded and continuation is not None:
        continuation.save(estimator)
    if succeeded and store is not None:
        store.write(result_key, _record(parameters, options, result))
    if succeeded and continuation is not None:
        continuation.remove_earlier()
    return {**result, "restored": False}


def _fit_in_turn(
    fits: list[dict[str, Any]],
    estimator: Any,
    X: Any,
    y: Any,
    callback_ctx: Any,
    arguments: dict[str, Any],
) -> tuple[Any, dict[str, Any]]:
    """Fit with each of these parameters until one fails; return the estimator and last result."""
    for parameters in fits:
        result = _fit_and_score(
            estimator,
            X,
            y,
            parameters=parameters,
            callback_ctx=callback_ctx if parameters is fits[-1] else None,
            **arguments | {"return_estimator": True},
        )
        estimator = result.pop("estimator")
        if result["fit_error"] is not None:
            break
    return estimator, result


def _key(
    run: SearchRun,
    estimator: Any,
    train: Any,
    test: Any,
    options: dict[str, Any],
    candidate: dict[str, Any],
    **further: Any,
) -> str:
    """Compute the key of everything that determines the result of a candidate on a fold."""
    return key_of(
        run=run.key,
        estimator=clone(estimator).set_params(**clone(candidate, safe=False)),
        rows=[joblib.hash(train), joblib.hash(test)],
        options=[_content(name, options[name]) for name in _RESULT_OPTIONS],
        **further,
    )


def _content(name: str, option: Any) -> Any:
    """Describe images for validation by their files, which can be replaced, as those of X."""
    if name != "fit_params" or not option:
        return option
    return {
        argument: data_key(value) if argument.endswith("X_val") and value is not None else value
        for argument, value in option.items()
    }


@contextmanager
def _measured(device_slots: int | None) -> Iterator[dict[str, float]]:
    """Wait for a slot of the device, and measure the peak memory inside the context."""
    measures: dict[str, float] = {}
    if device_slots is not None:
        from skpneumo.classifiers.engine import let_device_memory_grow

        let_device_memory_grow()
    with device_slot(device_slots):
        peak = PeakMemory()
        yield measures
        measures["peak_memory_mb"] = peak.megabytes()


def _has_succeeded(result: dict[str, Any]) -> bool:
    """Return whether to save a result; failed fits are repeated, because they may succeed then."""
    scores = result["test_scores"]
    values = scores.values() if isinstance(scores, dict) else [scores]
    return result["fit_error"] is None and not np.isnan(list(values)).any()


def _record(
    parameters: dict[str, Any], options: dict[str, Any], result: dict[str, Any]
) -> dict[str, Any]:
    return {
        "parameters": {name: repr(value) for name, value in parameters.items()},
        "fold": options["split_progress"][0],
        "result": result,
        "process": f"{socket.gethostname()}:{os.getpid()}",
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _restored(
    record: dict[str, Any], caller: Any, callback_ctx: Any, verbose: int
) -> dict[str, Any]:
    if callback_ctx is not None:  # so that progress bars count it
        callback_ctx.call_on_fit_task_begin(estimator=caller)
        callback_ctx.call_on_fit_task_end(estimator=caller)
    if verbose > 1:
        candidate = ", ".join(f"{name}={value}" for name, value in record["parameters"].items())
        print(f"[CV {record['fold'] + 1}] from the store: {candidate}")
    return {**record["result"], "restored": True}
