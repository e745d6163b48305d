"""The audit finds every planted fault, and nothing else."""

import os
import re
import shutil
import struct
import threading
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageEnhance, ImageOps
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import skpneumo
from skpneumo import CNNClassifier
from skpneumo._messages import command_line_messages
from skpneumo.audit import ImageAudit, audit_images
from skpneumo.audit._acquisition import acquisition_findings, acquisition_of, lateral_findings
from skpneumo.audit._shift import domain_auc, permute_patients
from skpneumo.datasets import (
    CollectionWarning,
    SharedPatientsWarning,
    load_chest_xray,
    make_chest_xray,
)
from skpneumo.loading import ImageLoader, UnreadableImagesError
from skpneumo.persistence import OnnxClassifier

from .loading.dicom_writing import write_dicom

SIZE = (72, 110)


def shuffled(xrays, seed=0):
    """Rows in random order, because rows sorted by class are a finding."""
    order = np.random.default_rng(seed).permutation(len(xrays.target))
    return xrays.filenames[order], xrays.target[order], xrays.split[order]


@pytest.mark.parametrize("seed", range(3))
def test_clean_collection_has_no_findings(tmp_path, seed):
    xrays = make_chest_xray(
        tmp_path / "xrays", n_patients=130, size=SIZE, test_fraction=0.35, random_state=seed
    )
    audit = audit_images(*shuffled(xrays, seed))
    assert audit.findings.empty, audit.summary()
    assert len(audit.shift)
    assert audit.summary().splitlines()[2] == "no findings"


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """The audit of a collection with faults of many kinds, and the expected files of each kind."""
    root = tmp_path_factory.mktemp("faulty") / "xrays"
    xrays = make_chest_xray(
        root,
        n_patients=180,
        weights=(0.4, 0.4, 0.2),
        size=SIZE,
        test_fraction=0.35,
        shift=0.8,
        random_state=3,
    )
    # Images of other patients, to be planted under chosen names.
    others = make_chest_xray(
        tmp_path_factory.mktemp("others") / "xrays", n_patients=20, size=SIZE, random_state=99
    )
    spare = {
        label: iter(others.filenames[(others.target == label) & (others.split == "train")])
        for label in (0, 1)
    }
    rows = [xrays.target == label for label in (0, 1)]
    train = xrays.split == "train"
    normal, sick = (xrays.filenames[train & of_class] for of_class in rows)
    sick_in_test = xrays.filenames[(xrays.split == "test") & rows[1]]
    expected: dict[str, set[frozenset[str]]] = {}

    def expect(kind, *paths):
        expected.setdefault(kind, set()).add(frozenset(str(path) for path in paths))

    def plant(folder, name, image):
        path = root / folder / name
        if isinstance(image, Image.Image):
            image.save(path)
        else:
            shutil.copy(image, path)
        return path

    broken = root / "train/NORMAL/IM-9000-0001.jpeg"
    broken.write_text("404 not found")
    empty = root / "train/NORMAL/IM-9001-0001.jpeg"
    empty.touch()
    expect("unreadable", broken)
    expect("unreadable", empty)

    cut = plant("train/PNEUMONIA", "person9000_virus_1.jpeg", next(spare[1]))
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size * 2 // 3])
    expect("truncated", cut)

    grey = plant("train/NORMAL", "IM-9002-0001.png", Image.new("L", (100, 80), 90))
    expect("blank", grey)

    image = Image.open(next(spare[1])).convert("RGB")
    tinted = Image.merge("RGB", [band.point(lambda v, k=k: v * k // 4) for k, band in
                                 zip((4, 3, 2), image.split(), strict=True)])  # fmt: skip
    expect("coloured", plant("train/PNEUMONIA", "person9001_virus_1.png", tinted))

    deep = np.asarray(Image.open(next(spare[1])).convert("L"), np.uint16) * 257
    deep = Image.fromarray(deep)
    expect("odd_depth", plant("train/PNEUMONIA", "person9002_virus_1.png", deep))

    tiny = Image.open(next(spare[1])).resize((16, 12))
    expect("small", plant("train/PNEUMONIA", "person9003_virus_1.png", tiny))

    twin = Path(sick[0])
    twin = plant("train/PNEUMONIA", twin.stem + "9" + twin.suffix, sick[0])
    expect("duplicate", sick[0], twin)

    elsewhere = plant("test/PNEUMONIA", "person9004_bacteria_1.jpeg", sick[5])
    expect("duplicate_across_splits", sick[5], elsewhere)

    converted = plant("test/PNEUMONIA", "person9005_bacteria_1.png", Image.open(sick[9]))
    expect("duplicate_across_splits", sick[9], converted)

    relabelled = plant("train/PNEUMONIA", "person9006_bacteria_1.jpeg", normal[0])
    expect("conflicting_labels", normal[0], relabelled)

    image = Image.open(sick_in_test[3]).convert("L")
    image = ImageEnhance.Brightness(image.resize((90, 70))).enhance(1.15)
    altered = plant("test/PNEUMONIA", "person9007_virus_1.jpeg", image)
    expect("near_duplicate", sick_in_test[3], altered)

    name = Path(sick[14]).stem.rsplit("_", 1)[0] + "_99999.jpeg"
    seen_before = plant("test/PNEUMONIA", name, next(spare[1]))
    patient = xrays.groups[list(xrays.filenames).index(sick[14])]
    of_patient = xrays.filenames[xrays.groups == patient]
    expect("patient_across_splits", seen_before, *of_patient)

    misplaced = plant("train/PNEUMONIA", "IM-9003-0001.jpeg", next(spare[0]))
    expect("label_against_name", misplaced)

    with (
        pytest.warns(CollectionWarning, match="contradict their folders"),
        pytest.warns(SharedPatientsWarning, match="1 patient in several splits"),
    ):
        collection = load_chest_xray(root)
    paths, target, split = shuffled(collection)
    for label in (0, 1):
        expect("shift", *paths[(split == "test") & (target == label)])
    missing = str(root / "train/NORMAL/IM-9999-0001.jpeg")
    expect("unreadable", missing)
    audit = audit_images(
        np.append(paths, missing), np.append(target, 0), np.append(split, "train"), n_jobs=2
    )
    return audit, expected


def found(audit):
    kinds: dict[str, set[frozenset[str]]] = {}
    for row in audit.findings.itertuples():
        kinds.setdefault(row.kind, set()).add(frozenset(row.paths))
    return kinds


def test_every_planted_fault_is_found_and_nothing_else(faulty):
    audit, expected = faulty
    assert len(expected) >= 13
    assert found(audit) == expected


def test_findings_are_ordered_and_explained(faulty):
    audit, _ = faulty
    findings = audit.findings
    assert findings["kind"].iloc[0] == "conflicting_labels"
    assert list(findings.columns) == ["kind", "severity", "n_files", "paths", "detail"]
    ranks = findings["severity"].map({"error": 0, "warning": 1, "note": 2})
    assert ranks.is_monotonic_increasing
    assert (findings["n_files"] == findings["paths"].map(len)).all()
    assert findings["detail"].str.len().gt(0).all()
    detail = findings.loc[findings["kind"].eq("conflicting_labels"), "detail"].item()
    assert detail == "2 identical files, label 0 and 1, split train, 2 patients"


def test_frame_has_a_row_for_each_file_in_order(faulty):
    audit, _ = faulty
    frame = audit.frame
    assert frame["path"].is_unique
    broken = frame["status"].ne("ok")
    assert broken.sum() == 4
    assert frame.loc[broken, "error"].str.contains("Error").all()
    assert frame.loc[broken, "mean"].isna().all()
    row = frame[~broken & frame["mode"].eq("L")].iloc[0]
    with Image.open(row["path"]) as image:
        pixels = np.asarray(image)
    assert (row["width"], row["height"]) == pixels.shape[::-1]
    assert row["mean"] == pytest.approx(pixels.mean())
    assert row["std"] == pytest.approx(pixels.std())
    assert row["p99"] == np.quantile(pixels, 0.99, method="inverted_cdf")
    assert row["bytes"] == Path(row["path"]).stat().st_size
    assert audit.histograms.shape == (len(frame), 32)
    np.testing.assert_allclose(audit.histograms.sum(axis=1), (~broken).astype(float))
    assert audit.counts["images"].sum() == len(frame)
    assert audit.formats["images"].sum() == (~broken).sum()
    assert audit.intensities["images"].sum() == (~broken).sum()


def test_summary_says_everything_in_words(faulty):
    audit, expected = faulty
    text = audit.summary()
    for kind in expected:
        assert f" {kind}: " in text
    assert "1 shared" in text.splitlines()[0]
    assert "by chance" in text
    assert "suspect labels: no estimator was given" in text
    assert repr(audit).startswith("<ImageAudit: ")


def test_page_is_self_contained_and_escaped(faulty, tmp_path):
    audit, _ = faulty
    audit.to_html(tmp_path / "audit.html")
    page = (tmp_path / "audit.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    for foreign in ("http://", "https://", "<script", "@import", "url("):
        assert foreign not in page
    assert page.count("data:image/png;base64,") > 20
    assert "color-scheme: light dark" in page
    assert "not a JPEG, PNG, TIFF or DICOM file" in page
    assert audit._repr_html_() in page
    dated = replace(audit, date="2026-03-01")
    dated.to_html(tmp_path / "dated.html")
    page = (tmp_path / "dated.html").read_text("utf-8")
    assert re.search("<title>Audit of [^<]+, 2026-03-01</title>", page)
    assert f"Audit of 2026-03-01, by skpneumo {skpneumo.__version__}." in page

    path = tmp_path / "<b>&.png"
    Image.new("L", (8, 8)).save(path)
    fragment = audit_images([path], y=["<i>"], split=[""])._repr_html_()
    assert "<b>&" not in fragment
    assert "<i>" not in fragment
    assert "&lt;b&gt;&amp;.png" in fragment


def test_page_with_file_names_that_are_not_valid_text(tmp_path):
    name = os.fsdecode(b"person1_virus_\xe9.png")
    Image.new("L", (8, 8)).save(tmp_path / name)
    audit = audit_images([tmp_path / name, tmp_path / f"gone{name}"], y=[0, 1])
    page = tmp_path / "audit.html"
    audit.to_html(page)
    assert "person1_virus_\\udce9.png" in page.read_text("utf-8")
    assert "virus_\\udce9.png" in audit.summary()
    for text in (audit.summary(), audit._repr_html_()):
        text.encode("utf-8")


def test_page_is_written_whole_or_not_at_all(image_paths, tmp_path, monkeypatch):
    page = tmp_path / "pages" / "audit.html"
    page.parent.mkdir()
    page.write_text("earlier")
    link = page.with_name("link.html")
    link.symlink_to(page)
    audit = audit_images(image_paths[:2], near_duplicates=False)

    def fail(*args):
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr("os.replace", fail)
        with pytest.raises(OSError, match="disk full"):
            audit.to_html(page)
    assert page.read_text() == "earlier"
    assert sorted(page.parent.iterdir()) == [page, link]
    audit.to_html(str(link))
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert link.is_symlink()
    audit.to_html(os.devnull)
    assert not os.path.isfile(os.devnull)


def test_shift_reports_numbers_of_images_and_patients(faulty):
    audit, _ = faulty
    assert len(audit.shift) == 2
    frame, readable = audit.frame, audit.frame["status"].eq("ok")
    for row in audit.shift.itertuples():
        of_class = frame[readable & frame["label"].eq(row.label)]
        for split, n_images, n_patients in (
            (row.split, row.n_images, row.n_patients),
            (row.reference, row.n_reference, row.n_reference_patients),
        ):
            rows = of_class[of_class["split"].eq(split)]
            assert (len(rows), rows["patient"].nunique()) == (n_images, n_patients)
        assert row.chance_low < 0.5 < row.chance_high
        assert 1 / 500 <= row.p_value <= 1
        said = f"{row.chance_low:.2f} to {row.chance_high:.2f}"
        assert f"by chance {said} (499 random permutations" in audit.summary()
        assert f">{said}</td>" in audit._repr_html_()
    assert "499 random assignments of splits" in audit._repr_html_()


def test_random_assignments_are_recognised_only_by_chance():
    rng = np.random.RandomState(0)
    p_values = []
    for _ in range(60):
        patient = np.repeat(np.arange(50), 2)
        features = (rng.normal(size=(50, 8)) + 0.3 * rng.normal(size=(1, 8)))[patient]
        rows = pd.RangeIndex(100)
        permutations = permute_patients(pd.Series(patient), rows[:40], rows[40:], rng)
        *_, low, high, p_value = domain_auc(features, permutations, rng)
        assert low < 0.5 < high
        p_values.append(p_value)
    assert np.mean(np.array(p_values) <= 0.1) < 0.25
    assert np.mean(np.array(p_values) <= 0.5) > 0.3


def test_a_perfectly_recognised_shift_still_has_an_interval(tmp_path):
    xrays = make_chest_xray(
        tmp_path, n_patients=130, size=SIZE, test_fraction=0.35, shift=0.0, random_state=0
    )
    for path in xrays.filenames[xrays.split == "test"]:
        with Image.open(path) as image:
            image.convert("L").point(lambda v: 255 - v).save(path)
    shift = audit_images(*shuffled(xrays), near_duplicates=False).shift
    assert shift["auc"].eq(1).any()
    assert (shift["auc_high"] > shift["auc_low"]).all()
    perfect = shift[shift["auc"].eq(1)].iloc[0]
    n = min(perfect.n_patients, perfect.n_reference_patients)
    assert perfect.auc_low == pytest.approx(n / (n + 1.96**2), abs=1e-4)


def noise(seed, size=(40, 32)):
    """An image that differs from all others."""
    small = np.random.default_rng(seed).integers(60, 200, (8, 10)).astype(np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def without_shortcuts(audit):
    """The findings without shortcuts, of which `image_paths` have several."""
    return audit.findings[audit.findings["kind"] != "shortcut"]


@pytest.fixture
def image_paths(tmp_path):
    """Forty images of different patients, dark for NORMAL and light for PNEUMONIA."""
    names = [f"IM-{i:04d}-0001.png" for i in range(20)]
    names += [f"person{i}_virus_{i}.png" for i in range(20)]
    paths = []
    for i, name in enumerate(names):
        path = tmp_path / ("NORMAL" if i < 20 else "PNEUMONIA") / name
        path.parent.mkdir(exist_ok=True)
        noise(i).point(lambda v, i=i: v // 2 + 100 * (i >= 20)).save(path)
        paths.append(path)
    return paths


ALTERNATING = np.arange(40).reshape(2, 20).T.ravel()


def brightness(paths):
    return np.array([[np.asarray(Image.open(path)).mean() / 50] for path in paths])


BRIGHTNESS = make_pipeline(FunctionTransformer(brightness), LogisticRegression(C=100))


def test_suspect_label_is_found_by_the_estimator(image_paths):
    y = np.repeat(["NORMAL", "PNEUMONIA"], 20)
    y[[4, 24]] = y[[24, 4]]
    paths = np.array(image_paths, dtype=object)
    # Groups that do not reveal the labels.
    groups = [f"p{i}" for i in range(40)]
    audit = audit_images(paths[ALTERNATING], y[ALTERNATING], groups=groups, estimator=BRIGHTNESS)
    suspects = audit.findings[audit.findings["kind"].eq("suspect_label")]
    assert {str(paths[4]), str(paths[24])} == {path for [path] in suspects["paths"]}
    assert suspects["detail"].str.startswith("out-of-fold probability 0.0").all()
    confidence = audit.frame.set_index("path")["self_confidence"]
    assert set(confidence.nsmallest(2).index) == {str(paths[4]), str(paths[24])}


def test_estimator_sees_readable_files_only_and_no_patient_twice(image_paths):
    seen = []

    class Recorder(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_ = np.unique(y)
            self.fitted_on_ = set(X)
            return self

        def predict_proba(self, X):
            stems = {Path(path).stem[:7] for path in X}
            seen.append((stems, {Path(path).stem[:7] for path in self.fitted_on_}))
            return np.full((len(X), 2), 0.5)

        def predict(self, X):
            raise AssertionError("expected a call of predict_proba")

    gone = image_paths[0].with_name("IM-0000-0002.png")
    second = image_paths[1].with_name("IM-0001-0002.png")
    noise(77).save(second)
    audit_images([*image_paths, gone, second], estimator=Recorder())
    assert len(seen) == 5
    for tested, fitted in seen:
        assert not {stem for stem in tested if stem.startswith("IM")} & fitted


def test_patients_reach_what_the_estimator_holds_out_for_itself(image_paths):
    seen = []

    class Recorder(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_ = np.unique(y)
            seen.append(set(X.patients))
            return self

        def predict_proba(self, X):
            return np.full((len(X), 2), 0.5)

    groups = np.arange(40) // 2 + 100
    model = make_pipeline(ImageLoader(size=8), Recorder())
    audit_images(image_paths, groups=groups, estimator=model)
    assert len(seen) == 5
    assert set.union(*seen) == set(groups)


def audit_labels(paths, y):
    return audit_images(
        paths, y, groups=np.arange(len(paths)), estimator=BRIGHTNESS, near_duplicates=False
    )


def test_rare_class_has_fewer_folds_and_a_remark(image_paths):
    y = ["NORMAL"] * 20 + ["PNEUMONIA"] * 3
    audit = audit_labels(image_paths[:23], y)
    assert audit.frame["self_confidence"].notna().all()
    assert audit.not_checked[-1] == (
        "suspect labels in more than 3 folds: class PNEUMONIA has 3 patients"
    )


@pytest.mark.parametrize(
    ("n_rare", "reason"),
    [(1, "class PNEUMONIA has 1 patient, and out-of-fold"), (0, "there is only one class")],
)
def test_class_too_rare_for_folds_is_reported(image_paths, n_rare, reason):
    y = ["NORMAL"] * (20 - n_rare) + ["PNEUMONIA"] * n_rare
    audit = audit_labels(image_paths[:20], y)
    assert f"suspect labels: {reason}" in audit.not_checked[-1]
    assert audit.frame["self_confidence"].isna().all()


def test_files_without_a_label_are_not_suspect(image_paths):
    y = ["NORMAL"] * 20 + ["PNEUMONIA"] * 20
    y[0] = None
    audit = audit_labels(image_paths, y)
    assert audit.frame["self_confidence"].isna().tolist() == [True] + [False] * 39
    assert "suspect_label" not in set(audit.findings["kind"])


def test_files_that_the_estimator_refuses_as_too_dark_are_not_suspect(image_paths, tmp_path):
    paths = [str(path) for path in image_paths]
    for row in (3, 30):
        paths[row] = str(tmp_path / f"{row}.png")
        values = np.random.RandomState(row).randint(0, 4096, (32, 32))
        Image.fromarray(values.astype(np.uint16)).save(paths[row])
    network = CNNClassifier(filters=(), dense_units=(), epochs=1, random_state=0)
    model = make_pipeline(ImageLoader(size=8), network)
    groups = [f"p{i}" for i in range(40)]
    audit = audit_images(paths, [0] * 20 + [1] * 20, groups=groups, estimator=model)
    confidence = audit.frame.set_index("path")["self_confidence"]
    assert set(confidence.index[confidence.isna()]) == {paths[3], paths[30]}
    assert "suspect labels of 2 files that the estimator refuses" in " ".join(audit.not_checked)


def test_frozen_estimator_is_refused(image_paths):
    frozen = make_pipeline(FunctionTransformer(brightness), FrozenEstimator(LogisticRegression()))
    with pytest.raises(ValueError, match="FrozenEstimator"):
        audit_images(image_paths, estimator=frozen)


def test_model_that_only_predicts_is_refused_before_files_are_read():
    with pytest.raises(ValueError, match="OnnxClassifier is not, so its"):
        audit_images(["missing.png"], estimator=OnnxClassifier("model.onnx"))


def test_rows_sorted_by_class_are_noted(image_paths):
    found = without_shortcuts(audit_images(image_paths))
    assert found[["kind", "severity"]].to_numpy().tolist() == [["sorted_by_class", "note"]]
    assert found["detail"].item() == ("4 of 5 unshuffled folds of the rows (40 rows) lack a class")
    assert without_shortcuts(audit_images(np.array(image_paths)[ALTERNATING])).empty


def test_split_without_a_class_is_found(image_paths):
    split = np.where(np.arange(40) < 36, "train", "test")
    audit = audit_images(
        np.array(image_paths)[ALTERNATING], split=np.where(ALTERNATING < 36, "train", "test")
    )
    assert without_shortcuts(audit)["kind"].tolist() == ["single_class_split"]
    assert without_shortcuts(audit)["detail"].item() == "test has no NORMAL"
    assert len(without_shortcuts(audit)["paths"].item()) == np.sum(split == "test")
    assert "fewer than 15 patients" in audit.not_checked[0]


def test_unknown_names_are_noted_unless_groups_are_given(tmp_path):
    paths = []
    for i in range(4):
        paths.append(tmp_path / f"scan{i}.png")
        noise(i).save(paths[-1])
    audit = audit_images(paths, y=[0, 1, 0, 1])
    assert audit.findings["kind"].tolist() == ["unknown_names"]
    assert "Pass groups;" in audit.summary()
    with command_line_messages():
        assert "Add --patient-pattern, or --patient beside a --table;" in audit.summary()
    audit = audit_images(paths, y=[0, 1, 0, 1], groups=["a", "a", "b", "b"])
    assert audit.findings.empty
    assert audit.frame["patient"].nunique() == 2
    audit = audit_images(
        paths, y=[0, 1, 0, 1], groups=list("abab"), split=["train", "test", "test", "train"]
    )
    assert audit.findings["kind"].value_counts()["patient_across_splits"] == 2


def test_similar_images_of_one_patient_are_not_a_finding(tmp_path):
    names = ["person1_virus_1.png", "person1_virus_2.png", "person2_virus_3.png"]
    for name in names:
        noise(1 + names.index(name) // 2).save(tmp_path / name)
    noise(1).point(lambda v: v + 3).save(tmp_path / names[1])
    audit = audit_images([tmp_path / name for name in names])
    assert audit.frame["near_duplicate_group"].notna().tolist() == [True, True, False]
    assert audit.findings.empty
    shutil.copy(tmp_path / names[1], tmp_path / names[2])
    audit = audit_images([tmp_path / name for name in names])
    assert audit.findings["kind"].tolist() == ["duplicate", "near_duplicate"]
    assert audit.findings["n_files"].tolist() == [2, 3]


def test_every_fault_of_a_group_of_copies_is_reported(tmp_path):
    paths = [tmp_path / f"person{i}_virus_1.png" for i in range(2)]
    for path in paths:
        noise(0).save(path)
    audit = audit_images(
        paths, y=[0, 1], split=["train", "test"], groups=["a", "b"], near_duplicates=False
    )
    identical = audit.findings[audit.findings["detail"].str.contains("identical")]
    assert identical["kind"].tolist() == ["conflicting_labels", "duplicate_across_splits"]
    assert set(identical["detail"]) == {
        "2 identical files, label 0 and 1, split test and train, 2 patients"
    }


def test_similar_images_of_one_patient_with_different_labels_are_a_conflict(tmp_path):
    paths = [tmp_path / name for name in ("person1_virus_1.png", "person1_virus_2.png")]
    noise(0).save(paths[0])
    noise(0).point(lambda v: v + 4).save(paths[1])
    audit = audit_images(paths, y=[0, 1], groups=["a", "a"])
    assert audit.findings["kind"].tolist() == ["conflicting_labels"]
    assert audit.findings["detail"].item() == "2 similar files, label 0 and 1, 1 patient"
    assert audit_images(paths, y=[1, 1], groups=["a", "a"]).findings.empty


def test_mirrored_copies_are_similar_and_crops_are_not(tmp_path):
    xrays = make_chest_xray(tmp_path / "xrays", n_patients=40, size=SIZE, random_state=0)
    paths = [tmp_path / f"person900{i}_virus_1.jpeg" for i in range(2)]
    with Image.open(xrays.filenames[0]) as image:
        turned = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((120, 90))
        turned.save(paths[0], quality=70)
        image.crop((9, 9, image.width - 9, image.height - 9)).save(paths[1])
    paths = [*xrays.filenames, *map(str, paths)]
    audit = audit_images(paths, split=[""] * len(paths), groups=np.arange(len(paths)))
    similar = audit.findings[audit.findings["detail"].str.contains("similar")]
    assert [set(each) for each in similar["paths"]] == [{paths[0], paths[-2]}]


@pytest.mark.parametrize("nothing", [None, np.nan, "", " "])
@pytest.mark.parametrize("labels", [["NORMAL", "PNEUMONIA"], [0, 1]], ids=["words", "numbers"])
def test_missing_labels_are_found_and_are_not_a_class(image_paths, nothing, labels):
    y = [labels[int(i >= 20)] for i in ALTERNATING]
    y[3] = y[30] = nothing
    paths = np.array(image_paths)[ALTERNATING]
    audit = audit_images(paths, y)
    assert without_shortcuts(audit)[["kind", "severity"]].to_numpy().tolist() == [
        ["missing_label", "error"]
    ]
    assert without_shortcuts(audit)["paths"].item() == [str(paths[3]), str(paths[30])]
    assert without_shortcuts(audit)["detail"].item() == "2 of 40 files without a label"
    assert audit.frame["label"].isna().sum() == 2
    assert audit.counts["images"].sum() == audit.intensities["images"].sum() == 40
    counted = " ".join(f"{n}" for n in audit.frame["label"].value_counts())
    first = labels[0] if isinstance(labels[0], str) else f"of class {labels[0]}"
    assert f"40 images ({counted.split()[0]} {first}, " in audit.summary()
    assert "2 without a label" in audit.summary()
    assert "no label" in audit._repr_html_()


def test_labels_next_to_missing_ones_stay_whole_numbers(image_paths):
    y = np.where(ALTERNATING < 20, 0.0, 1.0)
    y[0] = np.nan
    assert (
        audit_images(np.array(image_paths)[ALTERNATING], y)
        .frame["label"]
        .dropna()
        .isin([0, 1])
        .all()
    )
    assert (
        "19 of class 0, 20 of class 1, 1 without a label"
        in audit_images(np.array(image_paths)[ALTERNATING], y).summary()
    )


@pytest.mark.parametrize("nothing", [None, np.nan, ""])
def test_missing_patients_are_named_and_count_as_separate_patients(image_paths, nothing):
    groups = [f"p{i}" for i in range(40)]
    groups[1] = groups[2] = nothing
    paths = np.array(image_paths)[ALTERNATING]
    split = ["train", "test"] * 20
    audit = audit_images(paths, ["a", "b", "b", "a"] * 10, split, groups=groups)
    assert audit.findings["kind"].tolist()[-1] == "missing_patient"
    missing = audit.findings.iloc[-1]
    assert missing["paths"] == [str(paths[1]), str(paths[2])]
    assert missing["detail"].startswith("2 of 40 files without a patient")
    assert audit.frame["patient"].nunique() == 40
    assert "patient_across_splits" not in set(audit.findings["kind"])


def test_patients_may_all_be_missing(image_paths):
    groups = [None] * len(image_paths)
    audit = audit_images(image_paths, groups=groups, near_duplicates=False)
    assert audit.frame["patient"].nunique() == len(image_paths)
    assert "missing_patient" in set(audit.findings["kind"])


def test_labels_of_text_and_numbers_are_refused(image_paths):
    y = [0, "a"] * (len(image_paths) // 2)
    with pytest.raises(ValueError, match="text, such as 'a', and others that are not, such as 0"):
        audit_images(image_paths, y, near_duplicates=False)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipe_is_a_finding_and_is_not_waited_for(tmp_path):
    pipe = tmp_path / "NORMAL" / "IM-9999-0001.jpeg"
    pipe.parent.mkdir()
    os.mkfifo(pipe)
    audit, failures = None, []

    def look():
        nonlocal audit
        try:
            audit = audit_images([pipe], near_duplicates=False)
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert not failures
    [detail] = audit.findings.query("kind == 'unreadable'")["detail"]
    assert "a regular file" in detail


def test_one_image_is_not_called_images(image_paths):
    summary = audit_images(image_paths[:1], near_duplicates=False).summary()
    assert summary.startswith("1 image (1 ")
    assert ") of 1 patient" in summary
    assert "1 patients" not in summary


def test_patients_of_several_types_are_refused(image_paths):
    with pytest.raises(TypeError, match="types int, str"):
        audit_images(image_paths, groups=[7, "7"] * 20)


@pytest.mark.parametrize("form", [list, np.array, lambda paths: np.array(paths)[:, None]])
def test_all_forms_of_paths(image_paths, form):
    assert len(audit_images(form(image_paths)).frame) == 40


@pytest.mark.parametrize(
    ("mode", "values", "depth"),
    [
        ("1", lambda a: a > 128, 1),
        ("I;16", lambda a: a.astype(np.uint16) * 257, 16),
        ("F", lambda a: a.astype(np.float32) / 1000, 32),
    ],
)
def test_depths_other_than_eight_bits(tmp_path, mode, values, depth):
    pixels = np.asarray(noise(0))
    suffix = "tif" if mode == "F" else "png"
    paths = [tmp_path / f"person{i}_virus_1.{suffix}" for i in range(2)]
    Image.fromarray(values(pixels)).save(paths[0])
    noise(1).save(paths[1])
    frame = audit_images(paths).frame
    assert frame["bit_depth"].tolist() == [depth, 8]
    if mode == "I;16":
        assert frame["mean"][0] == pytest.approx(pixels.mean(), abs=1)


def test_grey_levels_that_use_a_small_part_of_their_range_are_found(tmp_path):
    deep = []
    for i in range(6):
        values = np.asarray(noise(i), np.uint16) * 16
        deep.append(tmp_path / f"person{i}_virus_1.{'png' if i % 2 else 'tiff'}")
        Image.fromarray(values).save(deep[-1])
    faint = tmp_path / "person9_virus_1.png"
    noise(7).point(lambda v: 100 + v // 8).save(faint)
    audit = audit_images([*deep, faint], near_duplicates=False)
    narrow = audit.findings.query("kind == 'narrow_range'")
    assert sorted(path for (path,) in narrow["paths"]) == sorted(map(str, [*deep, faint]))
    assert narrow["detail"].str.contains("12 bits in a file of 16").sum() == 6
    assert "ImageLoader(white=4095)" in audit.summary()
    assert "blank" not in set(audit.findings["kind"])


@pytest.mark.parametrize(
    ("change", "kind", "detail"),
    [
        (ImageOps.invert, "inverted", "inverted"),
        (lambda image: image.rotate(90, expand=True), "rotated", "to the left"),
        (lambda image: image.rotate(-90, expand=True), "rotated", "to the right"),
        (lambda image: image.rotate(180), "rotated", "upside down"),
    ],
)
def test_an_image_unlike_the_majority_is_inverted_or_rotated(
    xrays, tmp_path, change, kind, detail
):
    paths = list(xrays.filenames)
    changed = tmp_path / "person9999_virus_1.png"
    change(Image.open(paths[3]).convert("L")).save(changed)
    audit = audit_images([*paths[:3], changed, *paths[4:]], near_duplicates=False)
    (found,) = audit.findings.query("kind in ('inverted', 'rotated')").itertuples()
    assert (found.kind, found.paths) == (kind, [str(changed)])
    assert detail in found.detail


def test_inverted_images_are_those_unlike_the_majority(xrays, tmp_path):
    paths = []
    for i, source in enumerate(xrays.filenames[:20]):
        image = Image.open(source).convert("L")
        paths.append(tmp_path / f"person{i}_virus_1.png")
        (image if i == 5 else ImageOps.invert(image)).save(paths[-1])
    audit = audit_images(paths, near_duplicates=False)
    (found,) = audit.findings.query("kind == 'inverted'")["paths"]
    assert found == [str(paths[5])]


def test_few_images_have_no_majority(image_paths):
    audit = audit_images(image_paths[:5], near_duplicates=False)
    assert any("inverted and rotated" in reason for reason in audit.not_checked)


@pytest.mark.parametrize(
    ("suffix", "bottom", "found"),
    [("tiff", 0.1, True), ("tiff", 0.005, False), ("png", 0.1, False)],
)
def test_flat_tails_are_found_where_a_format_has_no_checksum(
    image_paths, tmp_path, suffix, bottom, found
):
    pixels = np.asarray(Image.open(image_paths[0]).convert("L")).copy()
    pixels[int(len(pixels) * (1 - bottom)) :] = 0
    pixels[0, 0] = 255  # an image with bars has one above as well
    path = tmp_path / f"person1_virus_1.{suffix}"
    Image.fromarray(pixels).save(path)
    audit = audit_images([path], near_duplicates=False)
    assert ("flat_tail" in set(audit.findings["kind"])) == found


def save_two_pages(path):
    Image.new("L", (9, 9)).save(path, save_all=True, append_images=[noise(0)])


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("drawing.jpeg", lambda path: path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")),
        ("other.jpg", lambda path: noise(0).save(path, "WEBP")),
        ("other.jpg", lambda path: noise(0).save(path, "BMP")),
        ("other.jpg", lambda path: noise(0).save(path, "JPEG2000")),
        ("two.tiff", save_two_pages),
        ("deep.tiff", lambda path: Image.new("F", (9, 9), 300.0).save(path)),
        ("bomb.png", lambda path: path.write_bytes(png_header(60_000, 60_000))),
    ],
)
def test_files_that_the_loader_refuses_are_findings_with_its_reason(tmp_path, name, write):
    path = tmp_path / name
    write(path)
    audit = audit_images([path], near_duplicates=False)
    with pytest.raises(UnreadableImagesError) as caught:
        ImageLoader(cache=False).transform([path])
    (reason,) = caught.value.failures.values()
    (detail,) = audit.findings.query("kind in ('unreadable', 'truncated')")["detail"]
    assert str(reason) in detail


def png_header(width, height):
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    checksum = struct.pack(">I", zlib.crc32(chunk))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + checksum


def test_palettes_and_alpha_do_not_count_as_colour(tmp_path):
    paths = []
    for i, mode in enumerate(("L", "RGB", "RGBA", "P", "LA")):
        paths.append(tmp_path / f"person{i}_virus_1.png")
        noise(0).convert(mode).save(paths[-1])
    audit = audit_images(paths)
    assert not audit.frame["coloured"].any()
    # The same image, however it is stored.
    assert audit.findings[["kind", "n_files"]].to_numpy().tolist() == [["duplicate", 5]]


def test_missing_optional_packages_are_named(image_paths, monkeypatch):
    monkeypatch.setattr("skpneumo.audit._duplicates.find_spec", lambda name: None)
    monkeypatch.setitem(__import__("sys").modules, "imagehash", None)
    audit = audit_images(np.array(image_paths)[ALTERNATING])
    assert without_shortcuts(audit).empty
    assert 'pip install "skpneumo[audit]"' in audit.not_checked[0]
    with pytest.raises(ImportError, match=r'pip install "skpneumo\[audit\]"'):
        audit_images(image_paths, near_duplicates=True)
    monkeypatch.setitem(__import__("sys").modules, "cleanlab.filter", None)
    with pytest.raises(ImportError, match=r'pip install "skpneumo\[audit\]"'):
        audit_images(image_paths, estimator=LogisticRegression())


def test_arguments_are_checked(image_paths):
    with pytest.raises(ValueError, match="'hash_distance' parameter"):
        audit_images(image_paths, hash_distance=300)
    with pytest.raises(TypeError, match="single path"):
        audit_images("a.png")
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        audit_images(image_paths, y=[0, 1])


def test_result_does_not_depend_on_threads_or_global_state(image_paths):
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    one, two = (audit_images(image_paths, n_jobs=n) for n in (1, 2))
    assert one.frame.equals(two.frame)
    assert isinstance(one, ImageAudit)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_collection_that_cannot_be_read_at_all(tmp_path):
    audit = audit_images([tmp_path / "IM-0001-0001.jpeg", tmp_path / "IM-0002-0001.jpeg"])
    assert audit.findings["kind"].tolist() == ["unreadable"] * 2
    assert audit.findings["detail"].str.startswith("FileNotFoundError").all()
    audit.to_html(tmp_path / "audit.html")


@pytest.mark.slow
@pytest.mark.real
def test_known_facts_of_the_real_pool(real_data):
    pool = load_chest_xray(real_data / "chest_xray")
    audit = audit_images(pool.filenames, pool.target, pool.split, n_jobs=2)
    patients = audit.frame.groupby("split")["patient"].nunique()
    assert patients.to_dict() == {"train": 3654, "val": 15}
    assert audit.frame["patient"].nunique() == 3669
    assert "3,669 patients; 3,654 in train, 15 in val, none shared" in audit.summary()
    identical = audit.findings[audit.findings["kind"].eq("duplicate")]
    assert len(identical) == 24
    assert identical["n_files"].sum() == 50
    assert set(without_shortcuts(audit)["kind"]) == {"duplicate", "sorted_by_class"}
    separating = {"sharpness", "local contrast", "outer tenth", "everything but the lungs"}
    assert separating <= set(audit.shortcuts.query("auc_low > 0.8")["source"])


def test_dicom_is_audited_like_other_formats(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 4096, (40, 50), dtype=np.uint16)
    good = write_dicom(tmp_path / "good", pixels, bits=12, PhotometricInterpretation="MONOCHROME1")
    short = tmp_path / "short"
    short.write_bytes(Path(good).read_bytes()[:-500])
    tomogram = write_dicom(tmp_path / "tomogram", pixels, bits=12, Modality="CT")
    Image.fromarray(np.rint(255 - pixels / 4095 * 255).astype(np.uint8)).save(
        tmp_path / "copy.png"
    )
    paths = [good, str(short), tomogram, str(tmp_path / "copy.png")]
    audit = audit_images(paths, [0, 1, 0, 1], groups=list("abcd"), near_duplicates=False)
    frame = audit.frame
    assert frame["format"].fillna("").tolist() == ["DICOM", "", "", "PNG"]
    assert frame["bit_depth"].tolist()[0] == 12
    assert (frame["width"][0], frame["height"][0]) == (50, 40)
    assert frame["status"].tolist() == ["ok", "truncated", "unreadable", "ok"]
    assert "of modality CT, not a radiograph" in frame["error"][2]
    assert frame["mean"][0] == pytest.approx(frame["mean"][3], abs=0.1)
    assert "conflicting_labels" in set(audit.findings["kind"])  # the copy has the same pixels


def acquired(n, **columns):
    """Rows of 2 n patients, the first n of them normal, and how they were acquired."""
    frame = pd.DataFrame(
        {
            "path": [f"{i}.dcm" for i in range(2 * n)],
            "label": ["NORMAL"] * n + ["PNEUMONIA"] * n,
            "patient": [f"p{i}" for i in range(2 * n)],
        }
    )
    return frame, acquisition_of(pd.DataFrame(columns))


@pytest.mark.parametrize(
    ("normal", "sick", "kinds"),
    [
        (["PA"] * 20, ["PA"] * 20, []),  # one view for all
        (["PA"] * 20, ["AP"] * 20, ["NORMAL: view PA", "PNEUMONIA: view AP"]),
        (["PA", "AP"] * 10, ["AP"] * 18 + ["PA"] * 2, []),  # as chance would have it
        (["PA", "AP"] * 10, ["LL"] * 20, ["PNEUMONIA: view LL"]),
        ([None, "AP"] * 10, ["PA", None] * 10, []),
        ([None] * 20, ["PA"] * 20, ["NORMAL: view not said", "PNEUMONIA: view PA"]),
    ],
)
def test_a_class_that_comes_mostly_from_one_view_is_found(normal, sick, kinds):
    frame, acquisition = acquired(20, view_position=normal + sick)
    found = acquisition_findings(frame, acquisition)
    assert [finding.detail.split(" in ")[0] for finding in found] == kinds
    for finding in found:
        label = finding.detail.split(":")[0]
        assert set(finding.paths) <= set(frame.loc[frame["label"].eq(label), "path"])


def test_lateral_views_among_others_are_found():
    views = ["PA"] * 20 + ["AP"] * 15 + ["LL", "lateral", "L", "LLD", "ll"]
    frame, acquisition = acquired(20, view_position=views)
    found = lateral_findings(frame, acquisition)
    paths = frame["path"].tolist()
    # One finding for each view, whatever the number of its files.
    assert [finding.paths for finding in found] == [
        [paths[35], paths[39]],
        [paths[36]],
        [paths[37]],
    ]
    assert found[1].detail == "view LATERAL"
    for column in ("View Position", "ViewPosition", "Projection", "Frontal/Lateral"):
        assert len(lateral_findings(*acquired(20, **{column: views}))) == 3
    for views in (["LL"] * 21 + ["PA"] * 19, ["PA"] * 40):
        assert lateral_findings(*acquired(20, view_position=views)) == []
    assert lateral_findings(*acquired(20, manufacturer=["Acme"] * 40)) == []


@pytest.mark.parametrize("dtype", ["Int64", "category", "Float64", "boolean"])
def test_columns_of_any_type_are_read_as_text(dtype):
    column = pd.Series([1, None, 0, 1], dtype="Int64").astype(dtype)
    for name, described in (("Projection", "view"), ("Model", "device")):
        read = acquisition_of(pd.DataFrame({name: column}))[described]
        assert read[1] == "not said"
        assert read[0] == read[3] not in ("", read[2])


def test_the_first_column_with_a_value_is_used():
    filled = {"Frontal/Lateral": ["Frontal", "Lateral"]}
    for empty in (["", ""], [None, None], [np.nan, " "]):
        read = acquisition_of(pd.DataFrame({"view_position": empty} | filled))
        assert read["view"].tolist() == ["Frontal", "Lateral"]
    read = acquisition_of(pd.DataFrame({"view_position": ["PA", None]} | filled))
    assert read["view"].tolist() == ["PA", "not said"]
    both = acquisition_of(pd.DataFrame({"Model": ["A", "A"], "model": ["B", "B"]}))
    assert both["device"].tolist() == ["A", "A"]
    assert acquisition_of(pd.DataFrame({"model": [None]}))["device"].tolist() == ["not said"]


def test_a_device_is_manufacturer_and_model_and_patients_count_once():
    makers, models = ["Acme"] * 40, ["Ray 1"] * 20 + ["Ray 2"] * 20
    frame, acquisition = acquired(20, manufacturer=makers, model=models)
    (first, second) = acquisition_findings(frame, acquisition)
    assert first.detail == (
        "NORMAL: device Acme Ray 1 in 100% of 20 patients, and in 0% of the 20 of other classes"
    )
    assert len(second.paths) == 20
    frame["patient"] = ["p1"] * 20 + ["p2"] * 20  # two patients are an accident
    assert not acquisition_findings(frame, acquisition)


def test_views_and_devices_are_read_from_dicom_headers(tmp_path):
    rng = np.random.default_rng(0)
    paths = []
    for i in range(40):
        path = tmp_path / ("NORMAL" if i < 20 else "PNEUMONIA") / f"IM{i}"
        path.parent.mkdir(exist_ok=True)
        view, maker = ("PA", "Acme") if i < 20 else ("AP", "Acme")
        paths.append(
            write_dicom(
                path,
                rng.integers(0, 256, (40, 40), dtype=np.uint8),
                ViewPosition=view,
                Manufacturer=maker,
                PatientID=f"4711-{i}",
            )
        )
    audit = audit_images(paths, near_duplicates=False)
    found = audit.findings[audit.findings["kind"].eq("acquisition")]
    assert {detail.split(" in ")[0] for detail in found["detail"]} == {
        "NORMAL: view PA",
        "PNEUMONIA: view AP",
    }
    assert "4711" not in audit.summary() + audit.frame.to_string()
    table = pd.DataFrame({"path": paths, "view_position": "PA"})  # overrides the file headers
    assert "acquisition" not in set(audit_images(table, near_duplicates=False).findings["kind"])


def test_views_and_devices_are_read_from_a_table(image_paths):
    table = pd.DataFrame({"path": image_paths, "view_position": ["PA"] * 20 + ["AP"] * 20})
    table = table.iloc[ALTERNATING]
    audit = audit_images(table, near_duplicates=False)
    (row,) = audit.findings[
        audit.findings["detail"].str.startswith("NORMAL: view PA")
    ].itertuples()
    assert (row.kind, row.severity, row.n_files) == ("acquisition", "warning", 20)
    assert set(row.paths) == {str(path) for path in image_paths[:20]}
    without = audit_images(table["path"], near_duplicates=False)
    assert "acquisition" not in set(without.findings["kind"])
