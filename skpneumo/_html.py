"""Write HTML pages that are complete in one file, with style, tables, thumbnails and figures.

All HTML of the package has this style: light or dark as the reader's system, for narrow screens
and for paper. All text is escaped here; only parameters named ``body`` are HTML already.
"""

from __future__ import annotations

import os
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

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["document", "fragment", "table", "thumbnails", "write_page"]

# A column with longer cells is prose, and has a minimum width.
_LONG = 40

# Limited to one class, because a notebook shows a fragment among other content.
_STYLE = """
.skpneumo-page { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem;
  --line: color-mix(in srgb, currentColor 25%, transparent); }
.skpneumo-page table { border-collapse: collapse; margin: .5rem 0; font-size: .9em; }
.skpneumo-page caption { text-align: left; font-weight: 600; padding: .2rem 0; }
.skpneumo-page th, .skpneumo-page td { padding: .2rem .7rem; text-align: left;
  vertical-align: top; border-bottom: 1px solid var(--line); }
.skpneumo-page tbody th { font-weight: inherit; }
.skpneumo-page td { font-variant-numeric: tabular-nums; }
.skpneumo-page .number { text-align: right; }
.skpneumo-page .text { min-width: 14rem; }
.skpneumo-page td.text { overflow-wrap: anywhere; }
.skpneumo-page .scroll { overflow-x: auto; }
.skpneumo-page h2 { margin: 2.2rem 0 .5rem; padding-top: .6rem; line-height: 1.2;
  border-top: 1px solid var(--line); }
.skpneumo-page p, .skpneumo-page li { max-width: 46rem; }
.skpneumo-page nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; padding: 0;
  list-style: none; }
.skpneumo-page .boxes { list-style: none; padding-left: 1.5em; text-indent: -1.5em; }
.skpneumo-page pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85em; }
.skpneumo-page code { overflow-wrap: anywhere; }
.skpneumo-page summary { cursor: pointer; padding: .3rem 0; }
.skpneumo-page details { margin: .4rem 0; }
.skpneumo-page details p { margin: .3rem 0; }
.skpneumo-page summary span, .skpneumo-page .callout strong { border-radius: .3rem;
  padding: .1rem .5rem; font-weight: 600; }
.skpneumo-page .error { background: #a3341c; color: #fff; }
.skpneumo-page .warning { background: #f0c54a; color: #000; }
.skpneumo-page .note { background: #3a6a94; color: #fff; }
.skpneumo-page .callout { border: 1px solid var(--line); border-radius: .4rem;
  padding: .5rem .8rem; margin: .5rem 0; max-width: none; }
.skpneumo-page .tiles { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1rem 0; padding: 0;
  list-style: none; }
.skpneumo-page .tiles li { flex: 1 1 11rem; border: 1px solid var(--line); border-radius: .4rem;
  padding: .5rem .9rem; }
.skpneumo-page .tiles span { display: block; font-size: .9em; }
.skpneumo-page .tiles b { display: block; font-size: 1.7em; line-height: 1.3;
  font-variant-numeric: tabular-nums; }
.skpneumo-page .tiles li { border-left-width: .45rem; }
.skpneumo-page .tiles em { display: block; font-size: .85em; margin-top: .3rem; }
.skpneumo-page .tiles .error-card { border-left-color: #a3341c;
  background: color-mix(in srgb, #a3341c 16%, transparent); }
.skpneumo-page .tiles .warning-card { border-left-color: #f0c54a;
  background: color-mix(in srgb, #f0c54a 16%, transparent); }
.skpneumo-page .tiles .good-card { border-left-color: #2e8b57;
  background: color-mix(in srgb, #2e8b57 14%, transparent); }
.skpneumo-page .findings { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; }
.skpneumo-page .findings section { max-width: 100%; flex: 0 1 auto; min-width: 9rem;
  width: min-content; }
.skpneumo-page .findings section.wide { width: auto; }
.skpneumo-page figure { margin: 0; break-inside: avoid; }
.skpneumo-page figcaption { font-size: .85em; overflow-wrap: anywhere; line-height: 1.35; }
.skpneumo-page .images { display: flex; flex-wrap: wrap; gap: .5rem; margin: .3rem 0 .8rem; }
.skpneumo-page .images figure { width: 9rem; }
.skpneumo-page .images figcaption { font-size: .75em; line-height: 1.3; }
.skpneumo-page .images img { display: block; width: 100%; aspect-ratio: 1; }
.skpneumo-page .figures { display: grid; gap: 1.2rem 1.6rem; align-items: start;
  grid-auto-flow: dense;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); }
.skpneumo-page .figures figure { max-width: 30rem; }
.skpneumo-page .figures .wide { grid-column: 1 / -1; max-width: 48rem; }
.skpneumo-page svg { max-width: 100%; height: auto; }
.skpneumo-page .figures svg { display: block; width: 100%; }
.skpneumo-page .figures .wide svg { min-width: 36rem; }
.skpneumo-page svg text { fill: currentColor; font: 12px system-ui, sans-serif; }
@media screen and (max-width: 40rem) {
  .skpneumo-page .text { min-width: 0; }
  .skpneumo-page table:has(th:nth-child(4)) :is(thead, td:empty) { display: none; }
  .skpneumo-page table:has(th:nth-child(4)) :is(caption, tbody, tr, th) { display: block; }
  .skpneumo-page table:has(th:nth-child(4)) :is(th, td) { border: 0; padding: 0;
    text-align: left; min-width: 0; }
  .skpneumo-page table:has(th:nth-child(4)) td { display: inline-block; margin-right: .9em; }
  .skpneumo-page table:has(th:nth-child(4)) tbody tr { border-bottom: 1px solid var(--line);
    padding: .3rem 0; }
  .skpneumo-page table:has(th:nth-child(4)) tbody th { font-weight: 600; }
  .skpneumo-page table:has(th:nth-child(4)) td::before { content: attr(data-of) ": ";
    opacity: .7; }
}
@media (prefers-color-scheme: dark) { .skpneumo-page { --blue: #3d9fd6; } }
@media print {
  .skpneumo-page { font-size: 10pt; max-width: none; }
  .skpneumo-page nav { display: none; }
  .skpneumo-page h2, .skpneumo-page h3 { break-after: avoid; }
  .skpneumo-page .scroll, .skpneumo-page tr, .skpneumo-page .callout, .skpneumo-page .tiles {
    break-inside: avoid; }
  .skpneumo-page .scroll { overflow: visible; }
  .skpneumo-page .images figure { width: 7rem; }
  .skpneumo-page .figures { grid-template-columns: 1fr 1fr; }
  .skpneumo-page .figures .wide svg { min-width: 0; }
  .skpneumo-page .error, .skpneumo-page .warning, .skpneumo-page .note {
    print-color-adjust: exact; }
}
"""


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
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        "<style>:root { color-scheme: light dark; } "
        "body { font-family: system-ui, sans-serif; margin: 1.5rem auto; max-width: 60rem; "
        "padding: 0 1rem; } "
        "h1 { font-size: min(2em, 8vw); line-height: 1.2; overflow-wrap: anywhere; } "
        "@media print { :root { color-scheme: light; } body { margin: 0; max-width: none; } }"
        f"</style></head><body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
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
    return f'<div class="skpneumo-page"><style>{_STYLE}</style>{body}</div>'


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
    >>> '<td class="number" data-of="images">3,875</td>' in html
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
    head = "".join(
        f'<th scope="col"{look}>{escape(str(name))}</th>'
        for name, look in zip(frame.columns, classes, strict=True)
    )
    rows = []
    for values in frame.itertuples(index=False, name=None):
        first, *others = ["" if isna(value) else _written(value) for value in values]
        cells = "".join(
            f'<td{look} data-of="{escape(str(name))}">{text}</td>'
            for text, look, name in zip(others, classes[1:], frame.columns[1:], strict=True)
        )
        first = first.replace("__", "__<wbr>")  # names of nested parameters can break here
        rows.append(f'<tr><th scope="row"{classes[0]}>{first}</th>{cells}</tr>')
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
