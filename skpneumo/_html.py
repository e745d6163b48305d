"""Write HTML pages that are complete in one file, with style, tables, thumbnails and figures.

All HTML of the package has this style: light or dark as the reader's system, for narrow screens
and for paper. All text is escaped here; only parameters named ``body`` are HTML already.
"""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skpneumo._files import atomic_write
from skpneumo._formatting import printable
from skpneumo._page_style import N_COLUMNS_OF_WIDE_TABLE, STYLE

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["document", "fragment", "prose", "table", "thumbnails", "write_page"]

# A column with longer cells is prose, and has a minimum width.
_LONG = 40


def document(title: str, body: str) -> str:
    """Make a whole page, light or dark as the reader's system.

    Parameters
    ----------
    title : str
        Title of the page and its first heading; plain text.
    body : str
        HTML below the heading, from :func:`fragment`.

    Returns
    -------
    page : str
        HTML of the page.

    Examples
    --------
    >>> from skpneumo._html import document
    >>> document("Sizes < 1", "<p>none</p>").partition("<body>")[2]
    '<main><h1>Sizes &lt; 1</h1><p>none</p></main></body></html>'
    """
    # On a phone a long name of a class may be broken where its words begin.
    heading = re.sub("(?<=[a-z])(?=[A-Z])", "<wbr>", escape(title))
    heading = re.sub(r"\b\d{4}-\d\d-\d\d\b", "<time>\\g<0></time>", heading)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        "<style>:root { color-scheme: light dark; } "
        "body { font-family: system-ui, sans-serif; margin: 1.5rem auto; max-width: 60rem; "
        "padding: 0 1rem; } "
        "h1 { font-size: min(2em, 7vw); line-height: 1.2; overflow-wrap: anywhere; } "
        "h1 time { white-space: nowrap; } "
        "@media (min-width: 40rem) { h1 wbr { display: none; } } "
        "@media print { :root { color-scheme: light; } body { margin: 0; max-width: none; } }"
        f"</style></head><body><main><h1>{heading}</h1>{body}</main></body></html>"
    )


def fragment(body: str) -> str:
    """Make a part of a page with its style, for notebooks.

    Parameters
    ----------
    body : str
        HTML.

    Returns
    -------
    html : str
        The HTML with the style.

    Examples
    --------
    >>> from skpneumo._html import fragment
    >>> fragment("<p>none</p>").endswith("</style><p>none</p></div>")
    True
    """
    return f'<div class="skpneumo-page"><style>{STYLE}</style>{body}</div>'


def prose(text: str) -> str:
    """Convert a sentence to HTML, with what stands between backticks as code.

    Parameters
    ----------
    text : str
        Plain text.

    Returns
    -------
    html : str

    Examples
    --------
    >>> from skpneumo._html import prose
    >>> prose("`fit <folder>` would.")
    '<code>fit &lt;folder&gt;</code> would.'
    """
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def table(frame: pd.DataFrame, caption: str = "") -> str:
    """Make a table that scrolls if it is too wide, and becomes a list on a phone.

    Parameters
    ----------
    frame : DataFrame
        The columns, without the index. The first one names the rows.
    caption : str, default=""
        Caption of the table, as plain text.

    Returns
    -------
    html : str
        Missing values are empty cells; integers have thousands separators.

    Examples
    --------
    >>> import pandas as pd
    >>> from skpneumo._html import table
    >>> html = table(pd.DataFrame({"class": ["NORMAL", "<b>"], "images": [1341, 3875]}))
    >>> '<td class="number">3,875</td>' in html
    True
    """
    from pandas import isna
    from pandas.api.types import is_numeric_dtype

    classes = [
        ' class="number"'
        if is_numeric_dtype(values)
        else ' class="text"'
        if values.astype(str).str.len().max() > _LONG
        else ""
        for _, values in frame.items()
    ]
    if len(frame.columns) and frame.iloc[:, 0].astype(str).str.fullmatch(r"[\d.,]+").all():
        classes[0] = ' class="number"'  # text or not, it says nothing without its column
    head = "".join(
        f'<th scope="col"{look}>{escape(str(name))}</th>'
        for name, look in zip(frame.columns, classes, strict=True)
    )
    # On a phone a wide table is a list, in which each cell says its column.
    wide = len(frame.columns) >= N_COLUMNS_OF_WIDE_TABLE
    told = [f' data-of="{escape(str(name))}"' if wide else "" for name in frame.columns]
    rows = []
    for values in frame.itertuples(index=False, name=None):
        first, *others = ["" if isna(value) else _written(value) for value in values]
        cells = "".join(
            f"<td{look}{column}>{text}</td>"
            for text, look, column in zip(others, classes[1:], told[1:], strict=True)
        )
        first = first.replace("__", "__<wbr>")  # names of nested parameters can break here
        rows.append(f'<tr><th scope="row"{classes[0]}{told[0]}>{first}</th>{cells}</tr>')
    named = f"<caption>{escape(caption)}</caption>" if caption else ""
    # Scrolling parts must be reachable with the keyboard.
    return (
        f'<div class="scroll" tabindex="0"><table>{named}<thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def thumbnails(images: NDArray[np.uint8], captions: Sequence[str]) -> str:
    """Make a row of small images with captions.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width) or (n_images, height, width, 3), uint8
        They are stored without loss at this size, so pass small ones.
    captions : sequence of str
        A line of plain text for each image, also used as its alternative text.

    Returns
    -------
    html : str
        HTML that contains the images.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo._html import thumbnails
    >>> html = thumbnails(np.zeros((1, 8, 8), np.uint8), ['"quoted".jpeg'])
    >>> html[:70]
    '<div class="images"><figure><img alt="&quot;quoted&quot;.jpeg" src="da'
    """
    figures = []
    for image, caption in zip(images, captions, strict=True):
        buffer = BytesIO()
        Image.fromarray(image).save(buffer, "PNG", optimize=True)
        data = b64encode(buffer.getvalue()).decode()
        figures.append(
            f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
            f"<figcaption>{_breakable(escape(caption))}</figcaption></figure>"
        )
    return f'<div class="images">{"".join(figures)}</div>'


def write_page(path: str | os.PathLike[str], html: str) -> None:
    """Write a page to a file, completely or not at all.

    Parameters
    ----------
    path : str or path-like
        The file. Links are followed; devices and pipes are written to directly.
    html : str
        The page.

    Raises
    ------
    OSError
        If the folder is missing or not writable.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skpneumo._html import write_page
    >>> with TemporaryDirectory() as folder:
    ...     write_page(Path(folder, "page.html"), "<p>Hello")
    ...     Path(folder, "page.html").read_text()
    '<p>Hello'
    """
    with atomic_write(path) as file:
        file.write(printable(html))


def _breakable(name: str) -> str:
    """Allow line breaks in a file name after separators."""
    return name.replace("_", "_<wbr>").replace("/", "/<wbr>")


def _written(value: Any) -> str:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return f"{value:,}" if whole else escape(str(value))
