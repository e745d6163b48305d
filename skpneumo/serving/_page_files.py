"""Read the files of the page, with the style of tables that all pages of the package have."""

from importlib.resources import files

from skpneumo._page_style import lists_on_phones

__all__ = ["page_file"]


def page_file(name: str) -> str:
    """Read a file of the page.

    Parameters
    ----------
    name : {"index.html", "page.css", "page.js", "server.js", "local.js"}

    Returns
    -------
    content : str
        The style begins with that of lists on phones.

    Examples
    --------
    >>> from skpneumo.serving._page_files import page_file
    >>> page_file("page.css").startswith("@media")
    True
    """
    content = (files("skpneumo.serving") / "_page" / name).read_text("utf-8")
    return lists_on_phones("#results") + content if name == "page.css" else content
