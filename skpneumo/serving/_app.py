"""Make the web application of a model."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from skpneumo._responses import how_to_get_probabilities, names_of_classes
from skpneumo.serving._access import allowed_names_and_token
from skpneumo.serving._limits import Limits
from skpneumo.serving._model import ServedModel

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["make_app"]


def make_app(
    estimator: Any,
    *,
    target_names: Sequence[str] | None = None,
    limits: Limits | None = None,
    host: str = "127.0.0.1",
    allowed_hosts: Collection[str] = (),
    token: str | None = None,
    facts: Mapping[str, Any] | None = None,
) -> "FastAPI":
    """Make a web application for a fitted classifier: a page and a REST interface.

    ``GET /`` is the page, ``POST /predict`` and ``POST /explain`` accept one file as their body,
    ``GET /model`` describes the model, and ``GET /openapi.json`` the interface. Nothing is written
    to disk, logged or stored, and nothing is fetched from another host.

    Parameters
    ----------
    estimator : fitted classifier with ``predict_proba``
        A classifier of paths: a pipeline that begins with an :class:`~skpneumo.ImageLoader`,
        nested in any way.
    target_names : sequence of str, default=None
        Names of ``estimator.classes_``; by default those saved with it, or else the labels.
    limits : Limits, default=None
        Limits of requests; by default ``Limits()``.
    host : str, default="127.0.0.1"
        Address to listen on. Requests to other host names are refused.
    allowed_hosts : collection of str, default=()
        Further host names that requests may be addressed to, without ports.
    token : str, default=None
        Token that all requests except for the page itself must send as ``Authorization: Bearer``.
        With None, no token is needed on this machine, and a new one is created for another
        ``host``: ``app.state.token``.
    facts : mapping, default=None
        ``name`` and ``sha256`` of the model file, and the ``notice`` of the model, for
        ``GET /model``.

    Returns
    -------
    app : fastapi.FastAPI
        Application for :func:`run_server`, or any other ASGI server with one process.

    Raises
    ------
    ImportError
        If FastAPI is not installed.
    ValueError
        If the classifier has no ``predict_proba``, the number of names is not that of the classes,
        the token is too short, or ``host`` is every address and there are no ``allowed_hosts``.

    Examples
    --------
    >>> from skpneumo import CNNClassifier, ImageLoader, make_chest_xray, make_pipeline
    >>> from skpneumo.serving import make_app
    >>> xrays = make_chest_xray(n_patients=6, random_state=0)
    >>> model = make_pipeline(
    ...     ImageLoader(size=16), CNNClassifier(filters=(4,), epochs=1, random_state=0))
    >>> _ = model.fit(xrays.filenames, xrays.target)
    >>> app = make_app(model, target_names=xrays.target_names)
    >>> sorted(app.openapi()["paths"])
    ['/explain', '/model', '/predict']
    """
    try:
        from skpneumo.serving._routes import build
    except ModuleNotFoundError as error:
        if error.name not in ("fastapi", "starlette", "pydantic"):
            raise
        raise ImportError(
            'Serving needs FastAPI and uvicorn: pip install "skpneumo[serve]"'
        ) from None
    if not hasattr(estimator, "predict_proba"):
        raise ValueError(
            f"{type(estimator).__name__} has no predict_proba, but the server returns "
            f"probabilities. {how_to_get_probabilities(estimator)}"
        )
    model = ServedModel(estimator, names_of_classes(estimator, target_names), dict(facts or {}))
    hosts, token = allowed_names_and_token(host, allowed_hosts, token)
    app = build(model, limits or Limits(), hosts, token)
    app.state.host, app.state.token = host, token
    return app
