"""What of a model card only a person can write, section by section.

After the model cards of Mitchell et al., and the items of reviewers' checklists that no other part
of a report answers.
"""

from skpneumo.report._checklist import ITEMS, Item

__all__ = ["QUESTIONS"]

_OWN = {
    "Model details": {
        "Developers": "who made this model, and who answers questions about it?",
        "Licence": "under which licence may the model be used, and how is it cited?",
    },
    "Intended use": {
        "Users": "who is to use it, and what must they know?",
        "Out of scope": "which patients, images and decisions is it not for?",
    },
    "Factors": {
        "Groups": "which machines, views, severities and other diseases may change the figures, "
        "and which of them were not looked at?",
    },
    "Metrics": {
        "Costs": "what does a missed patient cost, what a false alarm, and why is this operating "
        "point right for that?",
    },
    "Training data": {},
    "Evaluation data": {
        "Looked at before": "had anybody looked at these images, or chosen by them, before?",
    },
    "Ethical considerations": {
        "Risks": "who can be harmed by its errors, and how are they found out?",
        "Oversight": "which person decides, and what do they see beside the model's answer?",
    },
    "Caveats and recommendations": {
        "Monitoring": "who looks at its figures after it is in use, how often, and who stops it?",
    },
}

# By how an item begins: in which section of the card it is.
_OF_REVIEWERS = {
    "Title": "Model details",
    "Funding": "Model details",
    "Protocol and": "Model details",
    "Where data": "Model details",
    "Background": "Intended use",
    "Prospective": "Intended use",
    "Age, sex": "Factors",
    "Why so many": "Metrics",
    "Who was eligible": "Training data",
    "How the labels": "Training data",
    "Time between": "Training data",
    "How identifying": "Training data",
    "Evaluation on": "Evaluation data",
    "Ethical approval": "Ethical considerations",
    "Involvement": "Ethical considerations",
    "Interpretation": "Caveats and recommendations",
}


def _numbers(item: Item) -> str:
    named = {"TRIPOD+AI": item.tripod_ai, "STARD": item.stard, "CLAIM": item.claim}
    return ", ".join(f"{name} {number}" for name, number in named.items() if number)


def _all() -> dict[str, dict[str, str]]:
    found = {section: dict(questions) for section, questions in _OWN.items()}
    for item in ITEMS:
        if not item.sections:
            (section,) = (s for begin, s in _OF_REVIEWERS.items() if item.what.startswith(begin))
            found[section][item.what] = _numbers(item)
    return found


QUESTIONS: dict[str, dict[str, str]] = _all()
