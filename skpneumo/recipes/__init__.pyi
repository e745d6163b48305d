from ._make import list_recipes, make_recipe

__all__ = [
    "list_recipes",
    "make_recipe",
]
