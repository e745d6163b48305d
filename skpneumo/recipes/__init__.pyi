from ._make import list_recipes, make_recipe
from ._pretrained import load_pretrained, pretrained_file

__all__ = [
    "list_recipes",
    "load_pretrained",
    "make_recipe",
    "pretrained_file",
]
