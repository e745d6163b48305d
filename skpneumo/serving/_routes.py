"""The routes, and what they accept and answer. Needs FastAPI."""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from typing import Annotated, Any, Literal

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from skpneumo import __version__
from skpneumo.serving._facts import NOTICE, model_facts
from skpneumo.serving._guard import Guard
from skpneumo.serving._limits import Limits
from skpneumo.serving._model import ImageError, ImageTooLargeError, ServedModel
from skpneumo.serving._queue import BusyError, ModelQueue, Places

__all__ = ["build"]

_log = logging.getLogger("skpneumo.serving")

_PAGE = {
    "/": "text/html",
    "/page.css": "text/css",
    "/page.js": "text/javascript",
    "/server.js": "text/javascript",
}
_CLOSE = {"Connection": "close"}
_ABOUT_THE_IMAGE = (408, 413, 415, 422)
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


class Gate(BaseModel):
    """Whether the image is like those that the model was fitted on."""

    passed: bool
    reason: str = ""


class Answer(BaseModel):
    """What the model says of one image."""

    probability: float | None
    """Of the positive class; null of more than two classes, and where the gate withheld it."""
    probabilities: dict[str, float | None]
    """Of each class."""
    label: str | None
    """The class that the model says, by its operating point."""
    decision: str | None
    """The same, or "refer" between the two thresholds of a model that refers."""
    gate: Gate | None
    """Null from a model without a gate."""


class RecallFloor(BaseModel):
    """What the operating point promises."""

    recall: float
    confidence: float
    guarantee: str
    terms: str


class Model(BaseModel):
    """What is known of the model."""

    name: str
    sha256: str | None
    classes: list[str]
    positive: str | None
    threshold: float | None
    upper_threshold: float | None
    decision: str
    recall_floor: RecallFloor | None
    methods: list[str]
    limits: dict[str, float]
    versions: dict[str, str]
    notice: str


class Problem(BaseModel):
    """Why there is no answer."""

    detail: str


# As METHODS; an annotation must be written out.
Method = Literal["occlusion", "hires_cam", "grad_cam", "grad_cam++", "integrated_gradients"]

_BODY = {
    "requestBody": {
        "required": True,
        "description": "One file, as it is: JPEG, PNG, TIFF or DICOM, told by its content.",
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in (
                "application/octet-stream",
                "application/dicom",
                "image/jpeg",
                "image/png",
                "image/tiff",
            )
        },
    }
}
_LENIENT = (
    "With the header `Prefer: handling=lenient`, what is wrong with the image is answered with "
    "status 200, as `detail` and `status`."
)
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "The token is missing or wrong."},
    403: {"model": Problem, "description": "A page of another site asks."},
    408: {"model": Problem, "description": "The file did not arrive in time."},
    413: {"model": Problem, "description": "More bytes or pixels than are accepted."},
    415: {"model": Problem, "description": "A form; the body is to be the file itself."},
    422: {"model": Problem, "description": "Not an image that can be read, and why."},
    503: {"model": Problem, "description": "Too many images wait; see Retry-After."},
}


def build(
    model: ServedModel, limits: Limits, hosts: Collection[str], token: str | None
) -> FastAPI:
    """Put the routes together; see :func:`~skpneumo.serving.make_app`."""
    queue = ModelQueue(model.predict, limits.batch_size)
    places = Places(limits.max_waiting)
    facts = Model(**model_facts(model, limits))

    @asynccontextmanager
    async def working(_: FastAPI) -> AsyncIterator[None]:
        worker = asyncio.create_task(queue.run())
        yield
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker

    app = FastAPI(
        title="skpneumo",
        version=__version__,
        description=NOTICE,
        lifespan=working,
        # Its pages load scripts and styles from another host.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.add_middleware(Guard, hosts=hosts, token=token)
    app.add_exception_handler(HTTPException, _problem)
    _add_page(app, token is not None)

    @app.get("/model", summary="What is known of the model", responses=_some(401, 403))
    def describe() -> Model:
        return facts

    @app.post(
        "/predict",
        summary="Predict one image",
        description=_LENIENT,
        response_model=Answer,
        responses=_PROBLEMS,
        openapi_extra=_BODY,
    )
    async def predict(request: Request) -> Any:
        async with _answering(request, places, limits):
            content = await _content(request, model, limits)
            return await queue.predict(content)

    @app.post(
        "/explain",
        summary="Draw the evidence for a class over one image",
        description=_LENIENT,
        response_class=Response,
        responses={200: {"content": {"image/png": {}}}, **_PROBLEMS},
        openapi_extra=_BODY,
    )
    async def explain(
        request: Request,
        method: Annotated[Method, Query(description="Explanation method")] = "occlusion",
        target: Annotated[str | None, Query(description="Name of a class")] = None,
    ) -> Response:
        async with _answering(request, places, limits):
            content = await _content(request, model, limits)
            png = await queue.call(lambda: model.explain(content, method, target))
            return Response(png, media_type="image/png")

    return app


async def _problem(request: Request, error: Exception) -> Response:
    """Say what is wrong; to a browser's page, where asked, without a line in its console."""
    assert isinstance(error, HTTPException)
    said: dict[str, Any] = {"detail": error.detail}
    lenient = "handling=lenient" in request.headers.get("prefer", "")
    if lenient and error.status_code in _ABOUT_THE_IMAGE:
        return JSONResponse({**said, "status": error.status_code}, 200, error.headers)
    return JSONResponse(said, error.status_code, error.headers)


def _add_page(app: FastAPI, needs_token: bool) -> None:
    folder = files("skpneumo.serving") / "_page"

    def route(path: str, kind: str) -> None:
        body = (folder / (path[1:] or "index.html")).read_text("utf-8")
        body = body.replace("NEEDS_TOKEN", "yes" if needs_token else "no")

        @app.get(path, include_in_schema=False)
        def page() -> Response:
            return Response(body, media_type=kind)

    for path, kind in _PAGE.items():
        route(path, kind)


def _some(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: _PROBLEMS[status] for status in statuses}


@asynccontextmanager
async def _answering(request: Request, places: Places, limits: Limits) -> AsyncIterator[None]:
    """Have a place for a request, and turn what goes wrong into an answer."""
    try:
        with places.one():
            yield
    except BusyError as error:
        # Read and forgotten: many clients see no answer while they still send.
        await _forget_body(request, limits)
        raise HTTPException(503, str(error), {"Retry-After": "1"}) from None
    except ImageTooLargeError as error:
        raise HTTPException(413, str(error)) from None
    except ImageError as error:
        raise HTTPException(422, str(error)) from None
    except ClientDisconnect:
        raise HTTPException(400, "The connection ended before the file was there.") from None
    except HTTPException:
        raise
    except Exception as error:
        # Neither its message nor its values, which may be about the image.
        where = " <- ".join(
            f"{frame.filename}:{frame.lineno}"
            for frame in reversed(traceback.extract_tb(error.__traceback__))
        )
        _log.error("The model failed with %s at %s", type(error).__name__, where)
        raise HTTPException(500, f"The model failed with {type(error).__name__}.") from None


async def _content(request: Request, model: ServedModel, limits: Limits) -> bytes:
    """Receive one file, within all limits."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _FORMS:
        await _forget_body(request, limits)
        raise HTTPException(
            415, f"The body is {kind}; send the file itself, one request for each image."
        )
    content = await _body(request, limits)
    if not content:
        raise HTTPException(422, "There is no body; send the file itself.")
    await asyncio.to_thread(model.check_size, content, limits.max_pixels)
    return content


async def _body(request: Request, limits: Limits, *, forget: bool = False) -> bytes:
    """Read the body; of a larger one as much again, so that the client sees the answer.

    Nothing of it is in memory that is to be forgotten, or that is too large.
    """
    declared = request.headers.get("content-length", "0")
    most = 2 * limits.max_bytes
    chunks: list[bytes] = []
    size = int(declared) if declared.isdecimal() and int(declared) > most else 0
    try:
        async with asyncio.timeout(limits.timeout):
            async for chunk in request.stream():
                if size > most:
                    break
                size += len(chunk)
                if size > limits.max_bytes or forget:
                    chunks.clear()
                else:
                    chunks.append(chunk)
    except TimeoutError:
        raise HTTPException(
            408, f"The file did not arrive in {limits.timeout:g} seconds.", _CLOSE
        ) from None
    if size > limits.max_bytes:
        raise HTTPException(
            413, f"The file has more than the limit of {limits.max_bytes:,} bytes.", _CLOSE
        )
    return b"".join(chunks)


async def _forget_body(request: Request, limits: Limits) -> None:
    with suppress(HTTPException, ClientDisconnect):
        await _body(request, limits, forget=True)
