from copy import deepcopy

import numpy as np
import pytest

from skpneumo.serving._facts import model_facts
from skpneumo.serving._limits import Limits
from skpneumo.serving._model import ImageError, ImageTooLargeError, ServedModel


@pytest.fixture
def served(model):
    return ServedModel(model, ["NORMAL", "PNEUMONIA"])


def test_answers_are_those_of_the_model_on_the_files(served, model, xrays, contents):
    answers = served.predict(contents[:6])
    probabilities = model.predict_proba(xrays.filenames[:6])[:, 1]
    assert [each["probability"] for each in answers] == pytest.approx(probabilities, abs=1e-6)
    labels = np.array(["NORMAL", "PNEUMONIA"])[model.predict(xrays.filenames[:6])]
    assert [each["label"] for each in answers] == labels.tolist()
    assert all(each["gate"] is None for each in answers)


def test_an_unreadable_image_fails_alone_with_a_message_without_a_path(served, contents):
    first, bad, cut, last = served.predict(
        [contents[0], b"no image", contents[1][:200], contents[2]]
    )
    assert first["label"]
    assert last["label"]
    for error in (bad, cut):
        assert isinstance(error, ImageError)
        assert "memory:" not in str(error)
        assert "\n" not in str(error)


class Picky:
    """Fails completely for one image, without naming it."""

    classes_ = np.array([0, 1])

    def __init__(self, inner, bad):
        self.inner, self.bad = inner, bad

    def predict_proba(self, paths):
        from skpneumo import ImageLoader

        images = np.asarray(ImageLoader(size=16, cache=False).transform(paths))
        if any(image.mean() == self.bad for image in images):
            raise ValueError("one of them is unlike the others")
        return self.inner.predict_proba(paths)

    def predict(self, paths):
        return self.predict_proba(paths).argmax(axis=1)


def test_an_error_that_names_no_image_is_the_answer_of_that_image_alone(model, contents, image_of):
    served = ServedModel(Picky(model, 90.0), ["NORMAL", "PNEUMONIA"])
    good, bad, other = served.predict([contents[0], image_of(20, 20), contents[1]])
    assert good["label"]
    assert other["label"]
    assert "unlike" in str(bad)


def test_an_image_that_is_too_dark_is_told_so(xrays, contents):
    from io import BytesIO

    from PIL import Image

    from skpneumo import CNNClassifier, ImageLoader, make_pipeline

    network = CNNClassifier(filters=(2,), dense_units=(), epochs=1, random_state=0)
    fitted = make_pipeline(ImageLoader(size=8), network).fit(xrays.filenames, xrays.target)
    file = BytesIO()
    Image.fromarray(np.full((9, 9), 4095, np.uint16)).save(file, "PNG")
    served = ServedModel(fitted, ["NORMAL", "PNEUMONIA"])
    (alone,) = served.predict([file.getvalue()])
    good, answer = served.predict([contents[0], file.getvalue()])
    assert good["label"]
    for each in (alone, answer):
        assert isinstance(each, ImageError)
        assert "another kind of pixel" in str(each)


class Withholding(Picky):
    def predict_proba(self, paths):
        return np.full((len(paths), 2), np.nan)

    def predict(self, paths):
        return np.zeros(len(paths), int)


def test_a_withheld_probability_has_no_label(model, contents):
    (answer,) = ServedModel(Withholding(model, 0), ["NORMAL", "PNEUMONIA"]).predict(contents[:1])
    assert answer["probability"] is answer["label"] is None
    assert set(answer["probabilities"].values()) == {None}


def test_the_size_is_refused_by_the_header(served, image_of, contents):
    served.check_size(contents[0], 10**6)
    with pytest.raises(ImageTooLargeError, match="300 x 200 pixels"):
        served.check_size(image_of(300, 200), 59_999)
    with pytest.raises(ImageError, match="not a JPEG"):
        served.check_size(b"hello", 10**6)


def test_heat_maps_contain_no_file_names_and_refuse_other_models(served, contents):
    assert served.explain(contents[0], "occlusion", None).startswith(b"\x89PNG")
    assert served.explain(contents[0], "occlusion", "NORMAL").startswith(b"\x89PNG")
    with pytest.raises(ImageError, match="no class 'FLU'"):
        served.explain(contents[0], "occlusion", "FLU")
    with pytest.raises(ImageError, match="needs a network"):
        served.explain(contents[0], "hires_cam", None)
    with pytest.raises(ImageError, match="not a JPEG"):
        served.explain(b"hello", "occlusion", None)


def test_positive_class_and_threshold_are_those_of_the_operating_point(model, xrays):
    from skpneumo import RecallFloorClassifier

    floor = RecallFloorClassifier(model, recall=0.5, confidence=0.5)
    floor.fit(xrays.filenames, xrays.target)
    served = ServedModel(floor, ["NORMAL", "PNEUMONIA"])
    assert served.positive == 1
    assert served.threshold == floor.threshold_


def test_between_two_thresholds_it_refers(model, xrays, contents):
    from skpneumo import RecallFloorClassifier

    floor = RecallFloorClassifier(model, recall=0.7, specificity=0.7, confidence=0.5)
    floor.fit(xrays.filenames, xrays.target)
    served = ServedModel(floor, ["NORMAL", "PNEUMONIA"])
    said = [answer["decision"] for answer in served.predict(contents)]
    names = {0: "NORMAL", 1: "PNEUMONIA", "refer": "refer"}
    assert said == [names[each] for each in floor.decide(xrays.filenames)]
    assert served.upper_threshold == floor.upper_threshold_


def test_the_illness_is_positive_also_if_the_thresholds_are_on_the_other_class(
    model, xrays, contents
):
    from skpneumo import RecallFloorClassifier

    floor = RecallFloorClassifier(
        model, recall=0.7, specificity=0.7, confidence=0.5, pos_label=0
    ).fit(xrays.filenames, xrays.target)
    served = ServedModel(floor, ["NORMAL", "PNEUMONIA"])
    answers = served.predict(contents)
    probabilities = floor.predict_proba(xrays.filenames)[:, 1]
    assert [each["probability"] for each in answers] == pytest.approx(probabilities, abs=1e-6)
    names = {0: "NORMAL", 1: "PNEUMONIA", "refer": "refer"}
    said = [names[each] for each in floor.decide(xrays.filenames)]
    assert [each["decision"] for each in answers] == said
    assert served.threshold is served.upper_threshold is None
    facts = model_facts(served, Limits())
    assert facts["positive"] == "PNEUMONIA"
    assert facts["recall_floor"]["positive"] == "NORMAL"
    assert (
        f"where the probability of NORMAL is at least {floor.threshold_:.4g}." in facts["decision"]
    )
    # The names tell the illness also where the labels are numbered the other way round.
    served = ServedModel(floor, ["PNEUMONIA", "NORMAL"])
    assert (served.positive, served.threshold) == (0, floor.threshold_)


@pytest.mark.parametrize("on_outlier", ["warn", "nan", "raise"])
def test_images_that_fail_the_gate_are_withheld_unless_it_only_warns(
    model, xrays, contents, image_of, on_outlier
):
    from skpneumo.decision import InputGate

    gate = InputGate(model, false_alarm_rate=0.2, on_outlier=on_outlier, random_state=0)
    served = ServedModel(gate.fit(xrays.X, xrays.target), ["NORMAL", "PNEUMONIA"])
    *good, bad = served.predict([*contents, image_of(100, 100)])
    assert bad["gate"]["passed"] is False
    assert bad["gate"]["reason"]
    assert (bad["label"] is None) == (on_outlier != "warn")
    assert (bad["probability"] is None) == (on_outlier != "warn")
    assert np.mean([each["gate"]["passed"] for each in good]) > 0.5
    assert all(each["label"] for each in good if each["gate"]["passed"])
    if on_outlier == "warn":
        assert served.explain(image_of(100, 100), "occlusion", None).startswith(b"\x89PNG")
    else:  # a heat map says the probability
        with pytest.raises(ImageError, match="prediction is withheld"):
            served.explain(image_of(100, 100), "occlusion", None)


def test_an_unclear_positive_class_is_none_of_two(xrays, model, contents):
    unclear = deepcopy(model)
    unclear[-1].classes_ = np.array(["COVID", "TB"])
    served = ServedModel(unclear, ["COVID", "TB"])
    assert served.positive is served.threshold is None
    facts = model_facts(served, Limits())
    assert facts["positive"] is None
    assert facts["decision"] == "The label is that of the model's own predict."
    [answer] = served.predict(contents[:1])
    assert answer["probability"] is None
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    assert served.explain(contents[0], "occlusion", None).startswith(b"\x89PNG")
