"""Options that several commands share, so that they are spelled alike."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

__all__ = ["Force", "Out", "Verbose"]

Out = Annotated[Path, Parameter(name=("--out", "--output", "-o"))]
Force = Annotated[bool, Parameter(negative="", show_default=False)]
Verbose = Annotated[bool, Parameter(alias="-v", negative="", show_default=False)]
