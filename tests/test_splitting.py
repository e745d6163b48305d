import pickle
import warnings
from pathlib import Path

import dask.dataframe as dd
import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedGroupKFold,
    check_cv,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import FunctionTransformer

from skpneumo._paths import check_paths
from skpneumo.datasets import UnknownPatientsWarning, etiologies, patient_ids
from skpneumo.pipeline import make_pipeline
from skpneumo.rebalancing import ImageResampler
from skpneumo.splitting import PatientKFold, patient_train_test_split

NAMES = {
    "normal": "IM-{patient:04d}-{image:04d}.jpeg",
    "bacteria": "person{patient}_bacteria_{image}.jpeg",
    "virus": "person{patient}_virus_{image}.jpeg",
}


def file_names(images_of_patients):
    """File names as in the published collection, with the same numbers in every etiology."""
    return [
        NAMES[etiology].format(patient=patient, image=image)
        for etiology, sizes in images_of_patients.items()
        for patient, n_images in enumerate(sizes)
        for image in range(n_images)
    ]


def labels_of(paths):
    return (etiologies(paths) != "normal").astype(int)


@st.composite
def collections(draw, min_patients=4):
    sizes = st.lists(st.integers(1, 5), min_size=min_patients, max_size=12)
    paths = file_names({etiology: draw(sizes) for etiology in NAMES})
    paths = np.array(paths, dtype=object)[draw(st.permutations(range(len(paths))))]
    return paths, labels_of(paths)


@pytest.fixture(scope="module")
def paths():
    return np.array(
        file_names({"normal": [1, 2] * 10, "bacteria": [3, 1] * 8, "virus": [1, 4] * 6}),
        dtype=object,
    )


# -- PatientKFold ------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(collections(), st.integers(2, 4), st.none() | st.integers(0, 9))
def test_folds_keep_patients_together_and_stratify_classes(collection, n_splits, seed):
    paths, y = collection
    cv = PatientKFold(n_splits, shuffle=seed is not None, random_state=seed)
    patients = patient_ids(paths)
    folds = list(cv.split(paths, y))

    assert len(folds) == cv.get_n_splits() == n_splits
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(y)))
    for train, test in folds:
        assert not set(patients[train]) & set(patients[test])
        assert sorted([*train, *test]) == list(range(len(y)))
    for label in (0, 1):
        counts = [np.sum(y[test] == label) for _, test in folds]
        largest = max(np.unique(patients[y == label], return_counts=True)[1])
        assert min(counts) > 0
        assert max(counts) - min(counts) <= largest

    for (train, test), (train_again, test_again) in zip(folds, cv.split(paths, y), strict=True):
        np.testing.assert_array_equal(train, train_again)
        np.testing.assert_array_equal(test, test_again)


@pytest.mark.parametrize("seed", [None, 0])
def test_folds_equal_those_of_scikit_learn_with_patients_as_groups(paths, seed):
    y, options = labels_of(paths), {"shuffle": seed is not None, "random_state": seed}
    ours = PatientKFold(3, **options).split(paths, y)
    theirs = StratifiedGroupKFold(3, **options).split(paths, y, patient_ids(paths))
    for our_fold, their_fold in zip(ours, theirs, strict=True):
        for our_part, their_part in zip(our_fold, their_fold, strict=True):
            np.testing.assert_array_equal(our_part, their_part)


def test_shuffling_changes_the_folds(paths):
    y = labels_of(paths)
    first, second = (
        [
            list(test)
            for _, test in PatientKFold(3, shuffle=True, random_state=seed).split(paths, y)
        ]
        for seed in (0, 1)
    )
    assert first != second


@pytest.mark.parametrize(
    "form",
    [
        list,
        tuple,
        pd.Series,
        lambda paths: [Path(path) for path in paths],
        lambda paths: paths.reshape(-1, 1),
        lambda paths: [[path] for path in paths],
        lambda paths: pd.DataFrame({"path": paths}),
        lambda paths: _Images(paths),
    ],
    ids=["list", "tuple", "Series", "Path", "column", "nested", "DataFrame", "images"],
)
def test_patients_are_read_from_every_form_of_paths(paths, form):
    y = labels_of(paths)
    expected = [list(test) for _, test in PatientKFold(3).split(paths, y)]
    assert [list(test) for _, test in PatientKFold(3).split(form(paths), y)] == expected
    parts = patient_train_test_split(paths, y, random_state=0)
    again = patient_train_test_split(form(paths), y, random_state=0)
    np.testing.assert_array_equal(again[3], parts[3])


class _Images(np.ndarray):
    """Pixels with file names, like the images of the loader."""

    def __new__(cls, filenames):
        images = np.zeros((len(filenames), 2, 2, 1), dtype=np.uint8).view(cls)
        images.filenames = filenames
        return images


def test_groups_override_the_paths(paths):
    y, groups = labels_of(paths), np.arange(len(paths)) // 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such groups may mix the classes
        folds = list(PatientKFold(3).split(paths, y, groups))
        parts = patient_train_test_split(paths, groups, stratify=None, groups=groups)
    for train, test in [*folds]:
        assert not set(groups[train]) & set(groups[test])
    assert not set(parts[2]) & set(parts[3])


def test_unknown_names_warn_once_per_split():
    paths = [f"scan {i}.png" for i in range(12)]
    y = [0, 1] * 6
    with pytest.warns(UnknownPatientsWarning) as caught:
        assert len(list(PatientKFold(3).split(paths, y))) == 3
    assert len(caught) == 1
    with pytest.warns(UnknownPatientsWarning) as caught:
        patient_train_test_split(paths, y)
    assert len(caught) == 1


@pytest.mark.parametrize(
    "X",
    [
        np.zeros((8, 4, 4, 1), dtype=np.uint8),
        np.zeros((8, 3)),
        np.zeros((8, 1)),
        pd.DataFrame({"a": range(8), "b": range(8)}),
        list(range(8)),
    ],
    ids=["images", "numbers", "column", "DataFrame", "list"],
)
@pytest.mark.parametrize(
    "split", [lambda *X: next(PatientKFold(2).split(*X)), patient_train_test_split]
)
def test_without_file_names_the_remedy_is_named(split, X):
    with pytest.raises(
        (TypeError, ValueError),
        match=r"pass a frame with .*images from ImageLoader.*groups=",
    ):
        split(X, [0, 1] * 4)


UNSELECTABLE = {
    "index": (pd.Index, "pandas Index", "to_numpy"),
    "strings": (pd.array, "StringArray", "to_numpy"),
    "narwhals": (
        lambda values: nw.new_series("", values, backend="pandas"),
        "Series",
        "to_native",
    ),
    "dask": (lambda each: dd.from_pandas(pd.Series(each), npartitions=2), "Series", "compute"),
}


@pytest.mark.parametrize("place", ["X", "y"])
@pytest.mark.parametrize("kind", UNSELECTABLE)
def test_containers_that_scikit_learn_cannot_select_rows_of_are_named(place, kind):
    make, name, method = UNSELECTABLE[kind]
    given = {"X": [f"IM-{i:04d}-0001.jpeg" for i in range(8)], "y": ["a", "b"] * 4}
    unselectable = make(given[place])
    with pytest.raises(TypeError, match=rf"rows of a .*{name}\. Pass its {method}\(\)"):
        patient_train_test_split(*{**given, place: unselectable}.values())
    converted = getattr(unselectable, method)()
    assert len(patient_train_test_split(*{**given, place: converted}.values())) == 4


def test_what_is_wrong_with_a_scalar_is_said_by_scikit_learn():
    paths = [f"IM-{i:04d}-0001.jpeg" for i in range(8)]
    with pytest.raises((TypeError, ValueError), match="at least 1 dimension"):
        patient_train_test_split(paths, np.array(5))


def test_sparse_rows_are_split_with_given_groups():
    parts = patient_train_test_split(coo_array(np.eye(8)), [0, 1] * 4, groups=range(8))
    assert [part.shape for part in parts[:2]] == [(6, 8), (2, 8)]


def test_too_few_patients_are_named():
    paths = file_names({"normal": [1, 1, 1], "bacteria": [9, 1]})
    with pytest.raises(ValueError, match=r"class 1 has 2, but n_splits=3 needs one for each fold"):
        next(PatientKFold(3).split(paths, labels_of(paths)))
    with pytest.raises(
        ValueError, match=r"class 'virus' has 1, but a split needs one for each part\. Add"
    ):
        patient_train_test_split(
            [*paths, "person1_virus_1.jpeg"], ["normal"] * 3 + ["bacteria"] * 10 + ["virus"]
        )


def test_groups_that_mix_classes_may_leave_a_fold_without_one():
    y, groups = [0, 0, 0, 1, 0, 1], ["b", "c", "c", "a", "b", "c"]
    with pytest.warns(UserWarning, match="Part 0 of the split has no image of class 1"):
        next(PatientKFold(2).split(np.zeros((6, 1)), y, groups))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "pass y"),
        ([0, 1], "there are 2 labels"),
        ([0.0, np.nan, 1.0, 1.0], "NaN"),
        (["a", np.nan, "b", "b"], "NaN or None in 1 of 4 labels, the first, nan, in row 1"),
        (["a", 0, "b", "b"], "are text, such as 'a', and others that are not, such as 0"),
        ([0.1, 0.2, 0.3, 0.4], "Unknown label type"),
    ],
)
def test_bad_labels_are_refused(y, message):
    paths = file_names({"normal": [1, 1], "virus": [1, 1]})
    with pytest.raises(ValueError, match=message):
        next(PatientKFold(2).split(paths, y))


def test_empty_paths_are_refused():
    with pytest.raises(ValueError, match="empty list of paths"):
        next(PatientKFold(2).split([], []))
    with pytest.raises(ValueError, match="empty list of paths"):
        patient_train_test_split([], [])


def _read(paths):
    """Replace loading and network: compute two numbers from each path."""
    paths = check_paths(paths)
    return np.column_stack([etiologies(paths) != "normal", [len(path) for path in paths]])


@pytest.fixture
def classifier():
    return make_pipeline(
        ImageResampler("under", random_state=0),
        FunctionTransformer(_read),
        GaussianNB(),
    )


@pytest.mark.parametrize("routing", [False, True])
def test_works_wherever_scikit_learn_accepts_cv(paths, classifier, routing):
    y, patients, cv = labels_of(paths), patient_ids(paths), PatientKFold(3)
    with config_context(enable_metadata_routing=routing):
        results = cross_validate(classifier, paths, y, cv=cv, return_indices=True)
        for train, test in zip(*results["indices"].values(), strict=True):
            assert not set(patients[train]) & set(patients[test])
        assert cross_val_score(classifier, list(paths), y, cv=cv, scoring="recall").shape == (3,)
        assert (cross_val_predict(classifier, paths.reshape(-1, 1), y, cv=cv) == y).all()

        search = GridSearchCV(
            classifier,
            {
                "imageresampler__sampler": ["under", "over"],
                "gaussiannb__var_smoothing": [1e-9, 1e-2],
            },
            scoring="recall",
            cv=cv,
        ).fit(paths, y)
        assert search.n_splits_ == 3
        calibrated = CalibratedClassifierCV(classifier, cv=cv).fit(paths, y)
        assert len(calibrated.calibrated_classifiers_) == 3
        sizes, _, test_scores = learning_curve(
            classifier, paths, y, cv=cv, train_sizes=[0.5, 1.0], shuffle=True, random_state=0
        )
        assert test_scores.shape == (len(sizes), 3)
        stack = StackingClassifier([("one", classifier)], cv=cv).fit(paths, y)
        assert (stack.predict(paths) == y).all()
        assert check_cv(cv, y, classifier=True) is cv


def test_groups_can_be_routed(paths, classifier):
    y, groups = labels_of(paths), patient_ids(paths)
    expected = cross_val_score(classifier, paths, y, cv=PatientKFold(3))
    with config_context(enable_metadata_routing=True):
        routed = cross_val_score(
            classifier, paths, y, cv=PatientKFold(3), params={"groups": groups}
        )
    np.testing.assert_array_equal(routed, expected)


def test_the_splitter_follows_the_scikit_learn_interface(paths):
    cv = PatientKFold(4, shuffle=True, random_state=1)
    assert repr(cv) == "PatientKFold(n_splits=4, random_state=1, shuffle=True)"
    expected = [list(test) for _, test in cv.split(paths, labels_of(paths))]
    for other in (pickle.loads(pickle.dumps(cv)), clone(cv, safe=False)):
        assert [list(test) for _, test in other.split(paths, labels_of(paths))] == expected
    with pytest.raises(ValueError, match="n_splits=2 or more"):
        PatientKFold(1)


@pytest.mark.real
def test_folds_of_the_real_xrays_are_equal(real_data):
    from skpneumo.datasets import load_chest_xray

    xrays = load_chest_xray(real_data / "chest_xray", split="train")
    folds = list(PatientKFold(5).split(xrays.filenames, xrays.target))
    sizes = [len(test) for _, test in folds]
    shares = [xrays.target[test].mean() for _, test in folds]
    assert max(sizes) - min(sizes) <= 1
    assert max(shares) - min(shares) < 0.001
    for train, test in folds:
        assert not set(xrays.groups[train]) & set(xrays.groups[test])


# -- patient_train_test_split ------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(collections(min_patients=2), st.floats(0.05, 0.95), st.integers(0, 9))
def test_the_split_keeps_patients_together_and_meets_its_size(collection, test_size, seed):
    paths, y = collection
    assume(np.ceil(test_size * len(paths)) < len(paths))
    X_train, X_test, y_train, y_test = patient_train_test_split(
        paths, y, test_size=test_size, random_state=seed
    )
    train_patients, test_patients = patient_ids(X_train), patient_ids(X_test)
    assert not set(train_patients) & set(test_patients)
    assert sorted([*X_train, *X_test]) == sorted(paths)
    np.testing.assert_array_equal(labels_of(X_train), y_train)
    np.testing.assert_array_equal(labels_of(X_test), y_test)
    for label in (0, 1):
        assert label in y_train
        assert label in y_test
        quota = test_size * np.sum(y == label)
        largest = max(np.unique(patient_ids(paths[y == label]), return_counts=True)[1])
        # The quota is a whole number, so the bound is off by what rounding takes.
        assert abs(np.sum(y_test == label) - quota) < largest + 1

    again = patient_train_test_split(paths, y, test_size=test_size, random_state=seed)
    np.testing.assert_array_equal(again[1], X_test)


def test_many_patients_with_one_image_meet_the_size_exactly():
    paths = file_names({"normal": [1] * 40 + [2] * 20, "bacteria": [1] * 30 + [7, 5, 3] * 5})
    y = labels_of(paths)
    for seed in range(5):
        *_, y_test = patient_train_test_split(paths, y, test_size=0.2, random_state=seed)
        assert len(y_test) == np.ceil(0.2 * len(y))
        assert np.sum(y_test == 0) == 16
    assert len(patient_train_test_split(paths, y, test_size=25)[1]) == 25


def test_other_seeds_choose_other_patients(paths):
    y = labels_of(paths)
    drawn = {tuple(patient_train_test_split(paths, y, random_state=seed)[1]) for seed in range(5)}
    assert len(drawn) == 5


def test_a_large_patient_is_as_likely_to_be_tested_as_a_small_one():
    paths = file_names({"normal": [1] * 30, "bacteria": [1] * 60 + [4] * 10})
    y = labels_of(paths)
    tested = [
        np.mean(np.unique(patient_ids(X_test), return_counts=True)[1] == 4)
        for seed in range(200)
        for X_test in [patient_train_test_split(paths, y, test_size=0.3, random_state=seed)[1]]
    ]
    assert np.mean(tested) == pytest.approx(10 / 100, abs=0.02)


def test_every_array_is_split_in_its_own_type(paths):
    y = labels_of(paths)
    frame = pd.DataFrame({"path": paths, "target": y})
    parts = patient_train_test_split(
        list(paths), pd.Series(y, name="target"), frame, patient_ids(paths), random_state=0
    )
    assert [type(part) for part in parts[::2]] == [list, pd.Series, pd.DataFrame, np.ndarray]
    for X, target, rows, patients in (parts[0::2], parts[1::2]):
        assert rows["path"].tolist() == X
        assert target.tolist() == rows["target"].tolist()
        assert patients.tolist() == patient_ids(X).tolist()
        assert rows.index.is_monotonic_increasing


def test_a_frame_is_split_with_given_groups(paths):
    frame = pd.DataFrame(
        {"path": paths, "target": labels_of(paths), "patient": patient_ids(paths)}
    )
    train, test = patient_train_test_split(
        frame, stratify=frame["target"], groups=frame["patient"], random_state=0
    )
    assert not set(train["patient"]) & set(test["patient"])
    assert test["target"].mean() == pytest.approx(frame["target"].mean(), abs=0.05)


def test_etiologies_can_be_stratified_with_binary_labels():
    paths = np.array(
        file_names({"normal": [1] * 50, "bacteria": [1] * 100, "virus": [1] * 50}), dtype=object
    )
    etiology = etiologies(paths)
    parts = patient_train_test_split(
        paths, labels_of(paths), etiology, test_size=0.2, stratify=etiology, random_state=0
    )
    assert dict(zip(*np.unique(parts[5], return_counts=True), strict=True)) == {
        "normal": 10,
        "bacteria": 20,
        "virus": 10,
    }


def test_without_stratification_the_size_still_holds(paths):
    for parts in (
        patient_train_test_split(paths, test_size=0.25, random_state=0),
        patient_train_test_split(
            paths, labels_of(paths), test_size=0.25, stratify=None, random_state=0
        ),
    ):
        assert len(parts[1]) == pytest.approx(0.25 * len(paths), abs=2)


@pytest.mark.parametrize("test_size", [0, 0.0, 1.0, -0.2, 1.5, "half", None, 10_000])
def test_impossible_sizes_are_refused(paths, test_size):
    with pytest.raises(ValueError, match="test_size"):
        patient_train_test_split(paths, labels_of(paths), test_size=test_size)


def test_lengths_must_agree(paths):
    for arguments in (
        {"X": paths[:-1], "stratify": labels_of(paths)},
        {"X": paths, "groups": np.arange(3)},
    ):
        with pytest.raises(ValueError, match=r"rows, but there are|samples but 3 groups"):
            patient_train_test_split(**arguments)
    with pytest.raises(ValueError, match=r"rows, but there are|inconsistent numbers"):
        patient_train_test_split(paths, labels_of(paths)[:-1])


@pytest.mark.parametrize("arrays", [(None,), ("y", None)])
def test_none_among_the_arrays_is_refused(paths, arrays):
    arrays = [each and labels_of(paths) for each in arrays]
    with pytest.raises(ValueError, match="One of the arrays after X is None"):
        patient_train_test_split(paths, *arrays)


@pytest.mark.real
def test_the_split_of_the_real_xrays_is_exact(real_data):
    from skpneumo.datasets import load_chest_xray

    xrays = load_chest_xray(real_data / "chest_xray", split="train")
    *_, y_train, y_test = patient_train_test_split(
        xrays.filenames, xrays.target, test_size=0.2, random_state=0
    )
    assert len(y_test) == np.ceil(0.2 * len(xrays.target))
    assert y_test.mean() == pytest.approx(y_train.mean(), abs=0.001)
