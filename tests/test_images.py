"""Only stacks of images are accepted, and what is suggested for others converts them."""

import keras
import numpy as np
import pandas as pd
import pytest

from skpneumo import (
    ContrastEqualizer,
    ImageAugmenter,
    ImageLoader,
    ImageResampler,
    PatientKFold,
    patient_train_test_split,
)
from skpneumo._images import check_is_array
from skpneumo._paths import check_paths
from skpneumo.classifiers._inputs import check_labels

X = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4, 1)
Y = np.arange(6) % 2
NAMES = ["a.png", "b.png", "c.png", "d.png"]


class Sequence(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, i):
        return X[2 * i : 2 * i + 2], Y[2 * i : 2 * i + 2]


class Torch:
    """A data set like torch's, of which only the module of its class is used."""

    def __iter__(self):
        return iter(zip(X, Y, strict=True))


Torch.__module__ = "torch.utils.data.dataset"


def tensorflow(batched):
    tf = pytest.importorskip("tensorflow")
    data = tf.data.Dataset.from_tensor_slices((X, Y))
    return data.batch(4) if batched else data


DATA_SETS = {
    "tf.data, batched": lambda: tensorflow(True),
    "tf.data, one by one": lambda: tensorflow(False),
    "torch": Torch,
    "Keras": Sequence,
}


@pytest.mark.parametrize("make", DATA_SETS.values(), ids=DATA_SETS)
def test_the_suggested_line_converts_a_data_set_to_arrays(make):
    data = make()
    with pytest.raises(TypeError, match="Expected an array of images, got") as caught:
        check_is_array(data)
    line = str(caught.value).split("images, labels = ")[1].split(";")[0]
    images, labels = eval(line, {"np": np, "X": data})
    np.testing.assert_array_equal(images, X)
    np.testing.assert_array_equal(labels, Y)


def test_a_generator():
    with pytest.raises(TypeError, match=r"got a generator.*np\.stack\(list\(X\)\)"):
        check_is_array(image for image in X)


def query(kind):
    frame = {"path": NAMES, "patient": ["ann", "bob", "cid", "dan"]}
    if kind == "polars":
        return pytest.importorskip("polars", reason="pip install polars").LazyFrame(frame)
    return pytest.importorskip("pyarrow", reason="pip install pyarrow").table(frame)


@pytest.mark.parametrize("kind", ["polars", "pyarrow"])
@pytest.mark.parametrize(
    "use",
    [
        lambda X: check_paths(X),
        lambda X: ImageLoader().fit(X),
        lambda X: ImageResampler().fit_resample(X, [0, 0, 1, 1]),
        lambda X: [*PatientKFold(2).split(X, [0, 0, 1, 1])],
        lambda X: patient_train_test_split(X, [0, 0, 1, 1]),
    ],
    ids=["paths", "loader", "resampler", "folds", "split"],
)
def test_a_table_without_rows_to_select_names_what_converts_it(kind, use):
    X = query(kind)
    with pytest.raises(TypeError, match=r"cannot be selected\. Pass X\.\w+\(\)") as caught:
        use(X)
    line = str(caught.value).split("Pass ")[1].split(" instead")[0]
    assert check_paths(eval(line, {"X": X})).tolist() == NAMES


def test_a_query_of_numbers_names_what_converts_it_and_a_table_of_numbers_is_an_array():
    numbers = {"a": [1.0, 2.0], "b": [0.0, 1.0]}
    polars = pytest.importorskip("polars", reason="pip install polars")
    with pytest.raises(TypeError, match=r"LazyFrame cannot be selected\. Pass X\.collect\(\)"):
        check_is_array(polars.LazyFrame(numbers))
    check_is_array(polars.DataFrame(numbers))
    check_is_array(pytest.importorskip("pyarrow", reason="pip install pyarrow").table(numbers))


def column(kind):
    cells = np.empty(len(X), dtype=object)
    cells[:] = list(X)
    return {"array": cells, "Series": pd.Series(cells), "DataFrame": pd.DataFrame({"x": cells})}[
        kind
    ]


@pytest.mark.parametrize("kind", ["array", "Series", "DataFrame"])
def test_a_column_of_arrays(kind):
    data = column(kind)
    with pytest.raises(ValueError, match="a column of arrays, each of shape") as caught:
        check_is_array(data)
    line = str(caught.value).split("Stack them: ")[1].removesuffix(".")
    np.testing.assert_array_equal(eval(line, {"np": np, "X": data}), X)


def test_images_of_several_sizes():
    ragged = [*X[:3], X[3][:2]]
    with pytest.raises(ValueError, match=r"\(4, 4, 1\) in row 0 and \(2, 4, 1\) in row 3"):
        check_is_array(ragged)


@pytest.mark.parametrize("given", [(image for image in X), column("array"), [*X[:3], X[3][:2]]])
@pytest.mark.parametrize(
    "act",
    [
        ContrastEqualizer().transform,
        lambda images: ImageAugmenter().fit_resample(images, Y),
        lambda images: ImageResampler().fit_resample(images, Y),
    ],
    ids=["transformer", "augmenter", "resampler"],
)
def test_every_step_refuses_them_in_these_words(act, given):
    with pytest.raises(
        (TypeError, ValueError), match=r"Expected an array of images|Expected images of one size"
    ):
        act(given)


@pytest.mark.parametrize(
    "fine", [X, list(X), X.tolist(), X.reshape(6, -1), pd.DataFrame(X.reshape(6, -1))]
)
def test_arrays_and_rows_pass(fine):
    check_is_array(fine)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.eye(2)[Y], r"one-hot labels of shape \(6, 2\).*y\.argmax"),
        (np.eye(2)[Y].tolist(), r"one-hot labels.*np\.asarray\(y\)\.argmax"),
        (pd.DataFrame({"PNEUMONIA": Y, "NORMAL": 1 - Y}), r"one-hot labels.*y\.idxmax"),
        ([0, 1, np.nan, 0], "NaN or None in 1 of 4 labels, the first, nan, in row 2"),
        (["a", "b", "nan"], "the first, 'nan', in row 2"),
        (["a", None, "b", None], "NaN or None in 2 of 4 labels, the first, None, in row 1"),
        (np.array(["a", np.nan]), "NaN or None in 1 of 2 labels, the first, 'nan', in row 1"),
        (pd.Series(["a", pd.NA]).astype(str), "NaN or None in 1 of 2 labels"),
        ([["a"], [np.nan]], "NaN or None in 1 of 2 labels, the first, nan, in row 1"),
        (pd.DataFrame({"label": ["a", None]}), "NaN or None in 1 of 2 labels"),
        (["a", 1, "1"], "are text, such as 'a', and others that are not, such as 1"),
        (np.array([0, "0", 1], dtype=object), "Convert all labels to text, or all to numbers"),
    ],
)
def test_other_objects_than_labels_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        check_labels(labels)


def test_labels_of_a_type_unknown_to_scikit_learn_are_refused_with_the_remedy():
    labels = np.array(["a", "b"], dtype=np.dtypes.StringDType())
    with pytest.raises(TypeError, match=r"StringDType.*Pass y\.astype\(object\)"):
        check_labels(labels)
    check_labels(labels.astype(object))


@pytest.mark.parametrize(
    "labels", [["a", np.str_("b")], [True, 0], [1, np.float64(0)], pd.Categorical(["b", "a"])]
)
def test_labels_of_one_kind_pass(labels):
    check_labels(labels)
