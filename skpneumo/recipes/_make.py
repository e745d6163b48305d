"""Make the pipeline of a recipe, and list all recipes."""

from difflib import get_close_matches
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skpneumo._messages import by_interface
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
    """Make the unfitted pipeline of a recipe.

    All other parameters can be changed with ``set_params`` or searched over in a grid, such as
    ``cnn__dropout``. The pipeline learns any number of classes.

    Parameters
    ----------
    name : str, default="robust"
        Name of a recipe, see :func:`list_recipes`, or of a backbone of :mod:`keras.applications`,
        such as ``"DenseNet121"``; case is ignored.
    size : int or None, default=None
        Side of the images, in pixels. None uses that of the recipe.
    epochs : int or None, default=None
        Number of training passes over the images. None uses that of the recipe, which may be
        greater if there are few images.
    weights : {"imagenet"}, path or None, default="imagenet"
        Initial weights of the backbone, for recipes that have one. Keras downloads those of
        ImageNet in the first fit; a path names a ``.weights.h5`` file of the backbone without its
        top layers; None initialises it at random.
    random_state : int, RandomState instance or None, default=None
        Seed of the fit.
    n_jobs : int or None, default=None
        Number of threads that read images; -1 is one for each processor.

    Returns
    -------
    pipeline : Pipeline
        Its steps are ``load`` and ``cnn``, or ``svm`` without a network, and ``balance`` before
        them if classes are resampled.

    Raises
    ------
    ValueError
        If there is no recipe or backbone of this name, or if ``weights`` is given for a recipe
        that trains from scratch, or ``epochs`` for one without a network.

    See Also
    --------
    list_recipes : Lists all recipes, with published and our own results.

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
            by_interface(
                python=f"weights={weights!r}",
                shell=f"--weights {'none' if weights is None else weights}",
            )
            + f" is for recipes with a backbone, such as 'vgg16', but the recipe {recipe.name!r} "
            "trains from scratch. Leave it out, or choose another recipe."
        )
    return pipeline


def list_recipes() -> "pd.DataFrame":
    """List all recipes, with published and our own results.

    Published results are quoted as reported, such as ".75" if no metric was named; they are for
    one split, usually the official one. Ours are from patient-grouped cross-validation, with 95 %
    intervals, by ``benchmarks/recipes.py``; they are empty if not measured.

    Returns
    -------
    recipes : DataFrame
        One row per recipe, indexed by name. The columns are ``summary``, ``source`` and
        ``published``, followed by the results of the benchmark.

    See Also
    --------
    make_recipe : Makes a recipe.

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
    wanted = name.lower()
    if wanted in RECIPES:
        return RECIPES[wanted]
    import keras  # takes seconds, and recipes without a network do without it

    backbones = {
        each.lower(): each
        for each, function in vars(keras.applications).items()
        if each[0].isupper() and callable(function)
    }
    if wanted in backbones:
        build = partial(_studies.frozen, backbones[wanted])
        return Recipe(wanted, build, pretrained=True)
    near = get_close_matches(wanted, [*RECIPES, *backbones], n=1)
    raise ValueError(
        f"There is no recipe {name!r}.{f' Did you mean {near[0]!r}?' if near else ''} The recipes "
        f"are {', '.join(RECIPES)}, and all backbones of keras.applications."
    )


def _set_epochs(pipeline: Pipeline, name: str, epochs: int) -> None:
    """Set the number of epochs, and disable the minimum number of steps."""
    if "cnn" not in pipeline.named_steps:
        raise ValueError(
            by_interface(python=f"epochs={epochs!r}", shell=f"--epochs {epochs}")
            + f" is for recipes with a network, but the recipe {name!r} has none. Leave it out, "
            "or choose another recipe."
        )
    network = pipeline.named_steps["cnn"].set_params(epochs=epochs)
    if "min_steps" in network.get_params(deep=False):
        network.set_params(min_steps=0)
