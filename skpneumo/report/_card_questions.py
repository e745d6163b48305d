"""Questions of a model card that only a person can answer, by section.

They follow the model cards of Mitchell et al., and the items of reviewers' checklists that no
other part of a report answers.
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
        "Groups": "which machines, views, severities and other diseases may change the metrics, "
        "and which of them were not examined?",
    },
    "Metrics": {
        "Costs": "what are the costs of a missed patient and of a false alarm, and why is this "
        "operating point right for them?",
    },
    "Training data": {},
    "Evaluation data": {
        "Looked at before": "had anybody looked at these images before, or made choices by them?",
    },
    "Ethical considerations": {
        "Risks": "who can be harmed by its errors, and how are errors found?",
        "Oversight": "which person decides, and what do they see besides the prediction?",
    },
    "Caveats and recommendations": {
        "Monitoring": "who checks its performance in use, how often, and who can stop it?",
    },
}

# Section of the card for each item of the checklists, by the beginning of the item.
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
