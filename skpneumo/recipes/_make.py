"""From a name to a pipeline, and the table of all names."""

from difflib import get_close_matches
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from skpneumo.classifiers import CNNClassifier, TransferClassifier
from skpneumo.pipeline import Pipeline
from skpneumo.recipes import _own, _studies
from skpneumo.recipes._recipe import Recipe

if TYPE_CHECKING:
    import pandas as pd

RECIPES = {recipe.name: recipe for recipe in (*_own.RECIPES, *_studies.RECIPES)}
MEASURED = Path(__file__).with_name("measured.csv")


def make_recipe(
    name: str = "robust",
    *,
    size: int | None = None,
    epochs: int | None = None,
    weights: str | PathLike[str] | None = "imagenet",
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> Pipeline:
    """Make the pipeline of a recipe, not fitted.

    Every other parameter of it can be changed with ``set_params`` and put into a grid, such as
    ``cnn__dropout``. It learns as many classes as there are labels.

    Parameters
    ----------
    name : str, default="robust"
        Name of a recipe, see :func:`list_recipes`, or of a backbone of
        :mod:`keras.applications`, such as ``"DenseNet121"``; upper and lower case are the same.
    size : int or None, default=None
        Side of the images, in pixels. None: the recipe's.
    epochs : int or None, default=None
        Passes over the images, however few they are. None: the recipe's, which may be more on
        few images.
    weights : {"imagenet"}, path or None, default="imagenet"
        Weights that a pretrained backbone begins with, for recipes that have one: Keras
        downloads those of ImageNet when the recipe is fitted for the first time; a path names a
        ``.weights.h5`` file of the backbone without its top; None is a random start.
    random_state : int, RandomState instance or None, default=None
        Source of all that is random in the fit.
    n_jobs : int or None, default=None
        Threads that read images; -1 is one for each processor.

    Returns
    -------
    pipeline : Pipeline
        Its steps are ``load`` and ``cnn``, or ``svm`` where there is no network, with
        ``balance`` before them where classes are resampled.

    Raises
    ------
    ValueError
        If there is no recipe or backbone of this name, ``weights`` are named for a recipe that
        trains from scratch, or ``epochs`` for one without a network.

    See Also
    --------
    list_recipes : What there is, with the published figures and ours.

    Examples
    --------
    >>> from skpneumo import make_chest_xray, make_recipe
    >>> xrays = make_chest_xray(n_patients=12, random_state=0)
    >>> pipe = make_recipe("dense-baseline", size=16, epochs=1, random_state=0)
    >>> pipe.fit(xrays.filenames, xrays.target).predict_proba(xrays.filenames[:3]).shape
    (3, 2)
    >>> make_recipe("dense-base")
    Traceback (most recent call last):
    ValueError: There is no recipe 'dense-base'. Did you mean 'dense-baseline'? ...
    """
    recipe = _find(name)
    pipeline = recipe.build(random_state)
    pipeline.set_params(load__n_jobs=n_jobs)
    if size is not None:
        pipeline.set_params(load__size=size)
    if epochs is not None:
        _set_epochs(pipeline, recipe.name, epochs)
    if recipe.pretrained:
        pipeline.set_params(cnn__weights=weights)
    elif weights != "imagenet":
        raise ValueError(
            f"weights={weights!r}, but the recipe {recipe.name!r} trains from scratch. Leave "
            "weights out, or name a recipe with a backbone, such as 'vgg16'."
        )
    return pipeline


def list_recipes() -> "pd.DataFrame":
    """Table of all recipes, with the figure that each one's source reports and ours.

    Published figures are as reported, ".75" where no metric was named with it; they are of one
    split, most of them of the official one. Ours are of patient-grouped cross-validation, with
    95 % intervals, from ``benchmarks/recipes.py``; empty where they have not been measured.

    Returns
    -------
    recipes : DataFrame
        One row a recipe, by name. Columns ``summary``, ``source`` and ``published``, then what
        the benchmark measured.

    See Also
    --------
    make_recipe : Makes one of them.

    Examples
    --------
    >>> from skpneumo import list_recipes
    >>> list_recipes().loc["cnn-50-50-75", "published"]
    '.72'
    """
    import pandas as pd

    frame = pd.DataFrame(
        [
            {
                "recipe": recipe.name,
                "summary": recipe.summary,
                "source": recipe.source,
                "published": recipe.published,
            }
            for recipe in RECIPES.values()
        ]
    ).set_index("recipe")
    return frame.join(pd.read_csv(MEASURED, index_col="recipe", dtype=str))


def _find(name: str) -> Recipe:
    backbones = {
        each.lower(): each
        for each, function in vars(keras.applications).items()
        if each[0].isupper() and callable(function)
    }
    wanted = name.lower()
    if wanted in RECIPES:
        return RECIPES[wanted]
    if wanted in backbones:
        build = partial(_studies.frozen, backbones[wanted])
        return Recipe(wanted, build, pretrained=True)
    near = get_close_matches(wanted, [*RECIPES, *backbones], n=1)
    raise ValueError(
        f"There is no recipe {name!r}.{f' Did you mean {near[0]!r}?' if near else ''} There are "
        f"{', '.join(RECIPES)}, and the backbones of keras.applications by their names."
    )


def _set_epochs(pipeline: Pipeline, name: str, epochs: int) -> None:
    """Have a network trained for so many epochs, not for its least number of steps."""
    network = pipeline[-1]
    if not isinstance(network, CNNClassifier | TransferClassifier):
        raise ValueError(
            f"epochs={epochs!r}, but the recipe {name!r} has no network that passes over the "
            "images. Leave epochs out."
        )
    network.set_params(epochs=epochs)
    if isinstance(network, CNNClassifier):
        network.set_params(min_steps=0)
