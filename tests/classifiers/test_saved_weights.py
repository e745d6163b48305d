"""Initial weights: their file, and the network they are for."""

import os

import numpy as np
import pytest

from skpneumo import build_cnn
from skpneumo.classifiers._saved_weights import (
    SHIPPED,
    image_digests,
    read_weights,
    weights_for,
    write_weights,
)

ARGUMENTS = {"input_shape": (8, 8, 1), "n_outputs": 1, "filters": (3,), "dropout": 0.0}


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (6, 8, 8, 1), dtype=np.uint8)


@pytest.fixture
def saved(tmp_path, images):
    weights = build_cnn(**ARGUMENTS, seed=0).get_weights()
    write_weights(tmp_path / "weights.npz", weights, ARGUMENTS, images[:4])
    return weights, read_weights(tmp_path / "weights.npz")


def test_weights_are_read_with_the_precision_of_16_bits(saved):
    weights, read = saved
    assert len(read.arrays) == len(weights)
    for one, other in zip(read.arrays, weights, strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)


def test_a_network_with_more_classes_gets_all_weights_except_the_logits(saved):
    weights, read = saved
    three = build_cnn(**ARGUMENTS | {"n_outputs": 3, "dropout": 0.5})
    three.set_weights(weights_for(read, ARGUMENTS | {"n_outputs": 3, "dropout": 0.5}, 3))
    np.testing.assert_allclose(three.get_weights()[0], weights[0], rtol=1e-3, atol=1e-6)
    assert not three.get_weights()[-2].any()


def test_another_network_is_refused_with_the_differences(saved):
    with pytest.raises(ValueError, match=r"it has filters=\[3\], this one filters=\[4\]"):
        weights_for(saved[1], ARGUMENTS | {"filters": (4,)}, 1)


def test_weights_that_do_not_fit_into_16_bits_are_refused(tmp_path, images):
    weights = build_cnn(**ARGUMENTS, seed=0).get_weights()
    weights[0] = weights[0] + 1e6
    with pytest.raises(ValueError, match="do not fit into 16 bits"):
        write_weights(tmp_path / "weights.npz", weights, ARGUMENTS, images)


def test_images_are_recognised_by_their_pixels(saved, images):
    read = saved[1]
    assert read.n_seen(images) == 4
    assert read.n_seen(images[4:]) == 0
    assert read.n_seen(images.astype(np.float32)) == 0
    assert len(np.unique(image_digests(images))) == len(images)


def test_a_file_with_its_time_restored_is_read_again(saved, tmp_path, images):
    file = tmp_path / "weights.npz"
    before = file.stat()
    write_weights(file, [0 * each for each in saved[0]], ARGUMENTS, images[:4])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not any(each.any() for each in read_weights(file).arrays)


def test_a_damaged_file_is_named(saved, tmp_path):
    content = (tmp_path / "weights.npz").read_bytes()
    for wrong in (b"", b"no weights", content[:-30], content[: len(content) // 2]):
        (tmp_path / "wrong.npz").write_bytes(wrong)
        with pytest.raises(ValueError, match=r"wrong\.npz' is not a file of weights, or is"):
            read_weights(tmp_path / "wrong.npz")


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"no weights 'kermani': expected the path"):
        read_weights("kermani")


def test_weights_that_come_with_the_package_fit_into_their_network():
    for name in SHIPPED:
        read = read_weights(name)
        network = build_cnn(
            **{k: tuple(v) if isinstance(v, list) else v for k, v in read.arguments.items()}
        )
        network.set_weights(read.arrays)
        assert len(read.digests)
