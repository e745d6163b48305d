"""The pipelines of ``fit`` and ``tune``: recipes, with the options of the command line."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skpneumo import Pipeline

__all__ = ["default_pipeline", "recipe_pipeline"]


def default_pipeline(
    size: int, epochs: int, random_state: int, n_jobs: int | None, verbose: bool
) -> "Pipeline":
    """Make the recipe that ``fit`` has by default."""
    return recipe_pipeline("robust", size, epochs, "imagenet", random_state, n_jobs, verbose)


def recipe_pipeline(
    recipe: str,
    size: int | None,
    epochs: int | None,
    weights: str,
    random_state: int,
    n_jobs: int | None,
    verbose: bool,
) -> "Pipeline":
    """Make a recipe; ``weights="none"`` is a random start."""
    from skpneumo.cli._quiet_start import start_keras

    start_keras()
    from skpneumo import CNNClassifier, TransferClassifier, make_recipe

    pipeline = make_recipe(
        recipe,
        size=size,
        epochs=epochs,
        weights=None if weights == "none" else weights,
        random_state=random_state,
        n_jobs=n_jobs,
    )
    for each in pipeline.get_params().values():
        if isinstance(each, CNNClassifier | TransferClassifier):
            each.set_params(verbose=2 if verbose else 0)
    return pipeline
