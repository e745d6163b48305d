"""Style of all pages, with wide tables as lists on phones, also for the docs."""

__all__ = ["N_COLUMNS_OF_WIDE_TABLE", "STYLE", "lists_on_phones", "shaded_where_cut"]

N_COLUMNS_OF_WIDE_TABLE = 4
"""Columns that make a table wide, so that its cells name their column in ``data-of``."""

_PHONE = "screen and (max-width: 40rem)"


def lists_on_phones(page: str) -> str:
    """Make the style that turns wide tables into lists on phones, with a block for each row.

    Parameters
    ----------
    page : str
        Selector of the element that contains the tables.

    Returns
    -------
    css : str

    Examples
    --------
    >>> from skpneumo._page_style import lists_on_phones
    >>> print(lists_on_phones(".page").splitlines()[2])
      .page table:has([data-of]) :is(thead, td:empty) { display: none; }
    """
    table = f"{page} table:has([data-of])"
    return f"""@media {_PHONE} {{
  {table}, {table} :is(caption, tbody, tr, th) {{ display: block; }}
  {table} :is(thead, td:empty) {{ display: none; }}
  {table} tbody tr {{ border: 0; padding: .4rem 0;
    border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent); }}
  {table} :is(th, td) {{ border: 0; padding: 0; min-width: 0; font-size: inherit;
    overflow-wrap: anywhere; text-align: left !important; }}
  {table} td {{ display: inline-block; margin-right: .9em; }}
  {table} [data-of]:first-child {{ display: block; font-weight: 600; }}
  {table} [data-of]:not([data-of=""]):is(.number, :not(:first-child))::before {{
    content: attr(data-of) ": "; opacity: .7; }}
}}
"""


def shaded_where_cut(scrolling: str, background: str) -> str:
    """Make the style that shades the edges of scrolling elements beyond which there is more.

    Parameters
    ----------
    scrolling : str
        Selector of the elements that scroll sideways.
    background : str
        Colour behind them.

    Returns
    -------
    css : str

    Examples
    --------
    >>> from skpneumo._page_style import shaded_where_cut
    >>> print(shaded_where_cut(".scroll", "Canvas").splitlines()[1])
        linear-gradient(270deg, Canvas 50%, transparent) 100% 0 / 1.5rem 100% local,
    """
    # The covers scroll with the content, and so hide the shade of an edge once it is reached.
    shade = "color-mix(in srgb, currentColor 30%, transparent)"
    return f"""{scrolling} {{ background: linear-gradient(90deg, {background} 50%, transparent) \
0 0 / 1.5rem 100% local,
    linear-gradient(270deg, {background} 50%, transparent) 100% 0 / 1.5rem 100% local,
    linear-gradient(90deg, {shade}, transparent) 0 0 / .5rem 100% scroll,
    linear-gradient(270deg, {shade}, transparent) 100% 0 / .5rem 100% scroll {background};
  background-repeat: no-repeat; }}
"""


# Scoped to one class, because a notebook shows a fragment among pages of others.
STYLE = (
    """
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
"""
    + f"@media {_PHONE} {{ .skpneumo-page .text {{ min-width: 0; }} }}\n"
    + lists_on_phones(".skpneumo-page")
    + shaded_where_cut(".skpneumo-page .scroll", "Canvas")
    + """
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
)
