"""A stream behaves like the images in memory."""

import gc
import os
import pickle
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import NearMiss
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.base import clone
from sklearn.model_selection import cross_val_predict, train_test_split
from sklearn.utils import resample, shuffle

from skpneumo import (
    CNNClassifier,
    ImageAugmenter,
    ImageResampler,
    PatientKFold,
    TransferClassifier,
    make_pipeline,
    patient_train_test_split,
)
from skpneumo._images import check_images
from skpneumo._sklearn import _safe_indexing
from skpneumo.loading import (
    ImageArray,
    ImageLoader,
    ImageStream,
    MissingImagesError,
    UnreadableImagesError,
    _reading,
)
from skpneumo.loading.cache import memory_cache

N = 7


@pytest.fixture(scope="module")
def both(xrays):
    """The same images in memory and as a stream."""
    loader = ImageLoader(size=(12, 10))
    return (
        loader.transform(xrays.filenames[:N]),
        clone(loader).set_params(stream=True).transform(xrays.filenames[:N]),
    )


ROWS = st.one_of(
    st.slices(N),
    st.lists(st.integers(-N, N - 1)),
    st.lists(st.integers(-N, N - 1)).map(lambda rows: np.array(rows, dtype=int)),
    st.lists(st.booleans(), min_size=N, max_size=N),
    st.lists(st.booleans(), min_size=N, max_size=N).map(np.array),
)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, lazy=st.sampled_from([(), (...,), (slice(None), ...)]))
def test_rows_are_selected_without_decoding(both, rows, lazy):
    images, stream = both
    key = (rows, *lazy) if lazy else rows
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_reading, "decode_image", None)
        part = stream[key]
    assert isinstance(part, ImageStream)
    assert part.shape == images[key].shape
    assert_array_equal(part.filenames, images[key].filenames)
    assert_array_equal(part, images[key])


@pytest.mark.parametrize(
    "key", [2, -1, np.int64(3), (2, slice(1, 4)), (slice(2), 3), ([1, 4], slice(3), ..., 0)]
)
def test_selecting_more_than_rows_decodes(both, key):
    images, stream = both
    assert type(stream[key]) in (np.ndarray, ImageArray)
    assert_array_equal(stream[key], images[key])


@pytest.mark.parametrize("key", [None, "a", 1.5, [[1, 2], [3, 4]], True])
def test_other_indices_are_refused(both, key):
    with pytest.raises(IndexError, match="indexed by rows"):
        both[1][key]


@pytest.mark.parametrize("form", [list, np.array, lambda names: [[Path(name)] for name in names]])
def test_every_form_of_paths_and_size_makes_a_stream(form, both, tmp_path):
    array, stream = both
    made = ImageStream(form(stream.filenames.tolist()), size=[12, 10], cache=tmp_path / "cache")
    assert_array_equal(made[2], array[2])
    assert_array_equal(made.filenames, stream.filenames)


def test_a_single_number_is_the_side_of_a_square_as_for_the_loader():
    assert ImageStream(["a.png"], size=16).shape == (1, 16, 16, 1)
    with pytest.raises(ValueError, match=r"size=\(64,\) is not a size"):
        ImageStream(["a.png"], size=(64,))


def test_it_has_the_attributes_of_the_array(both):
    images, stream = both
    assert stream.shape == images.shape == np.shape(stream)
    assert stream.dtype == images.dtype
    assert (stream.ndim, len(stream)) == (images.ndim, len(images))
    assert stream[...] is stream[()] is stream
    assert repr(stream) == "ImageStream of 7 images, 12 x 10 x 1"
    assert_array_equal(np.asanyarray(stream).filenames, images.filenames)
    assert np.asarray(stream, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="copy=False"):
        np.array(stream, copy=False)
    assert_array_equal(list(stream), images)
    assert isinstance(check_images(stream), ImageArray)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 50])
@pytest.mark.parametrize("n_jobs", [None, 3])
def test_batches_come_in_order(both, batch_size, n_jobs):
    images, stream = both
    stream = ImageStream(stream.filenames, size=(12, 10), n_jobs=n_jobs)
    batches = list(stream.batches(batch_size))
    assert [len(batch) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    assert_array_equal(np.concatenate(batches), images)


def test_an_empty_stream_has_no_batches(both):
    _, stream = both
    assert list(stream[:0]) == list(stream[:0].batches(4)) == []


@pytest.mark.parametrize(
    "select",
    [
        lambda X: _safe_indexing(X, [4, 0, 4]),
        lambda X: shuffle(X, random_state=0),
        lambda X: resample(X, random_state=0),
        lambda X: train_test_split(X, random_state=0)[1],
        lambda X: pickle.loads(pickle.dumps(X)),
    ],
)
def test_row_selection_of_scikit_learn_keeps_a_stream(both, select):
    images, stream = both
    assert isinstance(select(stream), ImageStream)
    assert_array_equal(select(stream), select(images))


def fitted(X, y, **parameters):
    network = CNNClassifier(
        filters=(4,), dense_units=(), epochs=3, batch_size=8, random_state=0, **parameters
    )
    return network.fit(X, y)


@pytest.fixture(scope="module")
def collection(xrays):
    loader = ImageLoader(size=16)
    X = loader.transform(xrays.filenames)
    return X, loader.set_params(stream=True).transform(xrays.filenames), xrays.target


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"early_stopping": True, "validation_fraction": 0.3},
        {
            "augmentation": ImageAugmenter(rotation=10),
            "mixup": 0.2,
            "balanced_batches": True,
            "n_tta": 1,
        },
    ],
)
def test_training_and_predicting_give_the_same_bits(collection, parameters):
    X, stream, y = collection
    one, other = fitted(X, y, **parameters), fitted(stream, y, **parameters)
    assert one.history_ == other.history_
    for weights, same in zip(one.weights_, other.weights_, strict=True):
        assert_array_equal(weights, same)
    assert_array_equal(one.predict_proba(X), other.predict_proba(stream))
    assert_array_equal(one.predict(stream[:3]), other.predict(X[:3]))


def test_images_of_weight_zero_are_left_out(collection):
    X, stream, y = collection
    sample_weight = np.arange(len(y)) % 3
    networks = [
        CNNClassifier(filters=(), dense_units=(), epochs=2, random_state=0).fit(
            images, y, sample_weight=sample_weight
        )
        for images in (X, stream)
    ]
    assert_array_equal(networks[0].predict_proba(X), networks[1].predict_proba(X))


def test_partial_fit_and_given_validation_images(collection, xrays):
    X, stream, y = collection
    held_out = xrays.groups == xrays.groups[0]
    results = [
        fitted(images, y).partial_fit(images[:20], y[:20]).predict_proba(images)
        for images in (X, stream)
    ]
    assert_array_equal(*results)
    histories = [
        CNNClassifier(filters=(), dense_units=(), epochs=2, random_state=0)
        .fit(images[~held_out], y[~held_out], X_val=images[held_out], y_val=y[held_out])
        .history_
        for images in (X, stream)
    ]
    assert histories[0] == histories[1]


def test_transfer_classifier_fits_a_stream(collection, brief_backbone):
    X, stream, y = collection
    transfer = TransferClassifier(
        "Brief",
        weights=None,
        epochs=1,
        fine_tune_from="all",
        fine_tune_epochs=1,
        random_state=0,
    )
    results = [clone(transfer).fit(some[:12], y[:12]).predict_proba(some) for some in (X, stream)]
    assert_array_equal(*results)


@pytest.mark.parametrize(
    "use",
    [
        lambda X, y: fitted(X, y),
        lambda X, y: fitted(X, y, early_stopping=True, validation_fraction=0.3),
        lambda X, y: CNNClassifier(filters=(), dense_units=()).partial_fit(X, y),
        lambda X, y: fitted(X[:20], y[:20]).partial_fit(X, y),
        lambda X, y: fitted(X[:20], y[:20]).predict(X),
        lambda X, y: fitted(X[:20], y[:20]).last_features(X),
        lambda X, y: CNNClassifier(filters=(), epochs=1).fit(
            X[:20], y[:20], X_val=X[-3:], y_val=y[-3:]
        ),
        lambda X, y: TransferClassifier("Brief", weights=None, epochs=1).fit(X, y),
    ],
    ids=[
        "fit",
        "inner-validation",
        "partial_fit",
        "second-partial_fit",
        "predict",
        "last_features",
        "X_val",
        "transfer",
    ],
)
def test_files_that_are_too_dark_are_refused_when_decoded(
    use, collection, tmp_path, brief_backbone
):
    _, stream, y = collection
    dark = tmp_path / "IM-9999-0001.png"
    Image.fromarray(stream[0][..., 0] // 16).save(dark)
    names = [*stream.filenames, dark]
    told = []
    for loader in (ImageLoader(size=16), ImageLoader(size=16, stream=True)):
        with pytest.raises(ValueError, match=r"in '.*IM-9999-0001\.png'.*white=4095") as caught:
            use(loader.transform(names), np.append(y, 0))
        told.append(str(caught.value).removeprefix("In X_val and y_val: "))
    assert told[0] == told[1]


def test_resampler_splitters_and_cross_validation_accept_a_stream(collection):
    X, stream, y = collection
    for sampler in ("under", "over"):
        drawn = [
            ImageResampler(sampler, random_state=0).fit_resample(some, y) for some in (X, stream)
        ]
        assert isinstance(drawn[1][0], ImageStream)
        assert_array_equal(drawn[0][0].filenames, drawn[1][0].filenames)
        assert_array_equal(drawn[0][1], drawn[1][1])
    for sampler in (SMOTE(k_neighbors=2), NearMiss()):
        drawn = [
            ImageResampler(sampler, random_state=0).fit_resample(some, y) for some in (X, stream)
        ]
        assert_array_equal(drawn[0][0], drawn[1][0])
    parts = [patient_train_test_split(some, y, random_state=0)[0] for some in (X, stream)]
    assert isinstance(parts[1], ImageStream)
    assert_array_equal(parts[0].filenames, parts[1].filenames)
    pipeline = make_pipeline(
        ImageResampler("over", random_state=0),
        CNNClassifier(filters=(), dense_units=(), epochs=1, random_state=0),
    )
    predicted = [
        cross_val_predict(pipeline, some, y, cv=PatientKFold(2), method="predict_proba")
        for some in (X, stream)
    ]
    assert_array_equal(*predicted)


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        (lambda X, y: CNNClassifier().fit(X, y[:-1]), r"got \d+ of them and \d+ labels"),
        (lambda X, y: CNNClassifier().fit(X[:0], y[:0]), "an empty stream of images"),
        (lambda X, y: CNNClassifier(image_shape=(3, 3, 1)).fit(X, y), r"image_shape=\(3, 3, 1\)"),
        (lambda X, y: fitted(np.asarray(X) / 255, y).predict(X), "fitted on values from 0 to 1"),
        (lambda X, y: fitted(np.asarray(X)[:, :8], y).predict(X), r"was fitted on \(8, 16, 1\)"),
        (lambda X, y: ImageResampler().fit_resample(X[:0], y[:0]), "Found no images"),
    ],
)
def test_invalid_input_is_named_as_for_arrays(collection, fit, message):
    _, stream, y = collection
    with pytest.raises(ValueError, match=message):
        fit(stream, y)


def test_missing_files_are_named_at_once_and_unreadable_ones_when_decoded(xray_files, tmp_path):
    good = xray_files(4)
    loader = ImageLoader(size=4, stream=True)
    with pytest.raises(MissingImagesError) as caught:
        loader.transform([*good, "no.png", "nor this.png"])
    assert list(caught.value.failures) == ["no.png", "nor this.png"]
    with pytest.raises(UnreadableImagesError, match="a folder"):
        loader.transform([*good, tmp_path])
    text = tmp_path / "text.png"
    text.write_text("not an image")
    stream = loader.transform([*good, text])
    assert len(list(stream[:4].batches(2))) == 2
    with pytest.raises(UnreadableImagesError, match=r"text\.png"):
        list(stream.batches(2))
    with pytest.raises(UnreadableImagesError, match=r"text\.png"):
        fitted(stream, [0, 1, 0, 1, 1])
    assert not [t for t in threading.enumerate() if t.name.startswith("skpneumo-decoding")]


def test_identical_files_stay_together_without_being_decoded(xray_files, decoded, tmp_path):
    a, b, c = xray_files(3)
    linked, copied = str(tmp_path / "linked.png"), str(tmp_path / "copied.png")
    os.link(a, linked)
    with open(b, "rb") as source, open(copied, "wb") as target:
        target.write(source.read())
    stream = ImageLoader(stream=True).transform([a, b, c, linked, copied, a])
    digests = stream.content_digests()
    assert digests[0] == digests[3] == digests[5]
    assert digests[1] == digests[4]
    assert len(set(digests)) == 3
    assert not decoded


@pytest.fixture
def alive(monkeypatch):
    """The largest number of decoded images that were alive at one time, in a list of one."""
    most = [0]
    now = weakref.WeakSet()
    read = _reading.ImageReader.read

    class Counted(np.ndarray):
        __hash__ = object.__hash__

        def __eq__(self, other):
            return self is other

    def spy(self, paths, *arguments, **options):
        images = read(self, paths, *arguments, **options).view(Counted)
        now.add(images)
        most[0] = max(most[0], sum(len(batch) for batch in list(now)))
        return images

    monkeypatch.setattr(_reading.ImageReader, "read", spy)
    return most


@pytest.mark.parametrize("n", [300, 10_000])
def test_memory_does_not_grow_with_the_stream(n, xray_files, alive, tmp_path):
    (path,) = xray_files(1)
    folder = tmp_path / "links"
    folder.mkdir()
    links = [str(folder / f"person{i}_virus_{i}.png") for i in range(n)]
    for link in links:
        os.link(path, link)
    stream = ImageLoader(size=4, stream=True).transform(links)
    n_images = 0
    for batch in stream.batches(32):
        n_images += len(batch)
    assert n_images == n
    # Being decoded, decoded ahead, handed out, and let go of a moment later.
    assert alive[0] <= 5 * 32
    assert not memory_cache.images


def test_training_and_predicting_have_few_batches_in_memory(xray_files, alive):
    paths = xray_files(120)
    network = fitted(ImageLoader(size=4, stream=True).transform(paths), [0, 1] * 60)
    assert alive[0] <= 5 * 8
    network.predict(ImageLoader(size=4, stream=True).transform(paths * 8))
    assert alive[0] <= 5 * 64


def test_an_interrupted_pass_leaves_no_threads(xray_files):
    batches = ImageLoader(size=4, stream=True, n_jobs=2).transform(xray_files(40)).batches(4)
    next(batches)
    assert [t for t in threading.enumerate() if t.name.startswith("skpneumo-decoding")]
    del batches
    gc.collect()
    assert not [t for t in threading.enumerate() if t.name.startswith("skpneumo-decoding")]


def test_a_stream_saves_decoded_images_in_a_folder(xray_files, decoded, tmp_path):
    pytest.importorskip("lmdb", reason='needs pip install "skpneumo[cache]"')
    paths = xray_files(20)
    stream = ImageLoader(size=4, stream=True, cache=tmp_path / "cache", n_jobs=2).transform(paths)
    for _ in range(3):
        images = np.concatenate(list(stream.batches(6)))
    assert sorted(decoded) == sorted(paths)
    assert_array_equal(images, ImageLoader(size=4, cache=False).transform(paths))
