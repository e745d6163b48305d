"""Define the routes of the application. Needs FastAPI."""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from skpneumo import __version__
from skpneumo.serving._facts import NOTICE, model_facts
from skpneumo.serving._guard import Guard
from skpneumo.serving._limits import Limits
from skpneumo.serving._model import ImageError, ImageTooLargeError, ServedModel
from skpneumo.serving._page_files import page_file
from skpneumo.serving._queue import BusyError, ModelQueue, WaitingRoom
from skpneumo.serving._schemas import BODY, LENIENT, PROBLEMS, Answer, Method, Model

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
_COMPRESSIONS = {"br", "compress", "deflate", "gzip", "x-gzip", "zstd"}
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


class _ParameterError(HTTPException):
    """Error about a parameter, which is one of the program that asks, not of the image."""

    def __init__(self, detail: str) -> None:
        super().__init__(422, detail)


def build(
    model: ServedModel, limits: Limits, hosts: Collection[str], token: str | None
) -> FastAPI:
    """Build the application; see :func:`~skpneumo.serving.make_app`."""
    queue = ModelQueue(model.predict, limits.batch_size)
    app = FastAPI(
        title="skpneumo",
        version=__version__,
        description=NOTICE,
        lifespan=lambda _: _working(queue),
        # FastAPI's own pages load scripts and styles from another host.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.add_middleware(Guard, hosts=hosts, token=token)
    app.add_exception_handler(HTTPException, _problem)
    app.add_exception_handler(RequestValidationError, partial(_wrong_parameter, limits=limits))
    _add_page(app, token is not None)
    _add_interface(app, model, queue, limits)
    return app


@asynccontextmanager
async def _working(queue: ModelQueue) -> AsyncIterator[None]:
    """Let the model answer requests for as long as the application runs."""
    worker = asyncio.create_task(queue.run())
    yield
    worker.cancel()
    with suppress(asyncio.CancelledError):
        await worker


def _add_interface(app: FastAPI, model: ServedModel, queue: ModelQueue, limits: Limits) -> None:
    """Add the routes for programs, which the page uses as well."""
    waiting_room = WaitingRoom(limits.max_waiting)
    facts = Model(**model_facts(model, limits))

    @app.head("/model", include_in_schema=False)
    @app.get("/model", summary="Describe the model", responses=_some(401, 403))
    def describe() -> Model:
        return facts

    @app.post(
        "/predict",
        summary="Predict one image",
        description=LENIENT,
        response_model=Answer,
        responses=PROBLEMS,
        openapi_extra=BODY,
    )
    async def predict(request: Request) -> Any:
        await _refuse_other_parameters(request, limits)
        async with _answering(request, waiting_room, limits):
            content = await _content(request, model, limits)
            return await queue.predict(content)

    @app.post(
        "/explain",
        summary="Plot the evidence for a class over one image",
        description=LENIENT,
        response_class=Response,
        responses={200: {"content": {"image/png": {}}}, **PROBLEMS},
        openapi_extra=BODY,
    )
    async def explain(
        request: Request,
        method: Annotated[Method, Query(description="Explanation method")] = "occlusion",
        target: Annotated[str | None, Query(description="Name of a class")] = None,
    ) -> Response:
        await _refuse_other_parameters(request, limits, "method", "target")
        async with _answering(request, waiting_room, limits):
            content = await _content(request, model, limits)
            png = await queue.call(lambda: model.explain(content, method, target))
            return Response(png, media_type="image/png")


async def _problem(request: Request, error: Exception) -> Response:
    """Return an error; with status 200 if the page asks for it, to keep its console clean."""
    assert isinstance(error, HTTPException)
    said: dict[str, Any] = {"detail": error.detail}
    lenient = "handling=lenient" in request.headers.get("prefer", "")
    about_the_image = error.status_code in _ABOUT_THE_IMAGE
    if lenient and about_the_image and not isinstance(error, _ParameterError):
        return JSONResponse({**said, "status": error.status_code}, 200, error.headers)
    return JSONResponse(said, error.status_code, error.headers)


async def _wrong_parameter(request: Request, error: Exception, limits: Limits) -> Response:
    """Return an error about the value of a parameter, in one sentence like all others."""
    assert isinstance(error, RequestValidationError)
    await _discard_body(request, limits)
    reasons = [f"{each['loc'][-1]}={each['input']}: {each['msg']}" for each in error.errors()]
    return JSONResponse({"detail": "; ".join(reasons)}, 422)


async def _refuse_other_parameters(request: Request, limits: Limits, *known: str) -> None:
    """Refuse a request with a parameter that would be ignored, such as a misspelled one."""
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        await _discard_body(request, limits)
        takes = " and ".join(known) or "none"
        raise _ParameterError(
            f"There is no parameter {unknown[0]!r}; {request.url.path} takes {takes}."
        )


def _add_page(app: FastAPI, needs_token: bool) -> None:
    """Add the files of the page for people."""

    def route(path: str, kind: str) -> None:
        body = page_file(path[1:] or "index.html")
        body = body.replace("NEEDS_TOKEN", "yes" if needs_token else "no")

        @app.api_route(path, methods=["GET", "HEAD"], include_in_schema=False)
        def page() -> Response:
            return Response(body, media_type=kind)

    for path, kind in _PAGE.items():
        route(path, kind)


def _some(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: PROBLEMS[status] for status in statuses}


@asynccontextmanager
async def _answering(
    request: Request, waiting_room: WaitingRoom, limits: Limits
) -> AsyncIterator[None]:
    """Reserve a place for a request, and convert errors to responses."""
    try:
        with waiting_room.reserve():
            yield
    except BusyError as error:
        # Reads and discards the body, because many clients see no answer while still sending.
        await _discard_body(request, limits)
        raise HTTPException(503, str(error), {"Retry-After": "1"}) from None
    except ImageTooLargeError as error:
        raise HTTPException(413, str(error)) from None
    except ImageError as error:
        raise HTTPException(422, str(error)) from None
    except ClientDisconnect:
        raise HTTPException(400, "The connection ended before the file was complete.") from None
    except HTTPException:
        raise
    except Exception as error:
        # Without the message and the values, which may be about the image.
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
        await _discard_body(request, limits)
        raise HTTPException(
            415, f"The body is {kind}. Send the file itself, in one request for each image."
        )
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if _COMPRESSIONS & {each.strip() for each in encoding.split(",")}:
        await _discard_body(request, limits)
        raise HTTPException(
            415,
            f"The body is compressed (Content-Encoding: {encoding}), which is not undone here. "
            "Send the file itself, without this header.",
            {"Accept-Encoding": "identity"},
        )
    content = await _body(request, limits)
    if not content:
        raise HTTPException(
            422, "the request has no body, or the file is empty; send the file itself as the body"
        )
    await asyncio.to_thread(model.check_size, content, limits.max_pixels)
    return content


async def _body(request: Request, limits: Limits, *, discard: bool = False) -> bytes:
    """Read the body; if too large, up to twice the limit, so that the client sees the answer.

    A body that is discarded or too large is not stored in memory.
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
                if size > limits.max_bytes or discard:
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


async def _discard_body(request: Request, limits: Limits) -> None:
    with suppress(HTTPException, ClientDisconnect):
        await _body(request, limits, discard=True)
