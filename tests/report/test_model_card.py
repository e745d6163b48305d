import re

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier

from skpneumo.decision import InputGate, RecallFloorClassifier
from skpneumo.explanation import ExplanationReport
from skpneumo.report import EvaluationReport, model_card
from skpneumo.report._card_blocks import Open, Table
from skpneumo.report._card_questions import QUESTIONS
from skpneumo.report._model_card import card_section

ITEMS = [item for items in QUESTIONS.values() for item in items]


@pytest.fixture(scope="module")
def data():
    random = np.random.RandomState(0)
    y = np.repeat([0, 1], 60)
    return (y[:, None] + random.normal(0, 0.7, (120, 1))), y


@pytest.fixture(scope="module")
def floor(data):
    X, y = data
    return RecallFloorClassifier(LogisticRegression(), recall=0.8).fit(
        X, y, groups=np.arange(len(y))
    )


@pytest.fixture(scope="module")
def evaluation(floor, data):
    X, y = data
    return EvaluationReport.from_estimator(
        floor, X, y, groups=np.arange(len(y)), target_names=["NORMAL", "PNEUMONIA"],
        provenance={"SHA-256 of the model file": "abc123"}, date="2026-01-02",
    )  # fmt: skip


def section(card, title):
    return card.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_it_has_the_sections_of_the_paper_in_their_order(floor):
    assert re.findall("^## (.*)$", model_card(floor), re.MULTILINE) == [
        "Model details", "Intended use", "Factors", "Metrics", "Training data",
        "Evaluation data", "Quantitative analyses", "Ethical considerations",
        "Caveats and recommendations",
    ]  # fmt: skip


def test_items_for_a_person_are_open_until_they_are_written(floor):
    card = model_card(floor)
    assert card.count("- [ ] **") == len(ITEMS)
    card = model_card(floor, answers={"Licence": "CC BY\n4.0", "Risks": "none"})
    assert card.count("- [ ] **") == len(ITEMS) - 2
    assert "- [x] **Licence:** CC BY 4.0\n" in card
    with pytest.raises(
        ValueError, match=r"answers has \['Colour'\], but the items of the card are Developers"
    ):
        model_card(floor, answers={"Colour": "grey"})


def test_threshold_and_guarantee_are_those_of_the_model(floor):
    said = section(model_card(floor), "Metrics")
    assert f"Threshold {floor.threshold_:.4g} on the probability of 1." in said
    assert f"The guarantee is {floor.guarantee_}" in said
    assert f"{floor.recall_bound_:.3f}" in said
    plain = section(model_card(LogisticRegression().fit([[0.0], [1.0]], [0, 1])), "Metrics")
    assert "Nobody chose the threshold" in plain


def test_threshold_is_on_the_scores_of_the_class_that_it_names():
    classes = ["abnormal", "normal"]
    model = LogisticRegression().fit([[0.0], [1.0]], classes)
    about_normal = FixedThresholdClassifier(model, threshold=0.3, pos_label="normal")
    about_abnormal = FixedThresholdClassifier(model, threshold=0.3, pos_label="abnormal")
    assert "Threshold 0.3 on the probability of normal." in model_card(about_normal)
    assert "Threshold 0.3 on the probability of ill." in model_card(
        about_abnormal, target_names=["ill", "healthy"]
    )


def test_figures_have_their_intervals_and_numbers(floor, evaluation):
    card = model_card(floor, evaluation=evaluation)
    overall = evaluation.frame.set_index(["subgroup", "metric"]).loc[("all", "recall")]
    row = re.search(r"^\| recall \(sensitivity\) \| (.*)$", card, re.MULTILINE)[1]
    for figure in (overall["value"], overall["low"], overall["high"]):
        assert f"{figure:.3f}" in row
    assert f"| {overall['n']} | {overall['n_patients']} |" in row
    assert "abc123" in card
    assert "2026-01-02" in card
    assert "No evaluation is given" not in card
    assert "| Images and patients" not in card
    assert "*Images and patients*" in section(card, "Evaluation data")


def test_without_evidence_it_says_so(floor):
    card = model_card(floor)
    assert "No metrics are given." in section(card, "Quantitative analyses")
    caveats = section(card, "Caveats and recommendations")
    for lacking in ("No evaluation", "on altered images", "for shortcuts"):
        assert lacking in caveats


def stress_frame():
    rows = [
        {"corruption": name, "metric": "recall", "value": 0.9 - drop, "low": 0.8 - drop,
         "high": 0.95 - drop, "n": 50, "n_patients": 40, "interval": "normal", "drop": drop,
         "drop_low": drop - 0.05, "drop_high": drop + 0.05, "held_back": held, "where": where}
        for name, drop, held, where in (
            ("unaltered", 0.0, False, None), ("blurred", 0.1, False, None),
            ("sigmoid", 0.2, True, None), ("mean", 0.1, False, None),
            ("worst", 0.3, False, "blurred"),
        )
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_stress_and_shortcuts_are_in_it(floor):
    measures = pd.DataFrame(
        {"measure": ["edge"], "value": [0.61], "low": [0.5], "high": [0.7], "n": [40],
         "n_patients": [30]}
    )  # fmt: skip
    remaining = pd.DataFrame(
        {"images": ["frame alone"], "metric": ["AUC"], "value": [0.72], "low": [0.66],
         "high": [0.78]}
    )  # fmt: skip
    shortcuts = ExplanationReport(
        pd.DataFrame(index=range(40)),
        measures,
        remaining,
        "shortcut",
        ["61% lies in text"],
        "occlusion",
    )
    card = model_card(floor, stress=stress_frame(), shortcuts=shortcuts)
    said = section(card, "Quantitative analyses")
    assert "worst: blurred" in said
    assert "sigmoid (held back)" in said
    assert "\n| blurred |" not in said
    assert "The model uses a shortcut, on 40 images" in said
    assert "0.610" in said
    assert "| frame alone |" in said
    assert "0.720" in said
    assert "on altered images" not in card


def test_gate_is_named_with_its_terms(data, floor):
    X, y = data
    gate = InputGate(FrozenEstimator(floor), false_alarm_rate=0.1, on_outlier="nan")
    gate.fit(X, y, groups=np.arange(len(y)))
    details = section(model_card(gate), "Model details")
    assert f"withholds the prediction. {gate.terms_}" in details
    assert "any image gets an answer" in section(model_card(floor), "Model details")


def test_an_average_says_how_many_it_is(data):
    X, y = data
    both = VotingClassifier(
        [("a", LogisticRegression()), ("b", LogisticRegression(C=2))], voting="soft"
    ).fit(X, y)
    card = model_card(both)
    assert "2 LogisticRegression" in card
    assert "It averages 2 classifiers" in card


def test_several_classes_have_no_threshold():
    X = np.arange(30.0).reshape(-1, 1)
    model = LogisticRegression().fit(X, np.repeat([0, 1, 2], 10))
    card = model_card(model, target_names=["NORMAL", "BACTERIA", "VIRUS"])
    assert "no threshold" in section(card, "Metrics")
    assert "NORMAL, BACTERIA, VIRUS" in card
    with pytest.raises(ValueError, match="3 classes"):
        model_card(model, target_names=["NORMAL"])


def test_names_from_outside_are_escaped():
    table = Table(pd.DataFrame({"a|b": ["*x*\n| y", None]}), "<script>")
    *_, head, _, row, empty = table.markdown().splitlines()
    assert head == r"| a\|b |"
    assert row == r"| \*x\* \| y |"
    assert empty == "|  |"
    assert r"\<script\>" in table.markdown()
    assert "&lt;script&gt;" in table.html()
    assert "<b>" not in Open({"Q": "why?"}, {"Q": "<b>"}).html()


def test_the_page_has_it_with_its_open_items(evaluation):
    body = {name: body for name, _, body in evaluation.sections}["model-card"]
    assert body.count("to be written") == len(ITEMS)
    assert "See Metrics, Figures and Operating point on this page." in body
    assert "abc123" in body


@pytest.mark.parametrize("explained", [True, False])
def test_in_a_report_it_refers_to_the_search_for_shortcuts_if_there_is_one(floor, explained):
    body = card_section(floor, ["NORMAL", "PNEUMONIA"], {}, explained).body
    assert ("and What the model looks at on this page." in body) == explained
    assert ("it was not tested for shortcuts" in body) != explained
    assert "it was not tested on altered images" in body


def test_every_item_of_reviewers_that_a_person_has_to_write_is_in_it(floor):
    card = model_card(floor)
    for item in checklist_items():
        assert f"- [ ] **{item.what}, to be written:**" in card
        for number in filter(None, (item.tripod_ai, item.stard, item.claim)):
            assert number in card


def checklist_items():
    from skpneumo.report._checklist import ITEMS as OF_REVIEWERS

    return [item for item in OF_REVIEWERS if not item.sections]


def test_the_provenance_of_a_model_is_shown(data):
    X, y = data
    model = LogisticRegression().fit(X, y)
    model.provenance_ = {
        "card": {
            "collection": "Drawn <rows>",
            "images": 1200,
            "operating point": ["Recall .98."],
            "stress tests": {"specificity, worst": "0.70 [0.60, 0.80] (darker)"},
            "shortcuts": {"AUC, frame alone": "0.57"},
            "limits": ["Not of children."],
        }
    }
    card = model_card(model)
    training = section(card, "Training data")
    assert "Drawn \\<rows\\>" in training
    assert "| images | 1,200 |" in training
    measured = section(card, "Quantitative analyses")
    for said in ("Recall .98.", "| specificity, worst | 0.70", "| AUC, frame alone | 0.57 |"):
        assert said in measured
    caveats = section(card, "Caveats and recommendations")
    assert "- Not of children." in caveats
    assert "it was not tested" not in caveats


@pytest.mark.parametrize(
    "provenance", [{}, {"card": "text"}, {"card": {"limits": "none", "figures": [[1]], "a": None}}]
)
def test_any_provenance_is_shown(data, provenance):
    X, y = data
    model = LogisticRegression().fit(X, y)
    model.provenance_ = provenance
    assert "For this card it was not tested on altered images" in model_card(model)
