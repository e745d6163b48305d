"""The explanation report distinguishes lungs from shortcuts, with its measures."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.preprocessing import FunctionTransformer

from skpneumo import make_pipeline
from skpneumo.decision import RecallFloorClassifier
from skpneumo.explanation import ExplanationReport, explanation_report
from skpneumo.explanation._verdict import MEASURES


@pytest.fixture(scope="module")
def lungs(pipeline, tested):
    return explanation_report(pipeline, tested.filenames, tested.target)


def test_a_model_that_uses_the_lungs_is_found(lungs):
    assert lungs.verdict == "lungs"
    measures = lungs.measures.set_index("measure")
    assert measures.loc["lungs", "value"] > measures.loc["edge", "value"]
    assert measures.loc["chest_effect", "low"] > 0
    assert measures.loc["similarity", "value"] < 0.7


def test_a_shortcut_is_found(shortcut, tested):
    network, images = shortcut
    report = explanation_report(network, images, tested.target)
    assert report.verdict == "shortcut"
    assert report.measures.set_index("measure").loc["from outside", "low"] > 0.25


def test_a_shortcut_is_found_by_gradients_too(shortcut, tested):
    network, images = shortcut
    report = explanation_report(network, images, tested.target, method="hires_cam")
    assert (report.method, report.verdict) == ("hires_cam", "shortcut")


def test_every_image_has_its_row(lungs, pipeline, tested):
    frame = lungs.frame
    assert frame["path"].tolist() == tested.filenames.tolist()
    assert frame["positive"].tolist() == (tested.target == 1).tolist()
    assert frame["called"].tolist() == (pipeline.predict(tested.filenames) == 1).tolist()
    assert frame["probability"].to_numpy() == pytest.approx(
        pipeline.predict_proba(tested.filenames)[:, 1], abs=1e-5
    )
    assert set(frame["outcome"]) <= {"TP", "FP", "TN", "FN"}
    assert (frame["outcome"].str.endswith("P") == frame["called"]).all()
    assert frame["similarity"].count() == 16
    assert frame.drop(columns="similarity").notna().all(axis=None)


def test_the_summary_names_every_measure(lungs):
    text = lungs.summary()
    assert text.startswith(f"{len(lungs.frame)} images, maps by occlusion: lungs")
    assert all(reason in text for reason in lungs.reasons)
    assert all(words in text for words in MEASURES.values())
    assert repr(lungs) == f"<ExplanationReport: lungs, {len(lungs.frame)} images>"


def test_the_page_of_a_notebook_has_the_verdict_and_the_measures(lungs):
    page = lungs._repr_html_()
    assert "lungs" in page
    assert all(words in page for words in MEASURES.values())


def test_the_same_seed_gives_the_same_report(shortcut, tested):
    network, images = shortcut
    X, y = images[::8], tested.target[::8]
    once = explanation_report(network, X, y, random_state=3)
    again = explanation_report(network, X, y, random_state=3)
    other = explanation_report(network, X, y, random_state=4)
    assert once.frame.equals(again.frame)
    assert once.measures.equals(again.measures)
    assert not once.frame.equals(other.frame)


def test_decisions_are_the_model_s_own_and_the_other_class_may_be_asked_about(pipeline, tested):
    X, y = tested.filenames[::6], tested.target[::6]
    floor = RecallFloorClassifier(FrozenEstimator(pipeline), recall=0.5, confidence=0.5)
    floor.fit(tested.filenames, tested.target)
    report = explanation_report(floor, X, y, pos_label=0)
    assert isinstance(report, ExplanationReport)
    assert report.frame["called"].tolist() == (floor.predict(X) == 0).tolist()
    assert report.frame["positive"].tolist() == (y == 0).tolist()


def test_classifiers_without_a_network_are_judged_without_random_weights(tested):
    rows = FunctionTransformer(lambda images: np.asarray(images).reshape(len(images), -1))
    forest = make_pipeline(rows, RandomForestClassifier(20, random_state=0))
    images, y = tested.images[::6], tested.target[::6]
    report = explanation_report(forest.fit(images, y), images, y)
    assert "similarity" not in report.measures["measure"].tolist()
    assert report.frame["similarity"].isna().all()
    assert "path" not in report.frame


def test_a_class_of_one_image_is_refused(pipeline, tested):
    rows = np.r_[np.flatnonzero(tested.target == 0)[:3], np.flatnonzero(tested.target == 1)[:1]]
    with pytest.raises(ValueError, match="y has 1 positive images, but at least two"):
        explanation_report(pipeline, tested.filenames[rows], tested.target[rows])
    with pytest.raises(ValueError, match="method"):
        explanation_report(pipeline, tested.filenames, tested.target, method="saliency")


def test_a_network_that_has_learned_nothing_gets_no_verdict(tested):
    from skpneumo import CNNClassifier

    network = CNNClassifier(filters=(4, 8), epochs=1, learning_rate=1e-9, random_state=0)
    network.fit(tested.images, tested.target)
    report = explanation_report(network, tested.images, tested.target)
    assert report.verdict == "undecided"
    assert any("both reach zero" in reason for reason in report.reasons)
    assert "the model is useless" in report.reasons[-1]


def test_one_of_several_classes_must_be_named(small, noise):
    with pytest.raises(ValueError, match=r"Pass the one .* as pos_label"):
        explanation_report(small(classes=3), noise, [0, 1, 2, 0, 1])


@pytest.mark.parametrize("threshold", [0.0, 1.1])
def test_a_model_with_one_prediction_for_all_images_gets_no_verdict(threshold, pipeline, tested):
    """Classifier with scores from the lungs, but the same decision for all images."""
    model = FixedThresholdClassifier(FrozenEstimator(pipeline), threshold=threshold)
    rows = np.r_[np.flatnonzero(tested.target == 0)[:10], np.flatnonzero(tested.target == 1)[:10]]
    report = explanation_report(
        model.fit(tested.filenames, tested.target), tested.filenames[rows], tested.target[rows]
    )
    assert report.verdict != "lungs"
    assert "the model is useless: it predicts" in report.reasons[-1]
