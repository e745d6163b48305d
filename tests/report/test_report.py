import html as html_module
import os
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from skpneumo import ImageLoader, make_pipeline
from skpneumo._page_style import N_COLUMNS_OF_WIDE_TABLE
from skpneumo.audit import audit_images
from skpneumo.audit._findings import Finding, findings_frame
from skpneumo.datasets import UnknownPatientsWarning, patient_ids
from skpneumo.decision import InputGate, RecallFloorClassifier
from skpneumo.evaluation import ThresholdDisplay, evaluate
from skpneumo.report import EvaluationReport
from skpneumo.report._collection import Collection
from skpneumo.report._context import ReportContext, Settings
from skpneumo.report._decisions import predict_and_find_rule
from skpneumo.report._figures import figures_of, training_curves
from skpneumo.report._flow import flow
from skpneumo.report._images import sample_images
from skpneumo.report._markup import bullets, callout, paragraph
from skpneumo.report._metric_cards import judgement_of, metric_cards
from skpneumo.report._operating_point import guarantee_table, operating_point
from skpneumo.report._provenance import checksum_of, parameters
from skpneumo.report._sections import (
    data_card,
    limits,
    metrics,
    protocol,
    subgroups,
    summary,
)
from skpneumo.report._title import title_of
from skpneumo.report._wording import indented_code

SECTIONS = [
    "summary", "data", "flow", "protocol", "operating-point", "metrics", "prevalence", "figures",
    "subgroups", "training", "images", "errors", "model-card", "checklist", "limits",
    "reproduction",
]  # fmt: skip

NEVER_CLOSED = {"meta", "link", "img", "br", "wbr"}


class Page(HTMLParser):
    """The parts of a page that matter to a browser or a screen reader."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.styles, self.headings, self.open = [], [], [], []
        self.faults = []
        self.feed(html)
        self.close()
        assert not self.faults, self.faults
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))
        if tag not in NEVER_CLOSED:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()} closes nothing")

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.styles.append(data)
        elif self.open and re.fullmatch("h[1-6]", self.open[-1]):
            level, text = self.headings[-1]
            self.headings[-1] = level, text + data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def text_of(html):
    import html as entities

    return entities.unescape(re.sub("<[^>]+>", " ", html)).replace("\N{NO-BREAK SPACE}", " ")


def bodies_of(report):
    return {name: body for name, _, body in report.sections}


def as_rows(images):
    return images.reshape(len(images), -1) / 255


def pixel_model(**parameters):
    return make_pipeline(
        ImageLoader(size=(8, 8)), FunctionTransformer(as_rows), LogisticRegression(**parameters)
    )


@pytest.fixture(scope="module")
def model(xrays):
    train = xrays.split != "test"
    return pixel_model(C=10, max_iter=1000).fit(xrays.filenames[train], xrays.target[train])


class Scores(ClassifierMixin, BaseEstimator):
    """Classifier whose only feature is its probability."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.hstack([1 - X, X])

    def predict(self, X):
        return self.classes_[(X[:, 0] >= 0.5).astype(int)]


def report_on(model, xrays, y=None, **options):
    options = {
        "split": xrays.split,
        "target_names": xrays.target_names,
        "n_resamples": 100,
        "date": "2026-01-01",
    } | options
    return EvaluationReport.from_estimator(
        model, xrays.filenames, xrays.target if y is None else y, **options
    )


def case_of(estimator, X, y, *, part="test", **options):
    """The facts of a report, without figures."""
    choices = {"pos_label": None, "threshold": None, "target_names": None, "audit": False}
    groups, split = options.pop("groups", None), options.pop("split", None)
    collection = Collection.of(X, y, split, groups, part)
    settings = Settings(0.95, 100, 0, "2026-01-01", "", {})
    return ReportContext.of(estimator, collection, settings, **choices | options)


@pytest.fixture(scope="module")
def report(model, xrays):
    return report_on(
        model, xrays, description="Drawn <i>by</i> us.", provenance={"model file": "a&b.joblib"}
    )


@pytest.fixture(scope="module")
def html(report, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    report.to_html(path)
    return path.read_text("utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


@pytest.fixture(scope="module")
def features():
    """Features, labels and a model fitted on the first half."""
    X, y = make_classification(240, class_sep=0.6, random_state=0)
    return X, y, LogisticRegression().fit(X[:120], y[:120]), np.repeat(["train", "test"], 120)


def test_page_has_all_sections_and_leads_to_each(page, html):
    assert [level for level, _ in page.headings[:2]] == [1, 2]
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert [name for name in ids if name in SECTIONS] == SECTIONS
    linked = [a["href"].removeprefix("#") for a in page.all("a")]
    contents, items = linked[: len(SECTIONS)], linked[len(SECTIONS) :]
    assert contents == SECTIONS
    assert set(items) <= set(SECTIONS)
    for said in (
        "not a medical device",
        "Nobody chose the threshold",
        "no history",
        "SHA-256",
        "scikit-learn",
        "a&b.joblib",
        "Drawn <i>by</i> us.",
        "LogisticRegression(C=10, max_iter=1000)",
        "2026-01-01",
    ):
        assert said in text_of(html), said


def assert_self_contained(page, html):
    loading = ("src", "href", "xlink:href", "srcset", "poster", "data", "action")
    for tag, attributes in page.elements:
        for name in loading:
            address = attributes.get(name) or ""
            assert address.startswith(("#", "data:")) or not address, (tag, address)
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        assert tag not in {"script", "iframe", "object", "embed", "base", "form"}
        for address in re.findall(r"url\(([^)]*)\)", str(attributes)):
            assert address.startswith("#")
    for style in page.styles:
        assert "url(" not in style
        assert "@import" not in style
    assert len(html) < 5e6


def test_page_loads_no_other_files(page, html):
    assert_self_contained(page, html)


def test_pictures_have_their_marks_within_the_page(page):
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    used = {
        attributes[name].removeprefix("#")
        for _, attributes in page.elements
        for name in ("xlink:href", "clip-path")
        if attributes.get(name, "").startswith("#")
    }
    clips = {
        match
        for _, attributes in page.elements
        for match in re.findall(r"url\(#([^)]*)\)", str(attributes))
    }
    assert used
    assert clips
    assert used | clips <= ids


def test_page_can_be_read_without_seeing_it(page):
    assert page.all("html")[0]["lang"] == "en"
    assert all(image["alt"] for image in page.all("img"))
    drawings = page.all("svg")
    assert len(drawings) == 8
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in drawings)
    assert page.all("th")
    assert all(cell.get("scope") in {"row", "col"} for cell in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    levels = [level for level, _ in page.headings]
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_pictures_are_legible_on_light_and_dark(report):
    figures = bodies_of(report)["figures"]
    assert "currentColor" in figures
    assert not re.search(r"(fill|stroke): (#000000|#111111|black)", figures)
    assert "<text" not in figures  # letters are shapes, whatever fonts the reader has


def test_figures_are_those_of_evaluate(report, model, xrays, html):
    test = xrays.split == "test"
    expected = evaluate(model, xrays.filenames[test], xrays.target[test], n_resamples=100)
    assert report.frame.equals(expected)
    said = text_of(html)
    for row in expected.dropna().itertuples():
        low, high = (
            f"{bound:.3f}".replace("inf", "\N{INFINITY}") for bound in (row.low, row.high)
        )
        value = f"{row.value:.3f}".replace("inf", "\N{INFINITY}")
        assert f"{value} [{low}, {high}]" in said, row
    recall = report.frame.iloc[1]
    assert repr(report).startswith(
        f"<EvaluationReport of 2026-01-01: recall {recall.value:.3f} [{recall.low:.3f}, "
        f"{recall.high:.3f}] ({recall.n} images, {recall.n_patients} patients), specificity "
    )


def test_every_row_of_figures_has_its_number_of_images(model, xrays):
    test = xrays.split == "test"
    context = case_of(model, xrays.filenames, xrays.target, split=xrays.split)
    body = metrics(context).body + subgroups(context).body + operating_point(context).body
    rows = re.findall(r"<tr><th scope=\"row\".*?</tr>", body)
    with_interval = [row for row in rows if "[" in text_of(row)]
    assert len(with_interval) > 15
    for row in with_interval:
        numbers = [int(n) for n in re.findall(r'class="number"[^>]*>(\d+)<', row)]
        assert len(numbers) == 2
        assert 0 < numbers[1] <= numbers[0] <= test.sum()


def test_data_card_counts_images_and_patients(report, xrays):
    counts = report.counts
    assert counts.columns.tolist() == ["split", "class", "etiology", "images", "patients"]
    assert counts["images"].sum() == len(xrays.target)
    bacteria = counts.query("split == 'train' and etiology == 'bacteria'").iloc[0]
    rows = (xrays.split == "train") & (xrays.etiology == "bacteria")
    assert bacteria["images"] == rows.sum()
    assert bacteria["patients"] == len(set(xrays.groups[rows]))
    assert bacteria["class"] == "PNEUMONIA"
    assert report.relations["part"].tolist() == ["train", "val", "test"]
    assert report.relations["patients shared"].dropna().tolist() == [0, 0]
    assert report.audit is not None


def test_a_file_in_several_findings_of_a_kind_counts_once(model, xrays):
    found = [
        Finding("shortcut", xrays.filenames[:10].tolist(), "by its text"),
        Finding("shortcut", xrays.filenames[4:14].tolist(), "by its border"),
    ]
    audit = audit_images(xrays.X, xrays.target, xrays.split, open_files=False)
    audit = replace(audit, findings=findings_frame(found))
    context = case_of(model, xrays.X, xrays.target, split=xrays.split, audit=audit)
    assert " warning 2 14 " in re.sub(" +", " ", text_of(data_card(context).body))


def test_page_is_the_same_every_time(model, xrays, html, tmp_path):
    with mpl.rc_context({"text.color": "red", "lines.linewidth": 9, "font.size": 30}):
        again = report_on(
            model,
            xrays,
            description="Drawn <i>by</i> us.",
            provenance={"model file": "a&b.joblib"},
        )
    again.to_html(tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text("utf-8") == html
    assert again._repr_html_().startswith('<div class="skpneumo-page"><style>')


def test_names_of_files_and_classes_cannot_break_the_page(tmp_path):
    hostile = "<img src=x onerror=alert(1)>&\"'$\\x$.png"
    paths, y = [], np.tile([0, 1], 8)
    for row, label in enumerate(y):
        path = tmp_path / f"{row} {hostile}"
        Image.fromarray(np.full((20, 20), 40 + 10 * row + 90 * label, np.uint8)).save(path)
        paths.append(str(path))
    model = pixel_model().fit(paths, y)
    report = EvaluationReport.from_estimator(
        model,
        paths,
        1 - y,  # every image is an error, and in the gallery
        groups=range(16),
        target_names=["</style><b>$\\frac", "<script>alert(2)</script>"],
        description="</pre><script>alert(3)</script>",
        provenance={"<b>": "<script>"},
        n_resamples=20,
    )
    report.to_html(tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text("utf-8")
    page = Page(html)
    assert_self_contained(page, html)
    assert "&lt;img src=x onerror=alert(1)&gt;&amp;&quot;&#x27;$" in html
    assert any(hostile in image["alt"] for image in page.all("img"))


def test_page_of_file_names_that_are_not_utf_8(xrays, tmp_path):
    paths, y = [], np.tile([0, 1], 8)
    for row, path in enumerate(xrays.filenames[:16]):
        paths.append(str(tmp_path / os.fsdecode(b"film\xe9%d.jpeg" % row)))
        shutil.copy(path, paths[-1])
    model = pixel_model().fit(paths, y)
    report = EvaluationReport.from_estimator(model, paths, 1 - y, groups=range(16), n_resamples=20)
    report._repr_html_().encode("utf-8")
    page = tmp_path / "report.html"
    page.write_text("earlier")
    report.to_html(page)
    assert re.search(r"film\\udce9\d+\.jpeg", page.read_text("utf-8"))
    assert [path.name for path in tmp_path.glob("*.html")] == ["report.html"]


def test_history_of_the_training_is_drawn(model):
    class Remembering(LogisticRegression):
        history_ = {"loss": [0.7, 0.5], "val_loss": [0.7, 0.6], "val_recall": [0.5, 0.8]}  # noqa: RUF012

    drawn = training_curves(make_pipeline(ImageLoader(), Remembering()))
    assert 'aria-label="Course of the training"' in drawn
    assert training_curves(model) == "<p>Left out: the model has no history of its training.</p>"
    Remembering.history_ = {"loss": [0.7]}
    once = training_curves(make_pipeline(ImageLoader(), Remembering()))
    assert once.startswith("<p>Left out: it was trained for one epoch")


# The average precision of nothing but positives takes an interval from no negatives.
@pytest.mark.parametrize(("label", "lacking"), [(0, "PNEUMONIA"), (1, "NORMAL")])
def test_single_class_leaves_gaps(model, xrays, label, lacking):
    rows = xrays.target == label
    context = case_of(
        model, xrays.filenames[rows], xrays.target[rows], target_names=xrays.target_names
    )
    drawn = text_of(figures_of(context))
    assert drawn.count(f"there are no images of {lacking}.") == 6
    assert "Metrics at other thresholds" in drawn
    tiles = re.sub(r"\s+", " ", text_of(summary(context).body))
    for said in (text_of(metrics(context).body), tiles):
        assert "nan" not in said
        assert re.search(r"undefined:? +(none|all) of the \d+ images (is|are) positive", said)
    assert "ROC AUC undefined none of" in tiles or "ROC AUC undefined all of" in tiles


def test_string_labels(xrays):
    labels = np.array(xrays.target_names, dtype=object)[xrays.target]
    train = xrays.split != "test"
    model = pixel_model(C=10, max_iter=1000).fit(xrays.filenames[train], labels[train])
    context = case_of(model, xrays.filenames, labels, split=xrays.split)
    assert context.names == ("NORMAL", "PNEUMONIA")
    assert "PNEUMONIA (positive)" in text_of(summary(context).body)


def test_plain_features_have_no_images_but_all_figures(features, tmp_path):
    X, y, model, split = features
    report = EvaluationReport.from_estimator(model, X, y, split=split, n_resamples=20)
    bodies = {name: text_of(body) for name, body in bodies_of(report).items()}
    assert report.audit is None
    assert "the data are not files" in bodies["data"]
    assert "each row counts as one" in bodies["data"]
    assert "the data are not images" in bodies["images"] + bodies["errors"]
    assert "There are none" in bodies["subgroups"]
    assert "Patients are unknown" in bodies["limits"]
    report.to_html(tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text("utf-8")
    assert_self_contained(Page(html), html)


def test_images_in_memory_are_shown_if_they_can_be(xrays):
    images = ImageLoader(size=(16, 16)).transform(xrays.filenames)
    model = make_pipeline(FunctionTransformer(as_rows), LogisticRegression())
    model.fit(images, xrays.target)
    context = case_of(model, images, xrays.target)
    assert sample_images(context).count("<img") == 12
    assert context.collection.patients_from == "read from the file names"
    bare = case_of(model, np.asarray(images, float), xrays.target, groups=xrays.groups)
    assert "float64, not uint8" in sample_images(bare)
    assert bare.collection.patients_from == "given with the data"


def test_patients_read_from_file_names_are_not_called_given(xrays):
    for X, groups in ((xrays.X, None), (xrays.filenames, xrays.groups)):
        read = Collection.of(X, xrays.target, None, groups, None)
        assert read.patients_from == "read from the file names"
    others = np.arange(len(xrays.target)) // 2
    given = Collection.of(xrays.filenames, xrays.target, None, others, None)
    assert given.patients_from == "given with the data"


@pytest.mark.parametrize("n_known", [0, 3])
def test_unknown_patients_are_missing_data_also_if_they_are_passed_on(n_known, xrays, tmp_path):
    names = [tmp_path / f"{number}.jpeg" for number in "abcdef"]
    for row in range(n_known):
        names[row] = tmp_path / f"person{row}_virus_{row}.jpeg"
    for path, drawn in zip(names, xrays.filenames, strict=False):
        shutil.copy(drawn, path)
    with pytest.warns(UnknownPatientsWarning):
        groups = patient_ids(names)
    y = np.array([0, 1] * 3)
    for selected in (groups, list(groups), pd.Series(groups, dtype=object)):
        context = case_of(pixel_model().fit(names, y), names, y, groups=selected, audit=True)
        said = re.sub(r"\s+", " ", text_of(flow(context).body))
        assert f"patient {6 - n_known} counted as one patient each" in said
        assert "unknown" in context.collection.patients_from
        assert "given" not in context.collection.patients_from
        assert ("Patients are unknown" in limits(context).body) == (n_known == 0)
        assert "unknown_names" in set(context.audit.findings["kind"]) or n_known
    distinct = case_of(pixel_model().fit(names, y), names, y, groups=range(6))
    assert distinct.collection.n_unknown_patients == 0
    assert distinct.collection.patients_from == "given with the data"


def test_title_names_model_data_and_day(xrays, html, features):
    assert "<title>a&amp;b.joblib (LogisticRegression) on " in html
    assert f"on {os.path.basename(xrays.root)} (test), 2026-01-01</title>" in html
    X, y, _, _ = features
    frozen = FrozenEstimator(LogisticRegression().fit(X, y))
    screening = RecallFloorClassifier(frozen, recall=0.5).fit(X, y)
    assert title_of(case_of(screening, X, y)) == (
        f"RecallFloorClassifier of LogisticRegression on {len(y)} rows, 2026-01-01"
    )


def test_wide_tables_say_the_column_in_each_cell(html):
    tables = re.findall("<table>.*?</table>", html, re.DOTALL)
    columns = [re.findall('<th scope="col"[^>]*>([^<]*)', table) for table in tables]
    wide = [k for k, names in enumerate(columns) if len(names) >= N_COLUMNS_OF_WIDE_TABLE]
    assert len(wide) > 4
    for k in wide:
        rows = re.findall("<tr><th scope=.row.*?</tr>", tables[k])
        assert rows
        assert all(re.findall('data-of="([^"]+)"', row) == columns[k] for row in rows)


def test_commands_in_sentences_are_code_on_the_page():
    for html in (paragraph("`fit <x>` is one."), bullets(["`fit <x>` is one."])):
        assert "<code>fit &lt;x&gt;</code> is one." in html
    assert "<code>fit</code>" in callout("note", "Fit", "By `fit`.")


def test_title_passes_over_a_folder_that_nobody_named(features):
    X, y, _, _ = features
    context = case_of(LogisticRegression().fit(X, y), X, y)
    files = [os.path.join(os.sep, ".skpneumo-x1.tmp", f"{k}.png") for k in range(len(y))]
    collection = replace(context.collection, filenames=np.array(files, dtype=object))
    assert f" on {len(y)} images, " in title_of(replace(context, collection=collection))


@pytest.mark.parametrize("split", ["known", ""])
@pytest.mark.parametrize("below", ["test/NORMAL", "val", ""])
def test_title_names_the_collection_and_the_split_that_its_folder_says(features, below, split):
    X, y, _, _ = features
    files = [os.path.join(os.sep, "my.xrays", below, f"{k}.png") for k in range(len(y))]
    context = case_of(LogisticRegression().fit(X, y), X, y, target_names=["NORMAL", "PNEUMONIA"])
    collection = replace(
        context.collection,
        filenames=np.array(files, dtype=object),
        labels=np.zeros(len(y), dtype=int) if "NORMAL" in below else y,
        split=np.full(len(y), split and ("test" if "test" in below else "val"), dtype=object),
    )
    named = f" ({below.partition('/')[0]})" if below else ""
    assert f" on my.xrays{named}, " in title_of(replace(context, collection=collection))


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ([0.1] * 40 + [0.9] * 40, {"recall": "good", "specificity": "good", "roc_auc": "good"}),
        ([0.9] * 80, {"recall": "error", "specificity": "error", "roc_auc": "error"}),
        (
            [0.1] * 40 + [0.9] * 34 + [0.2] * 6,
            {"recall": "warning", "specificity": "good", "roc_auc": "good"},
        ),
        ([0.1] * 40 + [0.9] * 20 + [0.2] * 20, {"recall": "error", "specificity": "good"}),
    ],
    ids=["right", "all positive", "some missed", "half missed"],
)
def test_cards_are_coloured_by_what_they_mean(score, expected):
    y = np.repeat([0, 1], 40)
    context = case_of(Scores().fit(None, y), np.array(score)[:, None], y, groups=np.arange(80))
    for metric, severity in expected.items():
        assert judgement_of(context, metric)[0] == severity
    assert metric_cards(context).count('-card">') == 3


def test_results_on_training_images_are_not_coloured_as_good():
    y = np.repeat([0, 1], 40)
    score = np.array([0.1] * 40 + [0.9] * 40)[:, None]
    context = case_of(Scores().fit(None, y), score, y, groups=np.arange(80))
    settings = replace(context.settings, seen_in_training=np.arange(80) < 3)
    severity, words = judgement_of(replace(context, settings=settings), "roc_auc")
    assert severity == "note"
    assert words.endswith("but 3 of 80 images were seen in training")
    none_seen = replace(context.settings, seen_in_training=np.zeros(80, dtype=bool))
    assert judgement_of(replace(context, settings=none_seen), "roc_auc")[0] == "good"


def test_a_guaranteed_floor_decides_the_colour_of_recall(features):
    X, y, _, _ = features
    frozen = FrozenEstimator(LogisticRegression().fit(X, y))
    # Surer than the interval, which is two-sided, so that all of it lies above the floor.
    screening = RecallFloorClassifier(frozen, recall=0.5, confidence=0.995).fit(X, y)
    context = case_of(screening, X, y)
    severity, words = judgement_of(context, "recall")
    assert severity == "good"
    assert "the guaranteed floor of 0.5" in words


@pytest.mark.parametrize(
    ("estimator", "threshold", "said"),
    [
        (LogisticRegression(), 0.5, "Nobody chose the threshold"),
        (LinearSVC(), 0.0, "sign of its score"),
        (FixedThresholdClassifier(LogisticRegression(), threshold=0.3), 0.3, "set by hand"),
        (TunedThresholdClassifierCV(LogisticRegression(), scoring="f1"), None, "best for 'f1'"),
        (
            RecallFloorClassifier(LogisticRegression(), recall=0.7),
            None,
            "recall of patients of at least 0.7 with confidence 0.95",
        ),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else None,
)
@pytest.mark.filterwarnings("ignore::skpneumo.datasets.UnknownPatientsWarning")
def test_threshold_and_who_chose_it(features, estimator, threshold, said):
    X, y, _, split = features
    estimator = make_pipeline(FunctionTransformer(), estimator).fit(X[:120], y[:120])
    context = case_of(estimator, X, y, split=split)
    assert said in context.rule.origin
    chosen = getattr(estimator[-1], "threshold_", getattr(estimator[-1], "best_threshold_", None))
    assert context.rule.threshold == (chosen if threshold is None else threshold)
    assert np.array_equal(context.predictions.predicted, estimator.predict(X[120:]) == 1)
    assert (context.rule.floor_classifier is not None) == (
        "RecallFloorClassifier chose" in context.rule.origin
    )


@pytest.mark.parametrize("pos_label", [1, [1]])
def test_threshold_on_the_scores_of_the_other_class_is_not_shown(pos_label):
    # No score lies between 0.3 and 0.7, so that both would give these decisions.
    X, y = np.repeat([[-9.0], [9.0]], 20, axis=0), np.repeat([0, 1], 20)
    model = FixedThresholdClassifier(LogisticRegression(), threshold=0.3, pos_label=0).fit(X, y)
    assert case_of(model, X, y).rule.threshold == 0.3
    rule = case_of(model, X, y, pos_label=pos_label).rule
    assert rule.threshold is None
    assert "whose threshold, 0.3, is on the scores of the other class" in rule.origin


def test_given_threshold_is_used(features):
    X, y, model, split = features
    context = case_of(model, X, y, split=split, threshold=0.8)
    assert np.array_equal(context.predictions.predicted, model.predict_proba(X[120:])[:, 1] >= 0.8)
    assert "given for this report" in context.rule.origin


class CountingLoader(ImageLoader):
    """Counts the images that it reads."""

    n_read = 0

    def transform(self, X):
        CountingLoader.n_read += len(X)
        return super().transform(X)


def counted(xrays, y):
    """A model that counts what it reads."""
    model = make_pipeline(
        CountingLoader(size=(8, 8)), FunctionTransformer(as_rows), LogisticRegression()
    )
    return model.fit(xrays.filenames, y)


def test_explained_images_are_read_and_predicted_once(xrays, monkeypatch):
    def twice(*args, **kwargs):
        raise AssertionError("predicted a second time")

    monkeypatch.setattr("skpneumo.explanation._report.predictions_of", twice)
    monkeypatch.setattr("skpneumo.explanation.displays._gallery.predictions_of", twice)
    frozen = FrozenEstimator(counted(xrays, xrays.target))
    model = FixedThresholdClassifier(frozen, threshold=0.4).fit(xrays.filenames, xrays.target)
    CountingLoader.n_read = 0
    report = report_on(model, xrays, audit=False, explain=True)
    assert CountingLoader.n_read == np.sum(xrays.split == "test")
    names = [name for name, *_ in report.sections]
    assert names == [*SECTIONS[:-4], "explanation", *SECTIONS[-4:]]
    body = bodies_of(report)["explanation"]
    assert "share from outside the chest" in body
    assert body.count('<svg role="img"') == 1
    plain = report_on(model, xrays, audit=False)
    assert report.frame.equals(plain.frame)
    assert (report.threshold, report.threshold_origin) == (0.4, plain.threshold_origin)
    assert bodies_of(report)["errors"] == bodies_of(plain)["errors"]


def test_classes_taken_together_are_explained_together(xrays):
    names = ["normal", "bacteria", "virus"]
    y = np.array([names.index(each) for each in xrays.etiology])
    model = counted(xrays, y)
    options = {"pos_label": [1, 2], "audit": False, "target_names": names}
    CountingLoader.n_read = 0
    plain = report_on(model, xrays, y, **options)
    assert CountingLoader.n_read == np.sum(xrays.split == "test")
    report = report_on(model, xrays, y, explain=True, **options)
    assert CountingLoader.n_read == 2 * np.sum(xrays.split == "test")
    assert report.frame.equals(plain.frame)
    assert "other chests, log odds" in bodies_of(report)["explanation"]


def test_models_that_cannot_be_explained_are_refused(features, model, xrays):
    X, y, linear, split = features
    with pytest.raises(ValueError, match="no images to explain"):
        EvaluationReport.from_estimator(linear, X, y, split=split, explain=True)
    few = np.r_[np.flatnonzero(xrays.target == 0)[:3], np.flatnonzero(xrays.target == 1)[:1]]
    with pytest.raises(ValueError, match="y has 1 positive images"):
        EvaluationReport.from_estimator(
            model, xrays.filenames[few], xrays.target[few], audit=False, explain=True
        )


def test_history_of_several_trainings_is_left_out():
    X, y = make_classification(40, random_state=0)
    pair = [("a", LogisticRegression()), ("b", LogisticRegression())]
    voting = VotingClassifier(pair, voting="soft").fit(X, y)
    assert "several classifiers, which were trained separately" in training_curves(voting)


class Contrary(ClassifierMixin, BaseEstimator):
    """Classifier that decides against its own probabilities, or has none."""

    classes_ = np.array([0, 1])

    def __init__(self, with_scores=True):
        self.with_scores = with_scores

    def fit(self, X, y):
        return self

    def predict(self, X):
        return (X[:, 0] < 0).astype(int)

    def __getattr__(self, name):
        if name == "predict_proba" and self.__dict__.get("with_scores"):
            return lambda X: np.column_stack([X[:, 0] < 0, X[:, 0] >= 0]).astype(float)
        raise AttributeError(name)


def test_decisions_without_a_threshold_are_described_as_such(features):
    X, y, _, split = features
    context = case_of(Contrary(), X, y, split=split)
    assert context.rule.threshold is None
    assert "follow no known threshold on its scores" in context.rule.origin
    assert context.found["recall"].value == np.mean(X[120:][y[120:] == 1, 0] < 0)
    assert "Metrics at other thresholds" in figures_of(context)


def test_model_without_scores_leaves_gaps(features):
    X, y, _, split = features
    report = EvaluationReport.from_estimator(Contrary(False), X, y, split=split)
    bodies = {name: text_of(body) for name, body in bodies_of(report).items()}
    assert bodies["figures"].count("the model has no scores.") == 6
    assert "no scores to find the worst errors by" in bodies["errors"]
    assert "needs scores" in bodies["metrics"]
    assert report.threshold is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", report.date)  # today, where none is given


def test_classes_can_be_taken_together(xrays):
    train = xrays.split != "test"
    etiology = np.array(["normal", "bacteria", "virus"])
    y = np.array([etiology.tolist().index(each) for each in xrays.etiology])
    model = pixel_model().fit(xrays.filenames[train], y[train])
    context = case_of(
        model, xrays.filenames, y, split=xrays.split, pos_label=[1, 2], target_names=etiology
    )
    proba = model.predict_proba(xrays.filenames[~train])
    assert context.names == ("normal", "bacteria or virus")
    np.testing.assert_allclose(context.predictions.score, proba[:, 1:].sum(axis=1))
    assert np.array_equal(context.predictions.predicted, proba.argmax(axis=1) > 0)
    assert "most probable of its classes" in context.rule.origin
    with pytest.raises(ValueError, match=r"has \[7\], but the classes are"):
        case_of(model, xrays.filenames, y, split=xrays.split, pos_label=[1, 7])
    with pytest.raises(ValueError, match=r"labels \[9\]"):
        case_of(model, xrays.filenames, np.full(len(y), 9), pos_label=[1, 2])
    with pytest.raises(ValueError, match="No positive class is given"):
        case_of(model, xrays.filenames, y, pos_label=[])
    with pytest.raises(ValueError, match="leave no negative one"):
        case_of(model, xrays.filenames, y, pos_label=[0, 1, 2])


def test_referral_is_of_all_patients_once(features):
    X, y, _, _ = features
    patient = np.arange(120) // 2  # many have images of both classes
    model = FrozenEstimator(LogisticRegression().fit(X, y))
    floor = RecallFloorClassifier(model, recall=0.6, specificity=0.5)
    floor.fit(X[:120], y[:120], groups=patient)
    table = guarantee_table(floor).set_index("share")
    assert table.loc["referred", "patients"] == 60
    assert floor.n_positive_ + floor.n_negative_ > 60


def test_figure_of_thresholds_has_the_intervals_of_the_report(features, monkeypatch):
    X, y, model, _ = features
    levels = []
    plot = ThresholdDisplay.plot
    monkeypatch.setattr(
        ThresholdDisplay,
        "plot",
        lambda self, **axes: levels.append(self.confidence_level) or plot(self, **axes),
    )
    EvaluationReport.from_estimator(model, X, y, confidence_level=0.8, n_resamples=20)
    assert levels == [0.8]


@pytest.mark.parametrize(
    ("shift", "verdict"), [(-2.5, "lies below the floor"), (4, "lies above the floor")]
)
def test_guarantee_is_compared_with_the_measured_recall(features, shift, verdict):
    X, y, _, split = features
    floor = RecallFloorClassifier(LogisticRegression(), recall=0.8, specificity=0.6)
    floor.fit(X[:120], y[:120], groups=range(120))
    moved = X + shift * floor.estimator_.coef_ * (split == "test")[:, np.newaxis]
    said = text_of(operating_point(case_of(floor, moved, y, split=split)).body)
    assert verdict in said
    assert "at least 0.6" in said
    assert "lower bound, confidence 0.95" in said
    assert "Not all patients were known" not in said
    floor.patients_known_ = False
    assert "Not all patients were known in training" in text_of(
        operating_point(case_of(floor, moved, y, split=split)).body
    )
    assert f"at least 0.8 {floor.recall_bound_:.3f} {floor.recall_:.3f} [" in re.sub(
        r"\s+", " ", said
    )
    assert f"referred, from {floor.threshold_:.4g} to {floor.upper_threshold_:.4g}" in said
    undecided = text_of(operating_point(case_of(floor, X[100:112], y[100:112])).body)
    assert "contains the floor of 0.8" in undecided
    assert "The guarantee is exact, given the fitted model" in said
    negatives = y == 0
    none = text_of(operating_point(case_of(floor, X[negatives], y[negatives])).body)
    assert "no positive images to check the guarantee on" in none
    positives = text_of(operating_point(case_of(floor, X[~negatives], y[~negatives])).body)
    for body in (none, positives):
        assert "nan" not in body
    assert "undefined: no image is negative" in positives


def test_problems_of_the_results_are_at_the_top(model, xrays, tmp_path):
    copy = tmp_path / "test" / "PNEUMONIA" / xrays.filenames[-1].rpartition("/")[2]
    copy.parent.mkdir(parents=True)
    known = np.flatnonzero((xrays.split == "train") & (xrays.target == 1))[0]
    copy = copy.with_name(xrays.filenames[known].rpartition("/")[2])
    shutil.copy(xrays.filenames[known], copy)
    paths = np.append(xrays.filenames, str(copy))
    y, split = np.append(xrays.target, 1), np.append(xrays.split, "test")
    context = case_of(model, paths, y, split=split, audit=True)
    top = text_of(summary(context).body)
    assert "1 evaluated patient also in another split" in top
    assert "Faults in the data" in top
    relations = context.collection.relations(context.audit).set_index("part")
    assert relations.loc["train", ["patients shared", "identical images shared"]].tolist() == [
        1,
        1,
    ]
    assert "a patient in more than one split" in text_of(data_card(context).body)
    without = case_of(model, paths, y)
    assert "Training unknown" in text_of(summary(without).body)
    assert "All rows are evaluated" in text_of(protocol(without).body)


def test_audit_must_be_of_the_same_rows(model, xrays):
    audit = audit_images(xrays.filenames[:5], near_duplicates=False)
    with pytest.raises(ValueError, match="audit has 5 files"):
        case_of(model, xrays.filenames, xrays.target, split=xrays.split, audit=audit)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"part": "holdout"}, r"no 'holdout'.*\['test', 'train'\]"),
        ({"target_names": ["one"]}, "target_names has 1 names"),
        ({"split": ["test"]}, "inconsistent numbers"),
    ],
)
def test_mistakes_are_named(features, options, message):
    X, y, model, split = features
    with pytest.raises(ValueError, match=message):
        EvaluationReport.from_estimator(model, X, y, **{"split": split} | options)


def test_checksum_depends_on_contents_not_on_paths(xrays, tmp_path):
    def checksum(paths, y):
        return checksum_of(Collection.of(paths, y, None, None, None))

    some, labels = xrays.filenames[:3], xrays.target[:3]
    copies = [shutil.copy(path, tmp_path) for path in some]
    assert checksum(some, labels) == checksum(copies[::-1], labels[::-1])
    assert checksum(some, labels) != checksum(some, 1 - labels)
    assert checksum(np.eye(3), labels) != checksum(np.zeros((3, 3)), labels)


def test_parameters_contain_no_memory_addresses(model):
    found = parameters(model)
    assert found["functiontransformer__func"] == "<function as_rows>"
    assert found["logisticregression__C"] == "10"
    assert "logisticregression" not in found
    assert "steps" not in found


def test_a_model_is_indented_by_its_nesting(model):
    frozen = FrozenEstimator(LogisticRegression(C=10, l1_ratio=0.25, max_iter=1234, tol=0.001))
    lines = indented_code(RecallFloorClassifier(frozen, recall=0.5, confidence=0.875)).splitlines()
    assert max(map(len, lines)) <= 88
    assert lines[:2] == ["RecallFloorClassifier(", "  confidence=0.875,"]
    assert "  estimator=FrozenEstimator(" in lines
    assert lines[-1] == ")"
    assert "<function as_rows>" in indented_code(model)  # what is no code stays as it is


def test_scores_are_asked_for_once_per_kind(features):
    X, y, model, _ = features
    predictions, rule = predict_and_find_rule(
        model, X, y, groups=np.arange(len(y)), pos_label=None, threshold=None
    )
    np.testing.assert_array_equal(predictions.score, model.predict_proba(X)[:, 1])
    assert rule.threshold == 0.5


def browse(page, profile, *options):
    """Open a page in headless Chromium, and return its console messages."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium to open the page with")
    run = subprocess.run(
        [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--hide-scrollbars", "--enable-logging=stderr", "--v=0",
            f"--user-data-dir={profile}", *options, page.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return run.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "background"), [("dark", (0, 60)), ("light", (240, 255))])
def test_browser_shows_the_page_without_complaint(html, tmp_path, scheme, background):
    page, picture = tmp_path / "report.html", tmp_path / "page.png"
    page.write_text(html, "utf-8")
    said = browse(
        page,
        tmp_path / "profile",
        f"--blink-settings=preferredColorScheme={('dark', 'light').index(scheme)}",
        "--window-size=1000,6000",
        f"--screenshot={picture}",
    )
    assert "CONSOLE" not in said
    shown = np.asarray(Image.open(picture).convert("L"))
    low, high = background
    assert low <= shown[2, 2] <= high
    # There is something all the way down, in letters that stand out.
    for band in np.array_split(shown[:4800], 8):
        assert np.ptp(band.astype(int)) > 150


@pytest.mark.slow
def test_browser_would_complain(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<script>console.error(1)</script>")
    said = browse(page, tmp_path / "profile", f"--screenshot={tmp_path / 'page.png'}")
    assert said.count("CONSOLE") == 1


def test_gate_has_a_section_with_what_it_would_withhold(features):
    X, y, model, split = features
    X = X.copy()
    X[-5:] += 100
    gate = InputGate(FrozenEstimator(model), on_outlier="nan", false_alarm_rate=0.05)
    gate.fit(X[:120], y[:120], groups=np.arange(120))
    options = {"split": split, "groups": np.arange(240), "n_resamples": 50}
    report = EvaluationReport.from_estimator(gate, X, y, **options)
    names = [name for name, *_ in report.sections]
    assert names[names.index("operating-point") + 1] == "input-gate"
    body = next(section.body for section in report.sections if section.name == "input-gate")
    withheld = np.flatnonzero(gate.reasons(X[120:]) != "")
    assert {115, 116, 117, 118, 119} <= set(withheld)
    for row in withheld[:20]:
        assert f"image {row}<" in body
    assert gate.terms_ in html_module.unescape(body)
    row = report.frame[report.frame.metric == "withheld"].iloc[0]
    assert row.value == len(withheld) / 120
    assert ("More images are withheld here" in body) == (row.low > gate.false_alarm_rate_)
    assert "withheld" in next(section.body for section in report.sections
                              if section.name == "metrics")  # fmt: skip
    without = EvaluationReport.from_estimator(model, X, y, **options)
    assert "input-gate" not in [name for name, *_ in without.sections]


def test_a_useless_model_is_called_useless_and_not_coloured_as_good(model, xrays):
    page = summary(
        case_of(
            FixedThresholdClassifier(FrozenEstimator(model), threshold=1.1).fit(
                xrays.filenames, xrays.target
            ),
            xrays.filenames,
            xrays.target,
            split=xrays.split,
            target_names=xrays.target_names,
        )
    ).body
    assert (
        '<strong class="error">Useless model</strong> It predicts NORMAL for every image.' in page
    )
    good = summary(case_of(model, xrays.filenames, xrays.target, target_names=xrays.target_names))
    assert "Useless" not in good.body


@pytest.mark.parametrize("n_seen", [0, 3])
def test_images_seen_in_training_are_counted(n_seen, model, xrays):
    n = int(np.sum(xrays.split == "test"))
    report = report_on(model, xrays, audit=False, seen_in_training=np.arange(n) < n_seen)
    page = report._body()
    assert ("Seen in training" in page) == (n_seen > 0)
    assert f"Of the {n} evaluated images, {n_seen} were among those that the model" in page
    assert "is not recorded" not in page


def test_seen_in_training_needs_an_entry_for_each_evaluated_image(model, xrays):
    with pytest.raises(ValueError, match="inconsistent"):
        report_on(model, xrays, audit=False, seen_in_training=[True])
