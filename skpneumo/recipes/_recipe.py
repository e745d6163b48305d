"""The form of a recipe."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from skpneumo.loading import ImageLoader
from skpneumo.pipeline import Pipeline

OWN = "this package"
STUDY = "a published student study on this data set"


@dataclass(frozen=True)
class Recipe:
    """A recipe: how to build its pipeline, its source, and the result that the source reports."""

    name: str
    build: Callable[[Any], Pipeline]  # from a random state
    source: str = STUDY
    published: str = ""
    pretrained: bool = False

    @property
    def summary(self) -> str:
        assert self.build.__doc__ is not None
        return self.build.__doc__.partition("\n")[0]


def pipeline(size: int, classifier: Any, balance: Any = None) -> Pipeline:
    """Make a pipeline that balances paths, if asked for, and loads images for a classifier."""
    steps = [("load", ImageLoader(size=size)), ("cnn", classifier)]
    return Pipeline(steps if balance is None else [("balance", balance), *steps])
