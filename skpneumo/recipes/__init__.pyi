from ._hog import hog_features
from ._make import list_recipes, make_recipe

__all__ = [
    "hog_features",
    "list_recipes",
    "make_recipe",
]
