"""Write model cards: known facts about a fitted model, and items for a person to write."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from skpneumo._formatting import counted
from skpneumo._responses import names_of_classes, recall_floor_of
from skpneumo.fitted import classes_of, classifiers_of, gate_of, threshold_of
from skpneumo.report._card_blocks import (
    Block,
    Bullets,
    CardSection,
    Open,
    Table,
    Text,
    facts_table,
)
from skpneumo.report._card_evidence import Evidence, analyses, evaluation_data, subgroups
from skpneumo.report._card_of_file import (
    card_of_file,
    stated_analyses,
    stated_limits,
    stated_training,
)
from skpneumo.report._card_questions import QUESTIONS
from skpneumo.report._decisions import DecisionRule, rule_of_estimator
from skpneumo.report._markup import Section
from skpneumo.report._operating_point import guarantee_table
from skpneumo.report._provenance import versions
from skpneumo.report._wording import guarantee_of

if TYPE_CHECKING:
    import pandas as pd

    from skpneumo.explanation import ExplanationReport
    from skpneumo.report._report import EvaluationReport

__all__ = ["card_section", "model_card"]

_NOT_A_DEVICE = (
    "This is not a medical device. It may not be used for diagnosis, triage or any other decision "
    "about a patient."
)


def model_card(
    estimator: Any,
    *,
    evaluation: "EvaluationReport | None" = None,
    stress: "pd.DataFrame | None" = None,
    shortcuts: "ExplanationReport | None" = None,
    name: str | None = None,
    target_names: Sequence[str] | None = None,
    description: str = "",
    provenance: Mapping[str, str] | None = None,
    answers: Mapping[str, str] | None = None,
) -> str:
    """Write a model card with known facts, and open items that only a person can write.

    The form is that of [1]_, and the items of published checklists [2]_ are numbered.

    Parameters
    ----------
    estimator : fitted classifier
        Nested in any way.
    evaluation : EvaluationReport, default=None
        Provides the data, the split, metrics with their intervals, and the audit.
    stress : pandas.DataFrame, default=None
        Result of :func:`~skpneumo.evaluation.stress_test`.
    shortcuts : ExplanationReport, default=None
        Result of :func:`~skpneumo.explanation_report`.
    name : str, default=None
        Name of the model; by default that of its class.
    target_names : sequence of str, default=None
        Names of ``estimator.classes_``.
    description : str, default=""
        Text about the collection that the model was fitted on.
    provenance : mapping of str to str, default=None
        Further facts, such as the digest of the model file.
    answers : mapping of str to str, default=None
        Answers to open items, by item, such as ``{"Licence": "CC BY 4.0"}``.

    Returns
    -------
    card : str
        Markdown, in which unanswered items are unchecked boxes.

    Raises
    ------
    ValueError
        If an answer is for an unknown item, or the number of names is not that of the classes.

    See Also
    --------
    EvaluationReport : Includes the card as a section.

    Notes
    -----
    If the model file has a card of its own, in ``estimator.provenance_["card"]``, its figures and
    limits are shown as well, attributed to the file.

    References
    ----------
    .. [1] M. Mitchell et al., "Model Cards for Model Reporting", Conference on Fairness,
       Accountability, and Transparency, 2019, pp. 220-229.
    .. [2] The checklists of TRIPOD+AI, STARD and CLAIM, whose items are numbered in the card.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skpneumo.report import model_card
    >>> X, y = np.linspace(-1, 1, 40).reshape(-1, 1), np.repeat([0, 1], 20)
    >>> card = model_card(
    ...     LogisticRegression().fit(X, y), name="line", answers={"Licence": "CC BY 4.0"})
    >>> print(card.partition("**Licence")[0].splitlines()[0])
    # Model card: line
    >>> card.count("- [ ]"), card.count("- [x]")
    (25, 1)
    """
    answers = dict(answers or {})
    if unknown := answers.keys() - {item for items in QUESTIONS.values() for item in items}:
        known = ", ".join(item for items in QUESTIONS.values() for item in items)
        raise ValueError(f"answers has {sorted(unknown)}, but the items of the card are {known}.")
    facts = dict(provenance or {}) | ({} if evaluation is None else evaluation.facts)
    sections = _sections(
        estimator,
        Evidence(evaluation, stress, shortcuts),
        names_of_classes(estimator, target_names),
        description,
        facts,
        answers,
    )
    title = f"# Model card: {name or type(estimator).__name__}"
    parts = [title, f"> {_NOT_A_DEVICE}", *(section.markdown() for section in sections)]
    return "\n\n".join(parts) + "\n"


def card_section(
    estimator: Any,
    names: Sequence[str],
    facts: Mapping[str, str],
    explained: bool,
) -> Section:
    """Write the card as a section of a report, whose other sections have the measurements."""
    there = Evidence(other_sections=True, explained=explained)
    sections = _sections(estimator, there, list(names), "", dict(facts), {})
    return Section("model-card", "Model card", "".join(section.html() for section in sections))


def _sections(
    estimator: Any,
    evidence: Evidence,
    names: list[str],
    description: str,
    facts: dict[str, str],
    answers: Mapping[str, str],
) -> list[CardSection]:
    from_file = card_of_file(estimator)
    known: dict[str, list[Block]] = {
        "Model details": [
            facts_table(_details(estimator, names) | facts | versions(), "This model")
        ],
        "Intended use": [Text(_NOT_A_DEVICE)],
        "Factors": subgroups(evidence),
        "Metrics": _decision(estimator, names),
        "Training data": [
            *([Text(description)] if description else []),
            *stated_training(from_file),
        ],
        "Evaluation data": evaluation_data(evidence),
        "Quantitative analyses": [*analyses(evidence), *stated_analyses(from_file)],
        "Ethical considerations": [],
        "Caveats and recommendations": [
            *stated_limits(from_file),
            Bullets(_caveats(estimator, evidence, from_file)),
        ],
    }
    return [
        CardSection(
            title,
            [*blocks, *([Open(QUESTIONS[title], answers)] if title in QUESTIONS else [])],
        )
        for title, blocks in known.items()
    ]


def _details(estimator: Any, names: list[str]) -> dict[str, str]:
    inner = [each.classifier for each in classifiers_of(estimator)]
    kinds = [type(each).__name__ for each in inner]
    facts = {
        "model": type(estimator).__name__,
        "classifiers": ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)),
        "classes": ", ".join(names),
    }
    epochs = [str(each.n_iter_) for each in inner if np.ndim(getattr(each, "n_iter_", [0])) == 0]
    if epochs:
        facts["epochs of training"] = ", ".join(epochs)
    weights = [np.size(w) for each in inner for w in getattr(each, "weights_", ())]
    if weights:
        facts["weights"] = f"{sum(weights):,}"
    facts["input gate"] = _gate(estimator)
    return facts


def _gate(estimator: Any) -> str:
    """Describe the input gate."""
    inner = gate_of(estimator)
    if inner is None:
        return "none: any image gets an answer"
    said = "warns" if inner.gate.on_outlier == "warn" else "withholds the prediction"
    return f"{said}. {inner.gate.terms_}"


def _decision(estimator: Any, names: Sequence[str]) -> list[Block]:
    """Describe the threshold, how it was chosen and what it guarantees."""
    threshold, labels = threshold_of(estimator), classes_of(estimator)
    if len(labels) != 2 or threshold is None:
        return [Text("The model predicts the most probable class and has no threshold.")]
    rule: DecisionRule = rule_of_estimator(estimator)
    scores = "probability" if threshold.response == "predict_proba" else "score"
    positive = names[labels.index(threshold.pos_label)]
    blocks: list[Block] = [
        Text(f"Threshold {rule.threshold:.4g} on the {scores} of {positive}. {rule.origin}")
    ]
    if rule.floor_classifier is not None:
        guaranteed = guarantee_table(rule.floor_classifier)
        blocks.append(Table(guaranteed, "Guaranteed in training, by patients"))
    if floor := recall_floor_of(threshold.chosen_by):
        blocks.append(Text(guarantee_of(floor["terms"])))
    return blocks


def _caveats(estimator: Any, evidence: Evidence, from_file: Mapping[str, Any]) -> list[str]:
    items = [
        "Figures are about new patients like those evaluated. They say nothing about other "
        "hospitals, machines, ages or diseases.",
        "A label is what somebody read in an image. What the patient had may differ.",
        "A heat map shows what the model used, not where the disease is.",
    ]
    if not evidence.has("figures"):
        items.insert(0, "No evaluation is given with this card.")
    if not evidence.has("stress") and "stress tests" not in from_file:
        items.append("For this card it was not tested on altered images.")
    if not evidence.has("shortcuts") and "shortcuts" not in from_file:
        items.append("For this card it was not tested for shortcuts.")
    networks = len(classifiers_of(estimator))
    if networks > 1:
        items.append(
            f"It averages {counted(networks, 'classifier')}; a prediction runs all of them."
        )
    return items
