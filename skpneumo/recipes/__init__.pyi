from ._hog import hog_features
from ._make import list_recipes, make_recipe
from ._pretrained import load_pretrained, pretrained_file

__all__ = [
    "hog_features",
    "list_recipes",
    "load_pretrained",
    "make_recipe",
    "pretrained_file",
]
