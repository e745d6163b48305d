"""Small image files, a record of the files decoded, and loading of bytes."""

import os
import time

import numpy as np
import pytest
from PIL import Image

from skpneumo.loading import ImageLoader, _reading
from skpneumo.loading.cache import memory_cache


@pytest.fixture
def load(tmp_path):
    """Load the bytes of an image file as a grey image of shape (size, size)."""

    def load(data, size=64):
        path = tmp_path / "x"
        path.write_bytes(data)
        (image,) = ImageLoader(size=size, cache=False).transform([path])
        return np.asarray(image)[..., 0]

    return load


@pytest.fixture
def xray_files(tmp_path):
    """Write n different small images, dated long enough ago to be cached."""

    def write(n=6, seed=0, size=(9, 7)):
        folder = tmp_path / f"xrays-{seed}"
        folder.mkdir()
        rng = np.random.default_rng(seed)
        paths = []
        for i in range(n):
            path = folder / f"person{i}_virus_{i}.png"
            Image.fromarray(rng.integers(0, 256, size, dtype=np.uint8)).save(path)
            age(path)
            paths.append(str(path))
        time.sleep(
            0.03
        )  # a tick of the clock, because files that have just changed are not cached
        return paths

    return write


def age(path, seconds=60):
    """Set back the times of a file, so that it does not seem to be new."""
    then = time.time() - seconds
    os.utime(path, (then, then))


@pytest.fixture
def decoded(monkeypatch):
    """The paths decoded in this process, in order, starting with an empty cache."""
    paths = []
    decode_image = _reading.decode_image

    def spy(path, *parameters):
        paths.append(path)
        return decode_image(path, *parameters)

    monkeypatch.setattr(_reading, "decode_image", spy)
    memory_cache.clear()
    yield paths
    memory_cache.clear()
