"""Files are read as the loader in a fitted estimator reads them, wherever it is."""

import numpy as np
import pytest
from PIL import Image
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline as sklearn_pipeline
from sklearn.pipeline import make_union
from sklearn.preprocessing import FunctionTransformer

from skpneumo import ImageLoader, make_pipeline
from skpneumo._loader_of import loader_of, resized

Y = [0, 1] * 4


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    names = [str(folder / f"{number}.png") for number in range(8)]
    for number, name in enumerate(names):
        Image.fromarray(np.full((8, 8), 400 * number, dtype=np.uint16)).save(name)
    return names


def in_rows(images):
    return np.asarray(images).reshape(len(images), -1)


def features(white=4095, **params):
    return make_pipeline(ImageLoader(size=4, white=white, **params), FunctionTransformer(in_rows))


def flat(**params):
    return make_pipeline(*(step for _, step in features(**params).steps), GaussianNB())


NESTS = {
    "pipeline": flat,
    "nested pipeline": lambda: sklearn_pipeline(sklearn_pipeline(features()), GaussianNB()),
    "union": lambda: make_pipeline(make_union(features(), features()), GaussianNB()),
    "search": lambda: GridSearchCV(flat(), {"gaussiannb__priors": [None]}, cv=2),
    "calibration": lambda: CalibratedClassifierCV(flat(), cv=2),
    "threshold": lambda: FixedThresholdClassifier(flat(), threshold=0.3),
    "voting": lambda: VotingClassifier([("a", flat()), ("b", flat())], voting="soft"),
    "stacking": lambda: StackingClassifier([("a", flat())], GaussianNB(), cv=2),
    "search of calibration": lambda: GridSearchCV(
        CalibratedClassifierCV(sklearn_pipeline(features(), GaussianNB()), cv=2),
        {"method": ["sigmoid"]},
        cv=2,
    ),
}


@pytest.mark.parametrize("nested", NESTS.values(), ids=NESTS)
def test_loader_is_found_in_any_nesting(nested, paths):
    model = nested().fit(paths, Y)
    assert loader_of(model).white == 4095
    assert loader_of(FrozenEstimator(model)).white == 4095


def test_without_a_loader_it_is_the_default():
    model = make_pipeline(FunctionTransformer(), DummyClassifier()).fit([[0], [1]], [0, 1])
    assert loader_of(model).get_params() == ImageLoader().get_params()


@pytest.mark.parametrize("other", [{"white": 9000}, {"dicom_window": None}])
def test_loaders_that_read_values_differently_are_said(other, paths):
    both = VotingClassifier([("a", flat()), ("b", flat(**other))], voting="soft")
    with pytest.warns(UserWarning, match=r"differ in dicom_window or white.*white=4095") as caught:
        assert loader_of(both.fit(paths, Y)).white == 4095
    assert caught[0].filename == __file__


@pytest.mark.parametrize("loader", ["x", 4095, ImageLoader, make_pipeline(ImageLoader())])
def test_what_is_no_loader_is_refused_by_name(loader):
    with pytest.raises(TypeError, match=r"(?s)^loader=.* is not an ImageLoader\. Pass one"):
        resized(loader, 16)


def test_another_size_reads_pixel_values_in_the_same_way():
    loader = resized(ImageLoader(size=8, white=4095, dicom_window=None), 16, "pad", cache=False)
    assert loader.get_params() == (
        ImageLoader(size=16, resize="pad", white=4095, dicom_window=None, cache=False).get_params()
    )
    assert resized(None, 16).white == ImageLoader().white
