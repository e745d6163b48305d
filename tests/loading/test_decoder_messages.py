"""Messages of decoders name their file, and no other messages are captured or lost."""

import threading
import warnings

import numpy as np
import pytest
from PIL import Image

from skpneumo.loading import ImageLoader, UnreadableImagesError
from skpneumo.loading._decoder_messages import PillowWarnings, _libtiff, libtiff_errors


def noise(seed=0):
    pixels = np.random.default_rng(seed).integers(0, 255, (90, 90), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture
def odd_files(tmp_path):
    """Files that Pillow warns about although their pixels are sound, and a sound file."""
    broken_exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01"
    paths = [str(tmp_path / f"{i}.jpeg") for i in range(6)]
    for i, path in enumerate(paths):
        noise(i).save(path, exif=broken_exif if i else b"")
    return paths


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_warnings_of_pillow_become_one_that_names_the_files(odd_files, n_jobs):
    filters = list(warnings.filters)
    with pytest.warns(UserWarning, match="Pillow warned") as caught:
        images = ImageLoader(size=8, cache=False, n_jobs=n_jobs).transform(odd_files)
    assert len(images) == 6
    (message,) = (str(each.message) for each in caught)
    assert message.startswith("Pillow warned about 5 image files but read them.")
    assert sum(repr(path) in message for path in odd_files[1:]) == 3
    assert "Corrupt EXIF" in message
    assert "about 2 more" in message
    assert warnings.filters == filters


def test_sound_files_do_not_warn(odd_files):
    ImageLoader(size=8, cache=False).transform(odd_files[:1])


def test_other_warnings_are_not_captured():
    """Warnings in other threads, or not of Pillow, while files are decoded."""

    def warn_in_another_thread():
        with PillowWarnings() as collected, collected.about("a.jpeg"):
            thread = threading.Thread(target=warnings.warn, args=("mine",))
            thread.start()
            thread.join()

    with pytest.warns(UserWarning, match="mine"):
        warn_in_another_thread()


def damaged_tiff(path):
    noise().save(path, compression="tiff_adobe_deflate")
    data = bytearray(path.read_bytes())
    data[1000:1050] = bytes(50)
    path.write_bytes(data)


def test_errors_of_libtiff_become_the_error_of_their_file(tmp_path, capfd):
    path = tmp_path / "x.tiff"
    damaged_tiff(path)
    with pytest.raises(UnreadableImagesError) as caught:
        ImageLoader(cache=False).transform([path])
    assert capfd.readouterr().err == "" or _libtiff() is None
    (reason,) = caught.value.failures.values()
    assert "damaged or unsupported TIFF" in str(reason)
    if _libtiff() is not None:
        assert "Decoding error at scanline" in str(reason)


@pytest.mark.skipif(_libtiff() is None, reason="this Pillow has libtiff inside")
def test_error_handlers_of_libtiff_are_restored(tmp_path, capfd):
    path = tmp_path / "x.tiff"
    damaged_tiff(path)
    with libtiff_errors(), libtiff_errors():
        pass
    with Image.open(path, formats=["TIFF"]) as image, pytest.raises(OSError, match="decoder"):
        image.load()
    assert "Decoding error at scanline" in capfd.readouterr().err
