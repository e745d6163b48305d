"""Pipelines of ``fit`` and ``tune``: recipes with the options of the command line."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skpneumo import Pipeline

__all__ = ["networks_of", "recipe_pipeline", "with_recall_floor", "with_white"]


def recipe_pipeline(
    recipe: str,
    size: int | None,
    epochs: int | None,
    weights: str,
    random_state: int,
    n_jobs: int | None,
    verbose: bool,
) -> "Pipeline":
    """Make a recipe; ``weights="none"`` initialises a backbone at random."""
    from skpneumo import make_recipe

    pipeline = make_recipe(
        recipe,
        size=size,
        epochs=epochs,
        weights=None if weights == "none" else weights,
        random_state=random_state,
        n_jobs=n_jobs,
    )
    for network in networks_of(pipeline):
        network.set_params(verbose=2 if verbose else 0)
    return pipeline


def networks_of(pipeline: "Pipeline") -> list[Any]:
    """List the networks that a pipeline trains: its last step, or the members of an average."""
    from skpneumo._responses import is_network

    return [each for each in pipeline.get_params().values() if is_network(each)]


def with_white(pipeline: "Pipeline", white: float | None) -> None:
    """Set the value of white of a pipeline's loader, if one is given."""
    from skpneumo import ImageLoader

    if white is not None:
        for step in pipeline.get_params().values():
            if isinstance(step, ImageLoader):
                step.set_params(white=white)


def with_recall_floor(pipeline: "Pipeline", floor: float | None) -> Any:
    """Wrap a pipeline in a recall floor, if one is given."""
    from skpneumo import RecallFloorClassifier

    return pipeline if floor is None else RecallFloorClassifier(pipeline, recall=floor)
