"""One error names every bad file with its reason; none hangs or fills memory."""

import os
import pickle
import struct
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, TiffImagePlugin

from skpneumo.loading import ImageLoader, MissingImagesError, UnreadableImagesError, image_size
from skpneumo.loading._pillow import MAX_PIXELS


def save(path, **options):
    rng = np.random.default_rng(0)
    pixels = (rng.integers(0, 60, (90, 120)) + np.linspace(0, 190, 120)).astype(np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


def reasons_for(*paths, **parameters):
    with pytest.raises(UnreadableImagesError) as caught:
        ImageLoader(**parameters).transform(paths)
    return [str(caught.value.failures[str(path)]) for path in paths]


def png_header(width, height):
    def chunk(kind, data):
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 9))


def jpeg_with_size(path, width, height):
    """A small JPEG whose header claims another size."""
    save(path)
    data = path.read_bytes()
    frame = data.index(b"\xff\xc0") + 5
    path.write_bytes(data[:frame] + struct.pack(">HH", height, width) + data[frame + 4 :])
    return path


@pytest.fixture
def bad_files(tmp_path):
    """One file of each unreadable kind, with a part of the expected reason."""
    whole = save(tmp_path / "whole.jpeg").read_bytes()
    contents = {
        "text.jpeg": (
            b"<!DOCTYPE html>",
            "not a JPEG, PNG, TIFF or DICOM file, but a web page; download the image itself",
        ),
        "empty.jpeg": (b"", "an empty file; copy or download it again"),
        "cut.jpeg": (whole[: len(whole) // 2], "damaged or unsupported JPEG (image file is trunc"),
        "start.jpeg": (whole[:20], "damaged or unsupported JPEG"),
        "bomb.png": (png_header(60_000, 60_000), "claims 60000 x 60000 pixels"),
    }
    expected = {}
    for name, (content, reason) in contents.items():
        (tmp_path / name).write_bytes(content)
        expected[str(tmp_path / name)] = reason
    (tmp_path / "folder.jpeg").mkdir()
    expected[str(tmp_path / "folder.jpeg")] = "a folder; list the files in it instead"
    expected[str(tmp_path / "missing.jpeg")] = "no such file"
    expected[f"{tmp_path / 'whole.jpeg'}/below.jpeg"] = "Not a directory"
    expected[str(tmp_path / "nul\0.jpeg")] = "null"
    return expected


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_all_of_them_are_named_with_their_reasons(bad_files, tmp_path, n_jobs):
    good = save(tmp_path / "good.png")
    with pytest.raises(UnreadableImagesError) as caught:
        ImageLoader(n_jobs=n_jobs).transform([good, *bad_files, good])
    error = caught.value
    assert list(error.failures) == list(bad_files)
    for path, reason in bad_files.items():
        assert reason in str(error.failures[path])
        assert repr(path) in str(error)
        assert reason in str(error)
    assert str(good) not in str(error)
    assert str(error).startswith(f"{len(bad_files)} image files cannot be read")
    assert isinstance(error, ValueError)
    assert isinstance(error, OSError)
    assert not isinstance(error, FileNotFoundError)


def test_reasons_do_not_keep_images_in_memory(bad_files):
    with pytest.raises(UnreadableImagesError) as caught:
        ImageLoader().transform(list(bad_files))
    for reason in caught.value.failures.values():
        assert reason.__traceback__ is reason.__cause__ is reason.__context__ is None


def test_only_missing_files_are_a_file_not_found_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = r"(?s)^1 image.*'x-ray\.jpeg': no such file in .*, where relative paths start"
    with pytest.raises(FileNotFoundError, match=message) as caught:
        ImageLoader().transform(["x-ray.jpeg"])
    assert isinstance(caught.value, MissingImagesError)
    assert isinstance(caught.value.failures["x-ray.jpeg"], FileNotFoundError)


@pytest.mark.parametrize("kind", [str, Path])
def test_the_size_of_a_missing_file_is_an_error_of_that_file(kind, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        image_size(kind(tmp_path / "gone.png"))


def test_many_failures_are_counted_and_ten_are_named(tmp_path):
    paths = [str(tmp_path / f"{i:03}.jpeg") for i in range(250)]
    with pytest.raises(MissingImagesError, match=r"^250 image") as caught:
        ImageLoader(n_jobs=2).transform([*paths, paths[0]])
    message = str(caught.value)
    assert "009.jpeg" in message
    assert "010.jpeg" not in message
    assert "and 240 more, all in the `failures` attribute" in message
    assert list(caught.value.failures) == paths


def test_the_error_is_complete_when_pickled_by_another_process(tmp_path):
    failures = {"a.png": FileNotFoundError(2, "no such file"), "b.png": ValueError("damaged")}
    error = UnreadableImagesError(failures)
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is UnreadableImagesError
    assert str(twin) == str(error)
    assert list(twin.failures) == list(failures)
    missing = str(tmp_path / "missing.png")
    with pytest.raises(MissingImagesError) as caught:
        joblib.Parallel(n_jobs=2)([joblib.delayed(ImageLoader().transform)([missing])] * 2)
    assert list(caught.value.failures) == [missing]


FORMATS = {
    "jpeg": ("x.jpeg", {}),
    "progressive": ("x.jpeg", {"progressive": True}),
    "png": ("x.png", {}),
    "raw tiff": ("x.tiff", {}),
    "packed tiff": ("x.tiff", {"compression": "tiff_adobe_deflate"}),
}


def load_if_readable(path, size):
    try:
        return ImageLoader(size=size).transform([path]), {}
    except UnreadableImagesError as error:
        return None, error.failures


# Its last bytes may be of what is no part of the pixels.
@pytest.mark.filterwarnings("ignore:Pillow warned about")
# Pillow warns when a TIFF ends within its directory, and then fails.
@pytest.mark.filterwarnings("ignore:(Corrupt EXIF|Truncated File)")
@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=25, deadline=None)
@given(kept=st.floats(0, 1, exclude_max=True), size=st.sampled_from([8, 120]))
def test_a_truncated_image_is_an_error_wherever_it_ends(kind, kept, size):
    name, options = FORMATS[kind]
    with TemporaryDirectory() as folder:
        path = os.path.join(folder, name)
        save(path, **options)
        whole = ImageLoader(size=size).transform([path])
        with open(path, "r+b") as file:
            file.truncate(int(os.path.getsize(path) * kept))
        images, failures = load_if_readable(path, size)
    if images is None:
        assert list(failures) == [path]
    else:  # what is gone follows the pixels: PNG's end mark, the end of a TIFF's directory
        assert np.array_equal(images, whole)


def test_truncated_images_stay_errors_if_pillow_is_set_to_load_them(tmp_path, monkeypatch):
    path = save(tmp_path / "x.jpeg")
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(RuntimeError, match=r"LOAD_TRUNCATED_IMAGES is True.*Set it to False"):
        ImageLoader().transform([path])


@settings(max_examples=50, deadline=None)
@given(
    start=st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"II+\0"]),
    rest=st.binary(max_size=200),
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_garbage_after_a_signature_is_an_error_of_that_file(start, rest):
    with TemporaryDirectory() as folder:
        path = os.path.join(folder, "rubbish")
        with open(path, "wb") as file:
            file.write(start + rest)
        (reason,) = reasons_for(path)
    assert reason


def test_decompression_bombs_are_refused_before_decoding(tmp_path, monkeypatch):
    png, tiff = tmp_path / "bomb.png", tmp_path / "bomb.tiff"
    png.write_bytes(png_header(60_000, 60_000))
    save(tiff, compression="tiff_adobe_deflate")
    data = tiff.read_bytes()
    for tag, side in ((256, 120), (257, 90)):
        entry = struct.pack("<HHI", tag, 3, 1)
        data = data.replace(entry + struct.pack("<I", side), entry + struct.pack("<I", 60_000))
    tiff.write_bytes(data)
    jpeg = jpeg_with_size(tmp_path / "bomb.jpeg", 65_500, 65_500)
    barely = tmp_path / "barely.png"  # Pillow would only warn of it
    barely.write_bytes(png_header(9460, 9460))

    def decode(image):
        raise AssertionError(f"memory was allocated for {image.size}")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    monkeypatch.setattr(TiffImagePlugin.TiffImageFile, "load", decode)
    reasons = reasons_for(png, tiff, jpeg, barely)
    for reason in reasons:
        assert f"more than the limit of {MAX_PIXELS:,} that guards against" in reason


def test_a_large_radiograph_loads(tmp_path):
    path = tmp_path / "large.jpeg"
    Image.new("L", (6000, 5000), 90).save(path)
    assert np.all(ImageLoader(size=32).transform([path]) == 90)
    assert MAX_PIXELS > 6000 * 5000


def test_the_global_limit_of_pillow_is_neither_used_nor_changed(tmp_path, monkeypatch):
    path = save(tmp_path / "x.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert ImageLoader(size=8).transform([path]).shape == (1, 8, 8, 1)
    assert Image.MAX_IMAGE_PIXELS == 100


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs on this system")
def test_a_fifo_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpeg")
    (reason,) = reasons_for(tmp_path / "pipe.jpeg")
    assert "a pipe, socket or device; save it as a regular file" in reason


def test_permission_denied_is_named(tmp_path, monkeypatch):
    path = save(tmp_path / "secret.png")

    def refuse(*args):
        raise PermissionError(13, "Permission denied", str(path))

    # Not by chmod: the tests may run as root, who may read everything.
    monkeypatch.setattr("builtins.open", refuse)
    try:
        (reason,) = reasons_for(path)
    finally:
        monkeypatch.undo()
    assert "permission denied; allow reading it" in reason


@pytest.mark.parametrize("suffix", [".tiff", ".png"])
def test_a_file_of_several_images_is_refused(tmp_path, suffix):
    path = tmp_path / f"both-views{suffix}"
    views = [Image.new("L", (9, 9), level) for level in (50, 150)]
    views[0].save(path, save_all=True, append_images=views[1:])
    (reason,) = reasons_for(path)
    assert reason.startswith("contains more than one image")


def test_files_are_closed_after_success_and_failure(bad_files, tmp_path):
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("open files are counted in /proc")
    good = [
        save(tmp_path / f"good{i}.{suffix}") for i, suffix in enumerate(("jpeg", "png", "tiff"))
    ]
    ImageLoader().transform(good)
    before = len(os.listdir("/proc/self/fd"))
    ImageLoader().transform(good)
    reasons_for(*bad_files)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/", "fetch the file with `git lfs pull`"),
        (b"RIFF....WEBPVP8 ", "DICOM file, but a WebP image; convert it to PNG"),
        (b"\0\1", r"but a file of an unknown kind that begins with b'\x00\x01'; leave it out"),
        (b"user,password", "but text that begins with 'user,password'; leave it out"),
        ("Größe des Fötüß".encode(), "but text that begins with 'Größe des Föt"),
        (b"\0\0\0 ftypheic\0\0", "but a HEIF image; convert it to PNG"),
        (b"\0\0\0 ftypavif\0\0", "but an AVIF image; convert it to PNG"),
        (b"\0\0\0 ftypisom\0\0", "but a video or another HEIF or AVIF file; leave it out"),
    ],
)
def test_a_file_that_is_no_image_is_said_to_be_what_it_is(tmp_path, content, said):
    (tmp_path / "x.png").write_bytes(content)
    [reason] = reasons_for(tmp_path / "x.png")
    assert said in reason


def test_an_address_is_no_path():
    [reason] = reasons_for("https://example.org/x.jpeg")
    assert "an address, not the path of a file; download the file" in reason
