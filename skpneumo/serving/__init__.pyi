from ._app import make_app
from ._limits import Limits
from ._local_page import write_local_page
from ._server import check_server, run_server

__all__ = [
    "Limits",
    "check_server",
    "make_app",
    "run_server",
    "write_local_page",
]
