"""Images, litter and other kinds of files in folders."""

import os
import socket
from io import BytesIO

import pytest
from PIL import Image

from skpneumo import _image_files
from skpneumo._dicom_files import DICOM_START
from skpneumo._image_files import (
    SkippedFile,
    describe_skipped,
    format_of,
    is_image_name,
    is_litter,
    walk,
)
from skpneumo.loading import _decoding


def encoded(form):
    stream = BytesIO()
    Image.new("L", (8, 8)).save(stream, form)
    return stream.getvalue()


DICOM = bytes(128) + b"DICM" + bytes(40)
DICOMDIR = bytes(128) + b"DICM\2\0\2\0UI\x14\0" + b"1.2.840.10008.1.3.10"
READ = {
    "a.jfif": encoded("JPEG"),
    "b.jpe": encoded("JPEG"),
    "c": encoded("JPEG"),
    "d.webp": encoded("PNG"),
    "e.dat": encoded("TIFF"),
    "IM000001": DICOM,
    "1.2.840.113": DICOM,
    "damaged.jpeg": b"not an image",
    "empty.dcm": b"",
}
LFS = "a pointer of Git LFS instead of the file"
SKIPPED = {
    "f.webp": (encoded("WEBP"), "a WebP image, which is not read"),
    "g.bmp": (encoded("BMP"), "a BMP image, which is not read"),
    "h.gif": (encoded("GIF"), "a GIF image, which is not read"),
    "i.jp2": (encoded("JPEG2000"), "a JPEG 2000 image, which is not read"),
    "DICOMDIR": (DICOMDIR, "the directory of a DICOM disc"),
    "j.pdf": (b"%PDF-1.7", "a PDF document, which is not read"),
    "k.xlsx": (b"PK\x03\x04", "a zip archive or office document, which is not read"),
    "l.csv": ("name;größe\n".encode(), "text"),
    "zh.csv": (("a" + "肺炎" * 200).encode(), "text"),  # cut within a character
    "l.html": (b" <HTML>\n", "a web page"),
    "l": (b"version https://git-lfs.github.com/spec/v1\n", f"{LFS}, which is not read"),
    "m": (b"", "an empty file"),
    "n.bin": (b"\0\1\2\3\xff", "a file of an unknown kind"),
    "o.nii": (bytes(344) + b"n+1\0", "a NIfTI volume, which is not read"),
}
LITTER = [
    "__MACOSX", "._a.jpeg", ".DS_Store", "Thumbs.db", "@eaDir", "#recycle", "$RECYCLE.BIN",
    "thumbnails", "x_thumb.jpg", "SYNOPHOTO_THUMB_M.jpg", "~$labels.xlsx", "desktop.ini",
]  # fmt: skip


def test_every_file_is_reported_once(tmp_path):
    for name, content in READ.items():
        (tmp_path / name).write_bytes(content)
    for name, (content, _) in SKIPPED.items():
        (tmp_path / name).write_bytes(content)
    for name in LITTER:
        (tmp_path / name).write_bytes(encoded("JPEG"))
    found = list(walk(tmp_path))
    assert len(found) == len({each.path for each in found}) == len(os.listdir(tmp_path))
    fates = {os.path.basename(each.path): (each.kind, each.reason) for each in found}
    assert fates == (
        dict.fromkeys(READ, ("image", ""))
        | {name: ("skipped", reason) for name, (_, reason) in SKIPPED.items()}
        | dict.fromkeys(LITTER, ("litter", ""))
    )


def test_pipes_sockets_and_broken_links_are_not_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    os.symlink("nowhere", "broken")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        reasons = {os.path.basename(each.path): each.reason for each in walk(".")}
    assert reasons == {
        "broken": "a broken link",
        "pipe": "a pipe, socket or device",
        "socket": "a pipe, socket or device",
    }


def test_links_to_folders_are_followed_once(tmp_path):
    here, archive = tmp_path / "class", tmp_path / "archive"
    (here / "patient").mkdir(parents=True)
    archive.mkdir()
    for folder in (here, here / "patient", archive):
        (folder / "a.png").touch()
    (here / "a_link").symlink_to(archive)
    (here / "another_link").symlink_to(archive)
    (here / "patient" / "up").symlink_to(here)
    (here / "patient" / "self").symlink_to("self")
    found = list(walk(here))
    images = [os.path.relpath(each.path, here) for each in found if each.kind == "image"]
    assert images == ["a.png", "patient/a.png", "a_link/a.png"]
    skipped = {os.path.basename(each.path): each.reason for each in found if each.reason}
    assert skipped == {
        "another_link": "a link to a folder that is read already or is above",
        "up": "a link to a folder that is read already or is above",
        "self": "a broken link",
    }


def test_the_order_is_that_of_the_names(tmp_path):
    for name in ("b/2.png", "b/1.png", "a/c/3.png", "a/9.png", "0.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [os.path.relpath(each.path, tmp_path) for each in walk(tmp_path)]
    assert found == ["0.png", "a/9.png", "a/c/3.png", "b/1.png", "b/2.png"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_folders_and_files_that_may_not_be_read_are_named(tmp_path):
    (tmp_path / "closed").mkdir(mode=0)
    (tmp_path / "secret").touch(mode=0)
    reasons = {os.path.basename(each.path): each.reason for each in walk(tmp_path)}
    assert reasons == {
        "closed": "a folder that cannot be opened: permission denied",
        "secret": "a file that cannot be opened: permission denied",
    }


def test_a_folder_that_is_gone_is_named(tmp_path):
    (found,) = walk(tmp_path / "nowhere")
    assert found.kind == "skipped"
    assert "cannot be opened: no such file" in found.reason


def test_names_that_are_not_utf_8(tmp_path):
    name = os.fsdecode(b"\xff.jpeg")
    try:
        (tmp_path / name).touch()
    except OSError:
        pytest.skip("the file system refuses names that are not UTF-8")
    (found,) = walk(tmp_path)
    assert found.path == os.path.join(tmp_path, name)


@pytest.mark.parametrize("name", ["thumb.jpeg", "left_thumb_view.png", "recycle", "normal.dcm"])
def test_names_similar_to_litter_are_not_litter(name):
    assert not is_litter(name)


def test_bytes_determine_the_format_and_suffixes_are_hints():
    assert is_image_name("A.JFIF")
    assert not is_image_name("a.webp")
    assert format_of(b"\xff\xd8\xff\xe0") == "JPEG"
    assert format_of(DICOM) == "DICOM"
    assert format_of(DICOMDIR) is None
    assert format_of(b"") is None


def test_formats_are_those_that_the_loader_reads():
    for signature in _image_files._FORMATS:
        assert _decoding._class_for(signature.ljust(DICOM_START, b"\0"))
    assert {*_decoding._IMAGE_CLASSES} == {*_image_files._FORMATS.values()}
    assert format_of(b"\x08\0\x05\0CS" + bytes(200)) == "DICOM"  # saved without a preamble


def test_skipped_files_in_a_line():
    skipped = [SkippedFile(f"/x/{i}.txt", "text") for i in range(5)]
    skipped.append(SkippedFile("/x/a.webp", "a WebP image, which is not read"))
    assert describe_skipped(skipped) == (
        "5 are each text (0.txt, 1.txt, 2.txt, ...); 1 is a WebP image, which is not read (a.webp)"
    )


def test_a_link_to_a_folder_above_does_not_lead_to_what_lies_beside(tmp_path):
    for name in ("here/a.png", "beside/b.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    (tmp_path / "here/up").symlink_to(tmp_path)
    (tmp_path / "here/root").symlink_to("/")
    (tmp_path / "linked").symlink_to(tmp_path / "here")
    for begin in ("here", "linked"):
        found = [(os.path.basename(each.path), each.kind) for each in walk(tmp_path / begin)]
        assert found == [("a.png", "image"), ("root", "skipped"), ("up", "skipped")]
