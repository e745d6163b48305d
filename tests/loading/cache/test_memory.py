"""Within a process each file is decoded once until it changes."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from skpneumo.loading import ImageLoader, UnreadableImagesError
from skpneumo.loading.cache import MemoryVisit, _keys, memory_cache
from skpneumo.loading.cache._memory import MemoryCache

from ..conftest import age


def flatten(X):
    return np.asarray(X).reshape(len(X), -1)


@pytest.mark.parametrize("cache", [None, "folder"])
def test_a_search_decodes_each_file_once_over_folds_and_candidates(
    cache, xray_files, decoded, tmp_path
):
    paths = xray_files(12)
    loader = ImageLoader(size=4, cache=None if cache is None else tmp_path / cache)
    search = GridSearchCV(
        make_pipeline(loader, FunctionTransformer(flatten), DecisionTreeClassifier()),
        {"decisiontreeclassifier__max_depth": [1, 2, 3]},
        cv=3,
    )
    search.fit(paths, [0, 1] * 6)
    search.predict(paths)
    assert sorted(decoded) == sorted(paths)


def test_other_parameters_decode_again(xray_files, decoded):
    paths = xray_files(2)
    for parameters in ({}, {"size": 5}, {"color_mode": "rgb"}, {"resize": "pad"}):
        loader = ImageLoader(**{"size": 8, **parameters})
        expected = ImageLoader(**{"size": 8, **parameters}, cache=False).transform(paths)
        assert_array_equal(loader.transform(paths), expected)
        assert_array_equal(clone(loader).set_params(n_jobs=2).transform(paths), expected)
    assert len(decoded) == 2 * 4 * len(paths)


def test_repeated_paths_are_decoded_once_even_when_nothing_is_saved(xray_files, decoded):
    a, b = xray_files(2)
    images = ImageLoader(size=4, cache=False).transform([a, b, a, a])
    assert decoded == [a, b]
    assert_array_equal(images[[2, 3]], images[[0, 0]])
    ImageLoader(size=4, cache=False).transform([a])
    assert decoded == [a, b, a]


def replace_content(path):
    age(path, seconds=30)


def replace_file(path):
    """Replace it with another file of the same size and time, as an archive does."""
    before = os.stat(path)
    Image.fromarray(255 - np.asarray(Image.open(path))).save(f"{path}.new", format="PNG")
    with open(f"{path}.new", "ab") as file:
        file.write(b"\0" * (before.st_size - os.path.getsize(f"{path}.new")))
    os.utime(f"{path}.new", ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(f"{path}.new", path)


def rewrite_in_place(path):
    """Write another image of the same size into the file, and restore its modification time."""
    before = os.stat(path)
    image = Image.fromarray(255 - np.asarray(Image.open(path)))
    image.save(path, format="PNG")
    with open(path, "ab") as file:
        file.write(b"\0" * (before.st_size - os.path.getsize(path)))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def exchange_names(path):
    """Exchange the names of two files of the same size and time."""
    replace_file(shutil.copy2(path, f"{path}.png"))
    os.rename(path, f"{path}.tmp")
    os.rename(f"{path}.png", path)


@pytest.mark.parametrize("cache", [None, "folder"])
@pytest.mark.parametrize(
    "change", [replace_content, replace_file, rewrite_in_place, exchange_names]
)
def test_changed_files_are_decoded_again(
    change, cache, xray_files, decoded, tmp_path, monkeypatch
):
    (path,) = xray_files(1)
    # Or every change would be found because it has only just been made.
    monkeypatch.setattr(_keys, "_has_just_changed", lambda status: False)
    loader = ImageLoader(size=4, cache=None if cache is None else tmp_path / cache)
    loader.transform([path])
    loader.transform([path])
    assert decoded == [path]
    change(path)
    changed = loader.transform([path])
    assert decoded == [path, path]
    assert_array_equal(changed, ImageLoader(size=4, cache=False).transform([path]))


def test_a_file_just_written_is_not_saved(xray_files, decoded):
    (path,) = xray_files(1)
    age(path, seconds=0)
    ImageLoader(size=4).transform([path])
    age(path)
    ImageLoader(size=4).transform([path])
    assert decoded == [path, path]


def test_a_file_replaced_while_it_is_read_is_not_saved(xray_files, decoded, monkeypatch):
    from skpneumo.loading import _reading

    (path,) = xray_files(1)
    spy = _reading.decode_image

    def decode_and_touch(path, *parameters):
        image = spy(path, *parameters)
        age(path, seconds=20)
        return image

    monkeypatch.setattr(_reading, "decode_image", decode_and_touch)
    ImageLoader(size=4).transform([path])
    assert not memory_cache.images


def test_returned_images_can_be_modified(xray_files, decoded):
    paths = xray_files(3)
    first = ImageLoader(size=4).transform(paths)
    expected = first.copy()
    first[:] = 0
    second = ImageLoader(size=4).transform(paths)
    assert_array_equal(second, expected)
    second[:] = 0
    assert_array_equal(ImageLoader(size=4).transform(paths), expected)
    assert len(decoded) == 3


def test_good_files_are_saved_when_others_cannot_be_read(xray_files, decoded, tmp_path):
    good = xray_files(3)
    bad = tmp_path / "text.png"
    bad.write_text("not an image")
    age(bad)
    with pytest.raises(UnreadableImagesError):
        ImageLoader(size=4).transform([*good, bad])
    ImageLoader(size=4).transform(good)
    assert sorted(decoded) == sorted([*good, str(bad)])


def visit(cache, rows):
    """Call a loader for these images of 8 bytes; return the rows it had to decode."""
    images = np.zeros((len(rows), 8), dtype=np.uint8)
    keys = [str(row) for row in rows]
    call = MemoryVisit(cache)
    missing = call.fetch(range(len(rows)), keys, images)
    for i in missing:
        images[i] = rows[i]
    call.save(missing, keys, images)
    assert_array_equal(images[:, 0], rows)
    assert cache.n_bytes == 8 * len(cache.images) <= cache.max_bytes
    return [rows[i] for i in missing]


def test_memory_is_limited_and_the_least_recently_used_is_removed():
    cache = MemoryCache(max_bytes=4 * 8)
    visit(cache, [1, 2])
    visit(cache, [3, 4])
    visit(cache, [1, 2])
    visit(cache, [5])
    assert visit(cache, [1, 2]) == []
    assert visit(cache, [3]) == [3]


def test_repeated_reading_of_more_than_fits_still_uses_the_cache():
    cache = MemoryCache(max_bytes=6 * 8)
    everything = list(range(10))
    assert visit(cache, everything) == everything
    for _ in range(3):
        assert visit(cache, everything) == [6, 7, 8, 9]


def test_an_image_larger_than_the_memory_is_returned_and_not_saved():
    cache = MemoryCache(max_bytes=4)
    assert visit(cache, [1]) == [1]
    assert not cache.images


def test_an_image_larger_than_the_memory_removes_no_other():
    cache = MemoryCache(max_bytes=4 * 8)
    visit(cache, [1, 2])
    large = np.zeros((1, 100), dtype=np.uint8)
    MemoryVisit(cache).save([0], [b"large"], large)
    assert visit(cache, [1, 2]) == []


def test_threads_share_it(xray_files, decoded):
    paths = xray_files(20)
    expected = ImageLoader(size=4, cache=False).transform(paths)
    with ThreadPoolExecutor(4) as threads:
        for images in threads.map(lambda _: ImageLoader(size=4).transform(paths), range(12)):
            assert_array_equal(images, expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_forked_while_the_cache_is_in_use_does_not_deadlock(xray_files):
    program = (
        "import os, sys\n"
        "from skpneumo.loading import ImageLoader\n"
        "from skpneumo.loading.cache import memory_cache\n"
        "paths = sys.argv[1:]\n"
        "ImageLoader(size=4).transform(paths)\n"
        "with memory_cache.lock:\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        ImageLoader(size=4).transform(paths)\n"
        "        os._exit(7)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    run = subprocess.run([sys.executable, "-c", program, *xray_files(2)], timeout=600, check=False)
    assert run.returncode == 7
