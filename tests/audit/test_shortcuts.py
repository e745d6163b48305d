"""Planted shortcuts are found with their source, and no others."""

import re

import numpy as np
import pandas as pd
import pytest

import skpneumo
from skpneumo.audit import audit_images
from skpneumo.audit._findings import Finding
from skpneumo.audit._shortcut_images import shortcut_images
from skpneumo.audit._shortcuts import (
    _some_patients,
    measure_shortcuts,
    shortcut_findings,
    source_of,
)
from skpneumo.audit._sources import sources_of
from skpneumo.datasets import make_chest_xray

PLANTED = {
    "ratio": ["width over height"],
    "text": ["upper right corner"],
    "border": ["outer tenth"],
    "exposure": ["mean grey level"],
    "device": ["device in the header", "JPEG tables"],
}


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """Return the audit of a collection with these shortcuts, computed once."""
    made = {}

    def audit(*shortcuts, seed=0):
        if (shortcuts, seed) not in made:
            xrays = make_chest_xray(
                tmp_path_factory.mktemp("xrays"),
                n_patients=80,
                images_per_patient=1,
                weights=(0.5, 0.3, 0.2),
                size=(72, 110),
                shortcuts=shortcuts,
                random_state=seed,
            )
            made[shortcuts, seed] = audit_images(
                xrays.filenames, xrays.target, near_duplicates=False
            )
        return made[shortcuts, seed]

    return audit


def shortcuts_in(audit):
    return audit.findings[audit.findings["kind"].eq("shortcut")]


@pytest.mark.parametrize("seed", [0, 1])
def test_no_shortcut_is_found_where_none_was_planted(audited, seed):
    audit = audited(seed=seed)
    assert shortcuts_in(audit).empty, audit.summary()
    assert len(audit.shortcuts) >= 15
    assert audit.shortcuts["auc"].between(0, 1).all()


@pytest.mark.parametrize("shortcut", PLANTED)
def test_planted_shortcuts_are_found_with_a_remedy(audited, shortcut):
    audit = audited(shortcut)
    found = shortcuts_in(audit)
    details = {source_of(detail): detail for detail in found["detail"]}
    for source in PLANTED[shortcut]:
        assert source in details, audit.summary()
        row = audit.shortcuts.set_index("source").loc[source]
        assert row.auc_low > max(row.chance_high, row.notable_auc)
        assert row.remedy in details[source]
        assert row.remedy in audit.summary()
        doubtful = "The disease may change this as well" in details[source]
        assert doubtful == row.may_be_disease == (shortcut == "exposure")


def test_a_finding_lists_the_files_of_the_class(audited):
    audit = audited("text")
    positive = audit.frame.loc[audit.frame["label"].eq(1), "path"].tolist()
    assert shortcuts_in(audit)["paths"].iloc[0] == positive


def test_the_page_shows_where_classes_differ(audited, tmp_path):
    audit = audited("text")
    finding = shortcuts_in(audit).iloc[0]
    images, captions = shortcut_images(finding, audit.frame, audit.thumbnails, audit.regions)
    region = audit.regions["upper right corner"]
    assert region[:6, -16:].all()
    assert region.sum() == 6 * 16
    assert images[0][region].mean() > images[1][region].mean()
    assert (images[2][~region] == 128).all()
    assert images[2][region].max() == 255
    audit.to_html(tmp_path / "audit.html")
    page = (tmp_path / "audit.html").read_text(encoding="utf-8")
    assert all(caption in page for caption in captions)


def test_sources_without_a_region_show_the_whole_image(audited):
    audit = audited("exposure")
    details = shortcuts_in(audit)["detail"]
    whole = shortcuts_in(audit)[details.map(source_of).eq("mean grey level")].iloc[0]
    images, _ = shortcut_images(whole, audit.frame, audit.thumbnails, audit.regions)
    rows = audit.frame["label"].eq(1).to_numpy()
    assert np.abs(images[0] - audit.thumbnails[rows].mean(axis=0)).max() <= 0.5


def test_the_region_outside_the_lungs_excludes_the_lungs(audited):
    audit = audited()
    outside = audit.regions["everything but the lungs"]
    assert outside[[0, 0, -1, -1], [0, -1, 0, -1]].all()
    assert not outside[32, [18, 46]].any()
    assert 0.2 < outside.mean() < 0.7


def test_classes_of_few_patients_are_not_compared(audited):
    frame = audited().frame
    for n, label, reason in ((10, [0, 1], "shortcuts, for fewer"), (20, [0], "shortcuts: there")):
        rows = pd.concat([frame[frame["label"].eq(each)].head(n) for each in label])
        few = audit_images(rows["path"], rows["label"], near_duplicates=False)
        assert few.shortcuts.empty
        assert any(each.startswith(reason) for each in few.not_checked)


def test_unopened_files_have_no_shortcuts(audited):
    frame = audited().frame
    audit = audit_images(frame["path"], frame["label"], open_files=False)
    assert audit.shortcuts.empty
    assert "the images themselves: open_files=False" in audit.not_checked


def test_each_of_several_classes_is_compared_and_can_be_significant(audited):
    audit = audited("text")
    frame = audit.frame.assign(label=audit.frame["etiology"])
    shortcuts, _, too_few = measure_shortcuts(frame, audit.thumbnails, np.random.RandomState(0))
    assert set(shortcuts["label"]) | {each.split()[0] for each in too_few} == set(frame["label"])
    assert (shortcuts["n_permutations"] + 1 >= 20 * len(shortcuts)).all()
    found = shortcut_findings(shortcuts, frame)
    assert "upper right corner" in {source_of(finding.detail) for finding in found}


def test_patients_not_images_are_permuted(audited):
    """Repeated images of a patient do not make a result more significant."""
    audit = audited()
    frame = audit.frame
    rng = np.random.default_rng(0)
    # A device for each patient, at random: without folds by patient it would tell the class.
    device = pd.Series(rng.integers(0, 12, len(frame)).astype(str), index=frame.index)
    repeated = pd.concat([frame.assign(device=device)] * 4, ignore_index=True)
    thumbnails = np.concatenate([audit.thumbnails] * 4)
    shortcuts, _, _ = measure_shortcuts(repeated, thumbnails, np.random.RandomState(0))
    row = shortcuts.set_index("source").loc["device in the header"]
    assert row.n_patients + row.n_other_patients == frame["patient"].nunique()
    assert row.auc < 0.75
    assert row.p_value > 0.01


def test_patients_of_a_large_collection_are_sampled(monkeypatch):
    monkeypatch.setattr("skpneumo.audit._shortcuts._MOST_IMAGES", 50)
    frame = pd.DataFrame({"patient": np.repeat(np.arange(40), 3)})
    some = _some_patients(frame, np.random.RandomState(0))
    assert 40 < len(some) <= 50
    assert some["patient"].value_counts().eq(3).all()
    assert _some_patients(frame.head(50), np.random.RandomState(0)).equals(frame.head(50))


def test_every_remedy_is_valid_code(audited):
    """The parameters in each remedy exist and are valid."""
    audit = audited()
    remedies = {each.remedy for each in sources_of(audit.frame, audit.thumbnails).values()}
    # A name, and what is in its parentheses, pairs included.
    pattern = r"([A-Z]\w+)(\((?:[^()]|\([^()]*\))*\))"
    calls = {call for text in remedies for call in re.findall(pattern, text)}
    assert len(calls) >= 6
    for name, arguments in calls:
        made = eval(f"made{arguments}", {"made": getattr(skpneumo, name)})
        made._validate_params()
    for name in ("MarkerRemover", "BorderCropper"):
        assert any(name in text for text in remedies)
        assert hasattr(skpneumo, name)


def test_the_source_is_read_from_the_detail_for_any_class_name():
    frame = pd.DataFrame({"label": ["a, with AUC"], "path": ["x"]})
    row = {
        "source": "noise", "label": "a, with AUC", "n_images": 1, "n_patients": 1, "n_others": 1,
        "n_other_patients": 1, "auc": 1.0, "auc_low": 1.0, "auc_high": 1.0, "chance_low": 0.4,
        "chance_high": 0.6, "p_value": 0.002, "n_permutations": 499, "notable_auc": 0.8,
        "may_be_disease": True, "remedy": "Balance.",
    }  # fmt: skip
    (finding,) = shortcut_findings(pd.DataFrame([row]), frame)
    assert isinstance(finding, Finding)
    assert source_of(finding.detail) == "noise"
