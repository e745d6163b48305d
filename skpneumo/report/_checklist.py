"""Reviewers' checklists: which items the report answers, and which a person has to.

Numbers are those of TRIPOD+AI (2024), of STARD 2015, whose items STARD-AI extends, and of CLAIM
(2020).

References
----------
.. [1] G. S. Collins et al., "TRIPOD+AI statement", BMJ 385, e078378 (2024).
.. [2] P. M. Bossuyt et al., "STARD 2015", BMJ 351, h5527 (2015).
.. [3] J. Mongan, L. Moy and C. E. Kahn, "Checklist for Artificial Intelligence in Medical Imaging
   (CLAIM)", Radiology: Artificial Intelligence 2, e200029 (2020).
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

from skpneumo.report._markup import Section, paragraph

__all__ = ["ITEMS", "Item", "checklist"]


class Item(NamedTuple):
    """An item of the checklists, its numbers, and the sections that answer it, if any."""

    what: str
    tripod_ai: str
    stard: str
    claim: str
    sections: tuple[str, ...] = ()


ITEMS = (
    Item("Source of the data, and its splits", "5a", "", "7", ("data",)),
    Item("Preparation of the images", "7", "", "9", ("reproduction",)),
    Item("Missing data, and what was done about them", "11", "16", "13", ("flow",)),
    Item("Threshold, and how it was chosen", "15", "12a", "", ("operating-point",)),
    Item("Splits, and whether each patient is in only one", "12a", "", "20, 21", ("protocol",)),
    Item("Images of each class", "13", "", "", ("data",)),
    Item("Training: parameters, seeds, course", "21", "", "24, 25", ("training", "reproduction")),
    Item("Model and software", "22", "", "22, 23", ("reproduction",)),
    Item("Metrics, and how their intervals are computed", "12e", "14", "28, 29", ("protocol",)),
    Item("Flow of patients, with those left out and why", "20a", "19", "33", ("flow",)),
    Item("Cross-tabulation of predictions and truth", "", "23", "", ("figures",)),
    Item("Performance with its precision", "23a", "24", "35, 36", ("metrics",)),
    Item("Calibration: intercept, slope, curve", "12e, 23a", "", "", ("metrics", "figures")),
    Item("Predictive values and net benefit", "12e", "", "", ("prevalence",)),
    Item("Performance in subgroups", "14, 23a", "17", "", ("subgroups",)),
    Item("Failures", "", "", "37", ("errors",)),
    Item("What the model looks at", "", "", "31", ("explanation",)),
    Item("Limits of the data and the results", "26", "26", "38", ("limits",)),
    Item("Title and abstract that say what was studied", "1, 2", "1, 2", "1, 2"),
    Item("Background, intended use, objectives", "3, 4", "3, 4", "3, 4"),
    Item("Prospective or retrospective, and the goal", "", "5", "5, 6"),
    Item("Who was eligible; where, when and how they were found", "6", "6-9", "8"),
    Item("Age, sex and illness of the patients in each split", "20b", "20, 21", "34"),
    Item("How the labels came about: readers, blinding, agreement", "8", "10b-13", "14-18"),
    Item("Time between image and diagnosis, and treatment", "6c", "22", ""),
    Item("How identifying data were removed", "", "", "12"),
    Item("Why so many patients", "10", "18", "19"),
    Item("Evaluation on data of another hospital", "", "", "32"),
    Item("Ethical approval", "17", "", ""),
    Item("Funding and conflicts of interest", "18a, 18b", "30", "42"),
    Item("Protocol and registration", "18c, 18d", "28, 29", "40, 41"),
    Item("Where data and code can be had", "18e, 18f", "", "41"),
    Item("Involvement of patients and the public", "19", "", ""),
    Item("Interpretation and use in practice", "25, 27", "27", "39"),
)


def checklist(sections: Sequence[Section], unstated: Iterable[str] = ()) -> Section:
    """Write the checklist, with a link to each section that answers an item.

    ``unstated`` are names of sections that only state that something was not given. Their items
    are left to a person, like those of missing sections.
    """
    titles = {each.name: each.title for each in sections if each.name not in set(unstated)}
    filled = [item for item in ITEMS if set(item.sections) & titles.keys()]
    others = [item for item in ITEMS if item not in filled]
    text = (
        "Item numbers are those of TRIPOD+AI (2024), of STARD 2015, whose items STARD-AI extends, "
        "and of CLAIM (2020). A section answers an item as far as the data and the model allow; "
        "whether this is enough is for the author to judge."
    )
    body = paragraph(text) + _table("Answered in this report", filled, titles)
    return Section(
        "checklist", "Checklist for reviewers", body + _table("For a person to write", others, {})
    )


def _table(caption: str, items: Sequence[Item], titles: dict[str, str]) -> str:
    columns = ["item", "TRIPOD+AI", "STARD", "CLAIM", *(["where"] if titles else [])]
    head = "".join(f'<th scope="col">{name}</th>' for name in columns)
    rows = []
    for item in items:
        links = (f'<a href="#{n}">{escape(titles[n])}</a>' for n in item.sections if n in titles)
        values = [*map(escape, (item.tripod_ai, item.stard, item.claim)), ", ".join(links)]
        cells = "".join(
            f'<td data-of="{name}">{value}</td>'
            for name, value in zip(columns[1:], values, strict=False)
        )
        what = escape(item.what)
        rows.append(f'<tr><th scope="row" data-of="{columns[0]}">{what}</th>{cells}</tr>')
    return (
        f'<div class="scroll" tabindex="0"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
