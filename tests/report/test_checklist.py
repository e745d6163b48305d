import re

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from skpneumo.evaluation import evaluate_predictions
from skpneumo.report import EvaluationReport
from skpneumo.report._checklist import ITEMS, Item, checklist
from skpneumo.report._markup import Section

rng = np.random.default_rng(0)
Y = np.repeat([0, 1], 60)
X = rng.normal(Y[:, None], 1.0, (120, 3))
SEX = np.where(np.arange(120) % 2, "f", "m").astype(object)
SEX[:4] = None


def report(X=X, **options):
    model = LogisticRegression().fit(np.asarray(X, dtype=float)[:, :3], Y)
    options = {"groups": np.arange(120) // 2, "n_resamples": 20, "date": "2026-01-01"} | options
    return EvaluationReport.from_estimator(model, X, Y, **options)


def body(made, name):
    return next(each.body for each in made.sections if each.name == name)


def cells(html, first):
    row = re.search(rf"<tr><th[^>]*>{first}</th>(.*?)</tr>", html)
    assert row, first
    return re.findall(r"<td[^>]*>(.*?)</td>", row[1])


@pytest.fixture(scope="module")
def stated():
    skipped = pd.DataFrame({"path": ["a", "b", "c"], "reason": ["empty", "empty", "no image"]})
    return report(
        subgroups=pd.DataFrame({"sex": SEX}), prevalence=0.05, skipped=skipped, part=None
    )


def test_items_lead_to_sections_that_are_there(stated):
    names = [section.name for section in stated.sections]
    linked = re.findall(r'href="#([^"]+)"', body(stated, "checklist"))
    assert linked
    assert set(linked) <= set(names)
    known = {name for item in ITEMS for name in item.sections}
    assert known <= {*names, "explanation"}


def test_every_item_is_answered_or_left_to_a_person_once(stated):
    html = body(stated, "checklist")
    for item in ITEMS:
        assert html.count(f">{item.what}</th>") == 1
    answered, by_a_person = html.split("For a person to write")
    assert "Ethical approval" in by_a_person
    assert "Calibration: intercept, slope, curve" in answered
    assert "What the model looks at" in by_a_person  # explain=True was not asked for


def test_missing_facts_are_left_to_a_person():
    _, by_a_person = body(report(), "checklist").split("For a person to write")
    assert "Predictive values and net benefit" in by_a_person
    sections = [Section("prevalence", "At another prevalence", "")]
    answered, _ = checklist(sections).body.split("For a person to write")
    assert "Predictive values and net benefit" in answered


def test_items_are_numbered_in_some_list():
    assert all(item.tripod_ai or item.stard or item.claim for item in ITEMS)
    assert len({item.what for item in ITEMS}) == len(ITEMS)
    assert isinstance(ITEMS[0], Item)


def test_flow_names_excluded_images_with_reasons(stated):
    html = body(stated, "flow")
    assert cells(html, "files, with those left out")[0] == "123"
    assert cells(html, "left out: empty")[0] == "2"
    assert cells(html, "left out: no image")[0] == "1"
    assert cells(html, "evaluated") == ["120", "60"]
    assert cells(html, "sex")[0] == "4"  # missing
    assert "files of no class, splits that were not read, or dropped rows" in html


@pytest.mark.parametrize("kind", ["table", "names"])
def test_flow_counts_every_image_in_no_subgroup(kind):
    sex = SEX.copy()
    sex[100:110] = ["", " "] * 5
    split = np.repeat(["train", "test"], 60)
    subgroups = pd.DataFrame({"subgroup": sex}) if kind == "table" else sex
    made = report(subgroups=subgroups, split=split)
    assert cells(body(made, "flow"), "subgroup")[0] == "10"
    n = made.frame.query("metric == 'recall' and subgroup != 'all'")["n"]
    assert n.sum() == 50


def test_flow_counts_the_parts_and_the_classes():
    html = body(report(split=np.repeat(["train", "test", "train"], 40)), "flow")
    assert cells(html, "not evaluated: train") == ["80", "40"]
    assert cells(html, "evaluated") == ["40", "20"]
    assert cells(html, "of these, class 1") == ["20", "10"]
    assert "files that cannot be read, files of no class" in html
    assert "left out:" not in html


def test_figures_at_a_stated_prevalence_are_those_of_evaluate(stated):
    html = body(stated, "prevalence")
    model = LogisticRegression().fit(X, Y)
    frame = evaluate_predictions(
        Y, model.predict_proba(X)[:, 1], groups=np.arange(120) // 2, prevalence=0.05
    ).set_index("metric")
    for metric in ("precision_at_prevalence", "net_benefit_at_prevalence"):
        assert f"{frame.loc[metric, 'value']:.3f}" in html
    assert "No prevalence was given" in body(report(), "prevalence")


@pytest.mark.parametrize("kind", ["table", "columns", "names"])
def test_subgroups_by_any_column(kind):
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(sex=SEX)
    split = np.repeat(["train", "test", "train"], 40)
    subgroups = {"table": frame[["sex"]], "names": SEX}.get(kind)
    made = report(subgroups=subgroups, split=split, part="test") if kind != "columns" else None
    if made is None:
        numeric = frame.assign(sex=np.arange(120) % 2)
        model = LogisticRegression().fit(numeric, Y)
        made = EvaluationReport.from_estimator(
            model, numeric, Y, split=split, subgroups=["sex"], groups=np.arange(120),
            n_resamples=20,
        )  # fmt: skip
    html = body(made, "subgroups")
    assert "Each subgroup separately" in html
    n = made.frame.query("metric == 'accuracy' and subgroup != 'all'")["n"]
    assert n.sum() == 40
