"""Files that count how often they are decoded."""

import os
import time

import numpy as np
import pytest
from PIL import Image

from skpneumo.loading import _reading
from skpneumo.loading.cache import memory_cache


@pytest.fixture
def xray_files(tmp_path):
    """Write n different small images, long enough ago to be saved."""

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
        time.sleep(0.03)  # a tick of the clock: what has just changed is not saved
        return paths

    return write


def age(path, seconds=60):
    """Make a file look as if it had not just been written."""
    then = time.time() - seconds
    os.utime(path, (then, then))


@pytest.fixture
def decoded(monkeypatch):
    """The paths that have been decoded in this process, in order; nothing is saved yet."""
    paths = []
    decode_image = _reading.decode_image

    def spy(path, *parameters):
        paths.append(path)
        return decode_image(path, *parameters)

    monkeypatch.setattr(_reading, "decode_image", spy)
    memory_cache.clear()
    yield paths
    memory_cache.clear()
