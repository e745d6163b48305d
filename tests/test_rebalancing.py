import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn import FunctionSampler
from imblearn.combine import SMOTEENN, SMOTETomek
from imblearn.over_sampling import (
    ADASYN,
    SMOTE,
    SVMSMOTE,
    BorderlineSMOTE,
    KMeansSMOTE,
    RandomOverSampler,
)
from imblearn.under_sampling import (
    AllKNN,
    ClusterCentroids,
    EditedNearestNeighbours,
    InstanceHardnessThreshold,
    NearMiss,
    OneSidedSelection,
    RandomUnderSampler,
    TomekLinks,
)
from imblearn.utils.estimator_checks import estimator_checks_generator
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from skpneumo.loading import ImageArray
from skpneumo.pipeline import Pipeline
from skpneumo.rebalancing import ImageResampler

EXPECTED_TO_FAIL = {
    "check_samplers_pandas_sparse": "sparse frames are refused: paths and pixels are dense",
}

CHECKED = [
    ImageResampler("under", random_state=0),
    ImageResampler("over", random_state=0),
    ImageResampler(SMOTE(k_neighbors=1), random_state=0),
]


@parametrize_with_checks(CHECKED)
def test_scikit_learn_accepts_it(estimator, check):
    check(estimator)


def _imbalanced_learn_checks():
    for sampler in CHECKED:
        for estimator, check in estimator_checks_generator(sampler):
            name = check.func.__name__
            reason = EXPECTED_TO_FAIL.get(name)
            marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
            yield pytest.param(estimator, check, id=f"{estimator.sampler}-{name}", marks=marks)


@pytest.mark.parametrize(("estimator", "check"), list(_imbalanced_learn_checks()))
def test_imbalanced_learn_accepts_it(estimator, check):
    check(estimator)


# -- paths -------------------------------------------------------------------------------------

LABELS = st.sampled_from(
    [[0, 1], ["normal", "pneumonia"], [False, True], [3, -1, 7], ["b", "a", "c"]]
)


@st.composite
def labelled_rows(draw, fewest=1):
    classes = draw(LABELS)
    y = np.repeat(classes, [draw(st.integers(fewest, 12)) for _ in classes])
    y = y[draw(st.permutations(range(len(y))))]
    return np.array([f"{i}.jpeg" for i in range(len(y))], dtype=object), y


@settings(max_examples=50, deadline=None)
@given(labelled_rows(), st.sampled_from(["under", "over"]), st.integers(0, 9))
def test_rows_counts_and_labels_are_correct(data, sampler, seed):
    X, y = data
    resampler = ImageResampler(sampler, random_state=seed)
    X_res, y_res = resampler.fit_resample(X, y)

    before, after = Counter(y.tolist()), Counter(y_res.tolist())
    each = min(before.values()) if sampler == "under" else max(before.values())
    assert after == dict.fromkeys(before, each)
    assert y_res.dtype == y.dtype
    rows = resampler.sample_indices_
    np.testing.assert_array_equal(X[rows], X_res)
    np.testing.assert_array_equal(y[rows], y_res)
    assert len(set(rows)) == (len(rows) if sampler == "under" else len(X))

    X_again, y_again = clone(resampler).fit_resample(X, y)
    np.testing.assert_array_equal(X_again, X_res)
    np.testing.assert_array_equal(y_again, y_res)


@pytest.mark.parametrize(
    ("sampler", "theirs"), [("under", RandomUnderSampler), ("over", RandomOverSampler)]
)
def test_random_sampling_equals_that_of_imbalanced_learn(sampler, theirs):
    X, y = np.arange(20).reshape(-1, 1), [0] * 14 + [1] * 6
    ours = ImageResampler(sampler, random_state=3).fit_resample(X, y)
    expected = theirs(random_state=3).fit_resample(X, y)
    np.testing.assert_array_equal(ours[0], expected[0])
    np.testing.assert_array_equal(ours[1], expected[1])


NAMES = ["a.jpeg", "b.jpeg", "c.jpeg", "d.jpeg", "e.jpeg"]
TARGET = [0, 1, 1, 1, 0]


def test_numbers_among_text_are_no_labels():
    with pytest.raises(ValueError, match="are text, such as '0', and others that are not"):
        ImageResampler().fit_resample(NAMES, ["0", 1, 1, 1, 0])


@pytest.mark.parametrize(
    "X",
    [
        NAMES,
        [Path(name) for name in NAMES],
        [[name] for name in NAMES],
        np.array(NAMES),
        np.array(NAMES, dtype=np.dtypes.StringDType()),
        np.array(NAMES, dtype=object).reshape(-1, 1),
        pd.Series(NAMES, name="path", index=list("vwxyz")),
        pd.DataFrame({"path": NAMES}, index=list("vwxyz")),
    ],
    ids=["list", "Path", "nested", "str array", "strings", "column", "Series", "DataFrame"],
)
@pytest.mark.parametrize("sampler", ["under", "over"])
def test_paths_keep_their_form(X, sampler):
    resampler = ImageResampler(sampler, random_state=0)
    X_res, y_res = resampler.fit_resample(X, TARGET)
    assert type(X_res) is type(X)
    assert isinstance(y_res, list)
    rows = resampler.sample_indices_
    if isinstance(X, list):
        assert X_res == [X[row] for row in rows]
    elif isinstance(X, np.ndarray):
        assert X_res.dtype == X.dtype
        np.testing.assert_array_equal(X_res, X[rows])
    else:
        assert X_res.equals(X.iloc[rows])


@pytest.mark.parametrize("columns", [["path"], ["path", "patient"]])
@pytest.mark.parametrize("sampler", ["under", "over"])
def test_frames_of_polars_keep_their_form(sampler, columns):
    polars = pytest.importorskip("polars", reason="pip install polars")
    X, y = polars.DataFrame(dict.fromkeys(columns, NAMES)), polars.Series(TARGET)
    resampler = ImageResampler(sampler, random_state=0)
    for labels in (y, y.to_frame(), TARGET):
        X_res, y_res = resampler.fit_resample(X, labels)
        assert X_res.equals(X[resampler.sample_indices_])
        assert type(y_res) is type(labels)
        assert np.ravel(y_res).tolist() == y[resampler.sample_indices_].to_list()
    (X_res, _), rows = resampler.fit_resample(X["path"], y), resampler.sample_indices_
    assert X_res.to_list() == [NAMES[row] for row in rows]


def test_a_series_of_labels_keeps_its_index_in_step():
    y = pd.Series(["sick", "well", "well", "well", "sick"], index=list("vwxyz"), name="target")
    for X in (pd.Series(NAMES, index=y.index), pd.DataFrame({"path": NAMES}, index=y.index)):
        X_res, y_res = ImageResampler("over", random_state=0).fit_resample(X, y)
        pd.testing.assert_series_equal(y_res, y.loc[X_res.index])
        assert y_res.value_counts().tolist() == [3, 3]


def test_input_is_not_modified():
    X, y = list(NAMES), list(TARGET)
    ImageResampler(random_state=0).fit_resample(X, y)
    assert (X, y) == (NAMES, TARGET)


@pytest.mark.parametrize(
    ("sampling_strategy", "expected"),
    [
        (0.5, {0: 10, 1: 5}),
        ({0: 7}, {0: 7, 1: 5}),
        ("all", {0: 5, 1: 5}),
        (lambda y: {0: 8}, {0: 8, 1: 5}),
    ],
)
def test_the_strategy_is_passed_on(sampling_strategy, expected):
    X, y = np.array([f"{i}.png" for i in range(25)]), np.repeat([0, 1], [20, 5])
    for sampler in ("under", RandomUnderSampler()):
        resampler = ImageResampler(sampler, sampling_strategy=sampling_strategy, random_state=0)
        assert Counter(resampler.fit_resample(X, y)[1].tolist()) == expected
        assert resampler.sampling_strategy_ == {0: expected[0]} | (
            {1: 5} if sampling_strategy == "all" else {}
        )


def test_a_given_sampler_keeps_parameters_that_are_not_overridden():
    X, y = np.arange(40).reshape(-1, 1), np.repeat([0, 1], [30, 10])
    own = RandomUnderSampler(sampling_strategy=0.5, random_state=5)
    expected = own.fit_resample(X, y)
    X_res, y_res = ImageResampler(own).fit_resample(X, y)
    np.testing.assert_array_equal(X_res, expected[0])
    np.testing.assert_array_equal(y_res, expected[1])

    X_seeded, _ = ImageResampler(own, random_state=6).fit_resample(X, y)
    np.testing.assert_array_equal(
        X_seeded, RandomUnderSampler(sampling_strategy=0.5, random_state=6).fit_resample(X, y)[0]
    )
    assert own.random_state == 5


# -- images ------------------------------------------------------------------------------------


def make_images(n_per_class=(24, 9), seed=0, shape=(6, 5, 1)):
    """Make two overlapping clouds of images, with a pair of identical ones in each class."""
    rng = np.random.RandomState(seed)
    y = np.repeat(np.arange(len(n_per_class)), n_per_class)
    X = rng.normal(110 + 12 * y[:, None, None, None], 40, size=(len(y), *shape))
    X = np.clip(X, 0, 255).astype(np.uint8)
    X[1], X[-1] = X[0], X[-2]
    order = rng.permutation(len(y))
    return X[order], y[order]


SYNTHESISERS = [
    SMOTE(k_neighbors=3),
    ADASYN(n_neighbors=3),
    BorderlineSMOTE(k_neighbors=3, m_neighbors=5),
    SVMSMOTE(k_neighbors=3, m_neighbors=5),
    KMeansSMOTE(k_neighbors=2, cluster_balance_threshold=0.1, kmeans_estimator=2),
    SMOTEENN(smote=SMOTE(k_neighbors=3)),
    SMOTETomek(smote=SMOTE(k_neighbors=3)),
    ClusterCentroids(),
    RandomOverSampler(shrinkage=0.5),
]
SELECTORS = [
    NearMiss(),
    TomekLinks(),
    EditedNearestNeighbours(),
    AllKNN(),
    OneSidedSelection(),
    InstanceHardnessThreshold(estimator=GaussianNB(), cv=2),
    RandomUnderSampler(),
    RandomOverSampler(),
]


def by_class(sampler):
    return type(sampler).__name__


@pytest.mark.parametrize("sampler", [*SYNTHESISERS, *SELECTORS], ids=by_class)
def test_every_sampler_returns_images(sampler):
    X, y = make_images()
    before = X.copy()
    resampler = ImageResampler(sampler, random_state=0)
    X_res, y_res = resampler.fit_resample(X, y)

    assert X_res.dtype == np.uint8
    assert X_res.shape == (len(y_res), *X.shape[1:])
    np.testing.assert_array_equal(X, before)
    rows = resampler.sample_indices_
    assert rows.shape == (len(y_res),)
    assert rows.dtype.kind == "i"
    assert rows.min() >= -1
    kept = rows >= 0
    np.testing.assert_array_equal(X_res[kept], X[rows[kept]])
    np.testing.assert_array_equal(y_res[kept], y[rows[kept]])
    if isinstance(sampler, RandomOverSampler):
        assert kept.all() == (sampler.shrinkage is None)
    else:
        assert len(set(rows[kept])) == kept.sum()
        assert kept.all() == (sampler in SELECTORS)

    again, _ = clone(resampler).fit_resample(X, y)
    if "random_state" in sampler.get_params():
        np.testing.assert_array_equal(again, X_res)


def test_originals_come_first_and_synthetic_images_lie_between_them():
    X, y = make_images()
    resampler = ImageResampler(SMOTE(k_neighbors=3), random_state=0)
    X_res, y_res = resampler.fit_resample(X, y)
    np.testing.assert_array_equal(resampler.sample_indices_[: len(X)], np.arange(len(X)))
    np.testing.assert_array_equal(resampler.sample_indices_[len(X) :], -1)
    expected, _ = SMOTE(k_neighbors=3, random_state=0).fit_resample(
        X.reshape(len(X), -1).astype(float), y
    )
    np.testing.assert_allclose(X_res.reshape(len(X_res), -1), expected, atol=0.5 + 1e-4)
    assert Counter(y_res.tolist()) == {0: 24, 1: 24}


def test_values_are_rounded_and_clipped_to_their_type():
    X = np.zeros((12, 2, 2, 1), dtype=np.uint8)
    X[:8] = 255
    X[:8, 0, 0] = np.arange(247, 255)[:, None]
    X[8:, 0, 0] = np.arange(4)[:, None]
    y = np.repeat([0, 1], [8, 4])
    resampler = ImageResampler(RandomOverSampler(shrinkage=30.0), random_state=0)
    X_res, _ = resampler.fit_resample(X, y)
    smoothed = X_res[resampler.sample_indices_ == -1]
    assert len(smoothed) == 4
    assert smoothed.max() < 200  # around black: a wrapped negative would be bright


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64, np.float32, np.float64])
def test_numbers_keep_their_type(dtype):
    X = np.random.RandomState(0).uniform(0, 200, size=(30, 4)).astype(dtype)
    y = np.repeat([0, 1], [22, 8])
    resampler = ImageResampler(SMOTE(), random_state=0)
    X_res, _ = resampler.fit_resample(X, y)
    assert X_res.dtype == dtype
    assert X_res.shape == (44, 4)
    np.testing.assert_array_equal(X_res[:30], X)
    assert resampler.n_features_in_ == 4


@settings(max_examples=25, deadline=None)
@given(labelled_rows(fewest=3), st.integers(0, 9))
def test_synthetic_images_lie_within_the_class(data, seed):
    _, y = data
    X = np.random.RandomState(seed).randint(0, 256, size=(len(y), 2, 3, 1)).astype(np.uint8)
    resampler = ImageResampler(SMOTE(k_neighbors=1), random_state=seed)
    X_res, y_res = resampler.fit_resample(X, y)
    assert set(Counter(y_res.tolist()).values()) == {max(Counter(y.tolist()).values())}
    assert np.sum(resampler.sample_indices_ == -1) <= len(X_res) - len(X)
    for label in np.unique(y):
        own = X[y == label]
        assert (X_res[y_res == label] >= own.min(axis=0)).all()
        assert (X_res[y_res == label] <= own.max(axis=0)).all()


def test_file_names_stay_with_rows_unless_images_are_synthetic():
    X, y = make_images()
    X = ImageArray(X, [f"{i}.jpeg" for i in range(len(X))])
    for sampler in ("under", "over", TomekLinks()):
        resampler = ImageResampler(sampler, random_state=0)
        X_res, _ = resampler.fit_resample(X, y)
        np.testing.assert_array_equal(X_res.filenames, X.filenames[resampler.sample_indices_])
    X_res, _ = ImageResampler(SMOTE(k_neighbors=3), random_state=0).fit_resample(X, y)
    assert getattr(X_res, "filenames", None) is None


@pytest.mark.parametrize("sampler", [SMOTE(), TomekLinks(), RandomOverSampler(shrinkage=1.0)])
def test_samplers_that_use_the_data_are_refused_before_the_loader(sampler):
    with pytest.raises(ValueError, match=f"{by_class(sampler)} uses the data.*after ImageLoader"):
        ImageResampler(sampler).fit_resample(NAMES, TARGET)


# -- in a pipeline -----------------------------------------------------------------------------


def _pixels(paths):
    numbers = np.array([int(Path(path).stem) for path in paths])
    return np.column_stack([numbers % 7, numbers % 3])


def test_its_parameters_are_searched_as_a_step_of_a_pipeline():
    paths = np.array([f"{i}.jpeg" for i in range(60)], dtype=object)
    y = (np.arange(60) % 3 > 0).astype(int)
    early = Pipeline(
        [
            ("balance", ImageResampler(random_state=0)),
            ("read", FunctionTransformer(_pixels)),
            ("classify", GaussianNB()),
        ]
    )
    search = GridSearchCV(
        early,
        {
            "balance__sampler": ["under", "over", RandomOverSampler(random_state=1)],
            "balance__sampling_strategy": ["auto", 1.0],
        },
        scoring="recall",
    ).fit(paths, y)
    assert (search.predict(paths) == y).all()
    assert (pickle.loads(pickle.dumps(search)).predict(paths) == y).all()

    late = Pipeline(
        [
            ("read", FunctionTransformer(_pixels)),
            ("balance", ImageResampler(SMOTE(), random_state=0)),
            ("classify", GaussianNB()),
        ]
    )
    late.set_params(balance__sampler__k_neighbors=2)
    search = GridSearchCV(late, {"balance__sampler__k_neighbors": [1, 2]}, cv=2).fit(paths, y)
    assert set(search.cv_results_["param_balance__sampler__k_neighbors"]) == {1, 2}
    assert late.get_params()["balance__sampler__k_neighbors"] == 2


def test_fit_sets_the_same_attributes_as_fit_resample():
    fitted = ImageResampler(random_state=0).fit(NAMES, TARGET)
    resampled = ImageResampler(random_state=0)
    resampled.fit_resample(NAMES, TARGET)
    np.testing.assert_array_equal(fitted.sample_indices_, resampled.sample_indices_)
    assert fitted.sampling_strategy_ == resampled.sampling_strategy_ == {1: 2}


# -- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        (NAMES, [1] * 5, ValueError, "y has only 1 class, 1; balancing needs at least two"),
        (NAMES, ["sick"] * 5, ValueError, "only 1 class, 'sick'"),
        (NAMES, [0, 1], ValueError, "inconsistent numbers of samples"),
        (
            NAMES,
            [0, 1, np.nan, 1, 0],
            ValueError,
            "1 of 5 labels, the first, nan, in row 2",
        ),
        (NAMES, ["a", "b", None, "b", None], ValueError, "None in 2 of 5 labels"),
        (NAMES, ["a", "b", np.nan, "b", "a"], ValueError, "None in 1 of 5 labels"),
        (NAMES, None, ValueError, "requires y to be passed"),
        (NAMES, [0.1, 0.2, 0.3, 0.4, 0.5], ValueError, "Unknown label type"),
        ([], [], ValueError, "empty list of paths"),
        (np.zeros((0, 4, 4, 1), np.uint8), [], ValueError, "no images in X of shape"),
        (np.zeros((5, 4, 4, 1), np.uint8), [0, 1], ValueError, "inconsistent numbers"),
        (["a.jpeg", None, "c.jpeg"], [0, 1, 1], TypeError, "Entry 1 of the paths is None"),
        (pd.DataFrame({"a": NAMES, "b": NAMES}), TARGET, ValueError, "only the column"),
        (csr_array(np.eye(5)), TARGET, TypeError, "dense data is required"),
        (np.arange(5.0), TARGET, ValueError, "Reshape your data"),
    ],
)
def test_bad_input_is_named(X, y, error, message):
    with pytest.raises(error, match=message):
        ImageResampler().fit_resample(X, y)


@pytest.mark.parametrize(
    "parameters",
    [
        {"sampler": "smote"},
        {"sampler": 3},
        {"sampler": SMOTE},
        {"sampling_strategy": 2.0},
        {"random_state": "zero"},
        {"sampler": SMOTE(k_neighbors=-1)},
    ],
)
def test_bad_parameters_are_named(parameters):
    X, y = make_images()
    name = (
        "k_neighbors"
        if hasattr(parameters.get("sampler"), "k_neighbors")
        else next(iter(parameters))
    )
    with pytest.raises(ValueError, match=f"The '{name}' parameter of .* must be"):
        ImageResampler(**parameters).fit_resample(X, y)


def test_overriding_the_strategy_needs_a_sampler_that_has_one():
    with pytest.raises(ValueError, match="sampling_strategy"):
        ImageResampler(FunctionSampler(), sampling_strategy=0.5).fit_resample(*make_images())
    X, y = make_images()
    X_res, _ = ImageResampler(FunctionSampler(func=_first_rows)).fit_resample(X, y)
    np.testing.assert_array_equal(X_res, X[:20])


def _first_rows(X, y):
    return X[:20], y[:20]


@pytest.mark.slow
def test_smote_scales_to_thousands_of_images():
    X, y = make_images((1500, 500), shape=(32, 32, 1))
    resampler = ImageResampler(SMOTE(), random_state=0)
    X_res, _ = resampler.fit_resample(X, y)
    assert X_res.shape == (3000, 32, 32, 1)
    assert np.sum(resampler.sample_indices_ == -1) == 1000


@pytest.mark.parametrize("sampler", [SMOTE(), BorderlineSMOTE(), SMOTETomek()])
def test_a_class_with_fewer_images_than_neighbours_is_named(sampler):
    images = np.random.default_rng(0).integers(0, 256, (12, 4, 4, 1), dtype=np.uint8)
    with pytest.raises(ValueError, match=r"class 'ill' has images, 3\. Let it look for at most 2"):
        ImageResampler(sampler).fit_resample(images, ["well"] * 9 + ["ill"] * 3)


def test_a_class_of_one_image_has_no_neighbours():
    images = np.random.default_rng(0).integers(0, 256, (12, 4, 4, 1), dtype=np.uint8)
    y = ["well"] * 11 + ["ill"]
    said = r"'ill' has images, 1\. One image has none: use sampler='over'\."
    with pytest.raises(ValueError, match=said):
        ImageResampler(SMOTE(k_neighbors=1)).fit_resample(images, y)
    assert len(ImageResampler("over").fit_resample(images, y)[0]) == 22
