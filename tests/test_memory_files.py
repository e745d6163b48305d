import numpy as np
import pytest

from skpneumo import ImageLoader
from skpneumo._memory_files import files_in_memory, opened_from_memory
from skpneumo.loading import UnreadableImagesError, image_size
from skpneumo.loading.cache import memory_cache


def read(path):
    with open(path, "rb") as file:
        return file.read()


@pytest.mark.parametrize("options", [{}, {"n_jobs": 2}, {"stream": True}])
def test_images_are_those_of_the_same_files_on_disk(xrays, options):
    files = xrays.filenames[:5]
    loader = ImageLoader(size=(20, 16), **options)
    on_disk = np.asarray(loader.transform(files))
    with files_in_memory([read(path) for path in files]) as names:
        assert np.array_equal(np.asarray(loader.transform(names)), on_disk)
        assert [image_size(name) for name in names] == [image_size(path) for path in files]


def test_no_content_is_kept(xrays):
    before = len(memory_cache.images)
    with files_in_memory([read(xrays.filenames[0])]) as (name,):
        ImageLoader(size=17).transform([name])
    assert opened_from_memory(name) is None
    with pytest.raises(FileNotFoundError):
        ImageLoader(size=17).transform([name])
    assert len(memory_cache.images) == before


def test_unreadable_content_is_named(xrays):
    with (
        files_in_memory([read(xrays.filenames[0]), b"not an image"]) as names,
        pytest.raises(UnreadableImagesError) as caught,
    ):
        ImageLoader(size=8).transform(names)
    assert list(caught.value.failures) == names[1:]


def test_they_are_forgotten_after_an_error():
    with pytest.raises(RuntimeError), files_in_memory([b"x"]) as names:
        raise RuntimeError
    assert opened_from_memory(names[0]) is None
