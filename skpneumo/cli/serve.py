"""``skpneumo serve``: serve a saved model as a local page and a REST interface."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.types import PositiveInt
from cyclopts.validators import Number

from skpneumo.cli._terminal import say

__all__ = ["serve"]

_TOKEN = "SKPNEUMO_TOKEN"
_Port = Annotated[int, Parameter(validator=Number(gte=0, lte=65535))]
_Several = Annotated[tuple[str, ...], Parameter(negative="", show_default=False)]


def serve(
    model: Path,
    /,
    *,
    host: str = "127.0.0.1",
    port: _Port = 8000,
    allowed_host: _Several = (),
    max_megabytes: PositiveInt = 40,
    max_megapixels: PositiveInt = 40,
    max_images: PositiveInt = 500,
    max_waiting: PositiveInt = 32,
    batch_size: PositiveInt = 16,
) -> None:
    """Serve a model as a local page and a REST interface.

    The page accepts JPEG, PNG, TIFF and DICOM files, many at once, and shows a table of
    predictions. Programs use POST /predict and POST /explain with one file as the body, GET
    /model, and /openapi.json. Images and results are neither written to disk nor logged. Press
    Ctrl-C to stop the server.

    By default it accepts connections from this machine only. With another --host it requires a
    token, which is printed at the start or read from the environment variable SKPNEUMO_TOKEN.
    Traffic is not encrypted, so put the server behind a proxy that encrypts it.

    Parameters
    ----------
    model
        Model file of `skpneumo fit` or `skpneumo export`; or a .joblib file, which runs what is in
        it: load only those you trust; or pretrained, the model that ships with the package.
    host
        Address to listen on.
    port
        Port to listen on; 0 chooses a free one.
    allowed_host
        Further host name that requests may be addressed to. May be given several times.
    max_megabytes
        Largest file that is accepted, in MiB.
    max_megapixels
        Largest image that is accepted, in millions of pixels.
    max_images
        Largest number of images in one list of the page.
    max_waiting
        Largest number of requests that are received, waiting or computed at a time; further ones
        are refused until some are done.
    batch_size
        Largest number of images to predict at once.
    """
    from skpneumo.cli._labels import class_names
    from skpneumo.cli._model_files import checksum, find_model, load_model, notice_of
    from skpneumo.serving import Limits, check_server, make_app, run_server

    token = os.environ.get(_TOKEN) or None
    check_server(host, port, allowed_hosts=allowed_host, token=token)  # before seconds of loading
    limits = Limits(
        max_bytes=max_megabytes * 2**20,
        max_pixels=max_megapixels * 10**6,
        max_images=max_images,
        max_waiting=max_waiting,
        batch_size=batch_size,
    )
    model = find_model(model)
    estimator = load_model(model)
    app = make_app(
        estimator,
        target_names=class_names(estimator),
        limits=limits,
        host=host,
        allowed_hosts=allowed_host,
        token=token,
        facts={
            "name": model.name,
            "sha256": checksum(model),
            "notice": notice_of(estimator),
        },
    )

    def ready(address: str) -> None:
        say(f"Serving {model} at {address}")
        say("Not a medical device. No image is stored. Press Ctrl-C to stop.", flush=True)

    run_server(app, port, ready=ready)
