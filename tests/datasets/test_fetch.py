"""Downloading, against a server on this machine."""

import errno
import hashlib
import io
import shutil
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections import Counter, namedtuple
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from rich.console import Console

from skpneumo.datasets import _download, _fetch, fetch_chest_xray, load_chest_xray, make_chest_xray
from skpneumo.datasets._archive import unpack

XRAYS = [
    "chest_xray/train/NORMAL/IM-0115-0001.jpeg",
    "chest_xray/train/PNEUMONIA/person1_bacteria_1.jpeg",
    "chest_xray/test/NORMAL/IM-0001-0001.jpeg",
    "chest_xray/test/PNEUMONIA/person1_virus_6.jpeg",
]


def zipped(names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        for name in names:
            undated = zipfile.ZipInfo(name)  # as the content is a part of names of tests
            bundle.writestr(undated, b"pixels of " + name.encode() * 50)
    return buffer.getvalue()


ARCHIVE = zipped(
    [*XRAYS, "__MACOSX/chest_xray/train/NORMAL/._IM-0115-0001.jpeg", "chest_xray/.DS_Store"]
)
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()


class Server:
    """Serves `pages`; `truncated` pages end early; `failures` are answered first."""

    def __init__(self):
        self.pages = {"/good.zip": ARCHIVE, "/wrong.zip": ARCHIVE[:-5] + b"wrong"}
        self.truncated = {"/short.zip": ARCHIVE}
        self.failures = {}
        self.streams = {}
        self.sent = Counter()
        self.requests = Counter()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.requests[self.path] += 1
                if server.failures.get(self.path):
                    self.send_error(server.failures[self.path].pop())
                elif self.path in server.streams:
                    self.send_response(200)
                    self.end_headers()
                    with suppress(OSError):  # whoever has had enough closes the connection
                        for part in server.streams[self.path]():
                            self.wfile.write(part)
                            server.sent[self.path] += len(part)
                elif self.path in server.pages:
                    self.answer(server.pages[self.path], server.pages[self.path])
                elif self.path in server.truncated:
                    whole = server.truncated[self.path]
                    self.answer(whole, whole[: len(whole) // 2])
                else:
                    self.send_error(404)

            def answer(self, promised, sent):
                self.send_response(200)
                self.send_header("Content-Length", str(len(promised)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *args):
                """Keep the output of the tests quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()

    def url(self, page):
        return f"http://127.0.0.1:{self.http.server_port}/{page}"

    def stop(self):
        if self.thread.is_alive():
            self.http.shutdown()
            self.http.server_close()
            self.thread.join()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def fetch(server, tmp_path):
    def fetch(page, **options):
        options = {"sha256": SHA256, "n_retries": 0, "delay": 0} | options
        return fetch_chest_xray(tmp_path / "home", url=server.url(page), **options)

    return fetch


def left_behind(tmp_path):
    return [path.name for path in (tmp_path / "home").iterdir()]


def test_good_archive(fetch, tmp_path):
    xrays = fetch("good.zip")
    assert [*xrays.target] == [0, 1, 0, 1]
    assert [*xrays.split] == ["train", "train", "test", "test"]
    name = f"chest_xray-{SHA256[:12]}"
    assert left_behind(tmp_path) == [name]
    files = [path for path in (tmp_path / "home" / name).rglob("*") if path.is_file()]
    assert sorted(str(path.relative_to(tmp_path / "home" / name)) for path in files) == sorted(
        XRAYS
    )
    assert files[0].read_bytes().startswith(b"pixels of chest_xray/")


def test_second_call_does_not_use_the_network(fetch, server):
    first = fetch("good.zip")
    server.stop()
    again = fetch("good.zip", download_if_missing=False, split="test")
    assert [*again.filenames] == [*first.filenames[first.split == "test"]]
    assert fetch("good.zip", labels="etiology").target_names == ["NORMAL", "BACTERIA", "VIRUS"]
    assert server.requests["/good.zip"] == 1


def test_download_if_missing(fetch, server, tmp_path):
    with pytest.raises(OSError, match="download_if_missing is False"):
        fetch("good.zip", download_if_missing=False)
    assert not server.requests
    assert left_behind(tmp_path) == []


def test_corrupted_archive_is_removed(fetch, server, tmp_path):
    with pytest.raises(OSError, match=rf"expected {SHA256}[\s\S]*not the archive"):
        fetch("wrong.zip", n_retries=3)
    assert server.requests["/wrong.zip"] == 1  # another try would give the same
    assert left_behind(tmp_path) == []
    server.pages["/wrong.zip"] = ARCHIVE
    assert len(fetch("wrong.zip").filenames) == 4


def test_truncated_transfer_is_tried_again_and_removed(fetch, server, tmp_path):
    with pytest.raises(ConnectionError, match="could not be downloaded"):
        fetch("short.zip", n_retries=2)
    assert server.requests["/short.zip"] == 3
    assert left_behind(tmp_path) == []
    server.pages["/short.zip"] = ARCHIVE
    assert len(fetch("short.zip").filenames) == 4


def test_temporary_failures_are_retried(fetch, server):
    server.failures["/good.zip"] = [503, 500]
    assert len(fetch("good.zip", n_retries=2).filenames) == 4
    assert server.requests["/good.zip"] == 3


def test_missing_page_is_not_asked_for_again(fetch, server):
    with pytest.raises(OSError, match="404"):
        fetch("gone.zip", n_retries=5)
    assert server.requests["/gone.zip"] == 1


def test_next_mirror_when_the_first_fails(server, tmp_path, monkeypatch):
    pages = ["gone.zip", "wrong.zip", "short.zip", "good.zip"]
    mirrors = [_download.Mirror(page, server.url(page), SHA256, 0) for page in pages]
    monkeypatch.setattr(_fetch, "MIRRORS", mirrors)
    assert len(fetch_chest_xray(tmp_path, n_retries=0, delay=0).filenames) == 4
    assert server.requests == {f"/{page}": 1 for page in pages}
    monkeypatch.setattr(_fetch, "MIRRORS", mirrors[:3])
    with pytest.raises(OSError, match=r"gone.zip[\s\S]*wrong.zip[\s\S]*short.zip"):
        fetch_chest_xray(tmp_path / "other", n_retries=0, delay=0)


def test_no_network(fetch, server):
    server.stop()
    with pytest.raises(ConnectionError, match="Check the connection"):
        fetch("good.zip", n_retries=1)


def test_interrupted_download_leaves_nothing(fetch, tmp_path, monkeypatch):
    def interrupt(archive, target):
        unpack(archive, target)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_fetch, "unpack", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fetch("good.zip")
    assert left_behind(tmp_path) == []
    assert len(fetch("good.zip").filenames) == 4


def test_installed_by_another_process_meanwhile(fetch, tmp_path, monkeypatch):
    def install_first(archive, target):
        unpack(archive, target)
        shutil.copytree(target, tmp_path / "home" / f"chest_xray-{SHA256[:12]}")

    monkeypatch.setattr(_fetch, "unpack", install_first)
    assert len(fetch("good.zip").filenames) == 4
    assert left_behind(tmp_path) == [f"chest_xray-{SHA256[:12]}"]


def test_full_disk(fetch, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(1, 1, 100))
    with pytest.raises(
        OSError, match=r"disk is full.*another data_home.*0.0 GB are free"
    ) as caught:
        fetch("good.zip")
    assert caught.value.errno == errno.ENOSPC
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    "name",
    ["../outside.jpeg", "/outside.jpeg", "chest_xray/../../outside.jpeg", "C:\\outside.jpeg"],
)
def test_archive_cannot_write_outside(fetch, server, tmp_path, name):
    archive = zipped([*XRAYS, name])
    server.pages["/evil.zip"] = archive
    with pytest.raises(OSError, match="outside its folder"):
        fetch("evil.zip", sha256=hashlib.sha256(archive).hexdigest())
    assert left_behind(tmp_path) == []
    assert not [*tmp_path.rglob("outside.jpeg")]


def test_only_the_chest_xrays_are_unpacked(fetch, server, tmp_path):
    names = [f"CellData/{name}" for name in XRAYS] + ["CellData/OCT/train/CNV/CNV-1-1.jpeg"]
    server.pages["/v3.zip"] = archive = zipped(names)
    assert len(fetch("v3.zip", sha256=hashlib.sha256(archive).hexdigest()).filenames) == 4
    assert not [*tmp_path.rglob("CNV*")]


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (zipped(["readme.txt"]), "holds no images"),
        (zipped(["film.jpeg"]), "holds no images"),
        (b"a web page", "not a sound zip"),
    ],
)
def test_archive_of_something_else(fetch, server, tmp_path, archive, message):
    server.pages["/other.zip"] = archive
    with pytest.raises(OSError, match=message):
        fetch("other.zip", sha256=hashlib.sha256(archive).hexdigest().upper())
    assert left_behind(tmp_path) == []


def with_flags(archive, flags):
    """Set general-purpose flags of the first member, in both of its headers."""
    changed = bytearray(archive)
    changed[6:8] = flags.to_bytes(2, "little")
    at = archive.index(b"PK\x01\x02")
    changed[at + 8 : at + 10] = flags.to_bytes(2, "little")
    return bytes(changed)


def with_method(archive, method):
    changed = bytearray(archive)
    changed[8:10] = method.to_bytes(2, "little")
    at = archive.index(b"PK\x01\x02")
    changed[at + 10 : at + 12] = method.to_bytes(2, "little")
    return bytes(changed)


def unusable_archives():
    yield "encrypted", with_flags(ARCHIVE, 0x1)
    yield "patched", with_flags(ARCHIVE, 0x20)
    yield "unknown method", with_method(ARCHIVE, 97)
    for name, method in [("deflate", 8), ("bzip2", 12), ("lzma", 14)]:
        yield f"no {name}", with_method(ARCHIVE, method)
    yield "file and folder", zipped(["a.jpeg", "a.jpeg/b.jpeg"])
    yield "long name", zipped([f"NORMAL/{'x' * 300}.jpeg"])
    yield "cut", ARCHIVE[:-30]


@pytest.mark.parametrize(
    "archive", [pytest.param(data, id=name) for name, data in unusable_archives()]
)
def test_every_unusable_archive_raises_the_same_error(archive, tmp_path):
    (tmp_path / "archive.zip").write_bytes(archive)
    with pytest.raises(OSError, match=r"not a sound zip file.*Check the url"):
        unpack(tmp_path / "archive.zip", tmp_path / "unpacked")


def test_damaged_archives_raise_nothing_else(tmp_path):
    rng = np.random.default_rng(0)
    n_refused = 0
    for _ in range(300):
        damaged = bytearray(ARCHIVE)
        for at in rng.integers(len(ARCHIVE), size=rng.integers(1, 6)):
            damaged[at] = rng.integers(256)
        (tmp_path / "archive.zip").write_bytes(damaged)
        try:
            unpack(tmp_path / "archive.zip", tmp_path / "unpacked")
        except OSError:
            n_refused += 1
        shutil.rmtree(tmp_path / "unpacked", ignore_errors=True)
    assert n_refused > 100


def serve(server, monkeypatch, page, stream, n_bytes):
    server.streams[f"/{page}"] = stream
    mirror = _download.Mirror(page, server.url(page), SHA256, n_bytes)
    monkeypatch.setattr(_fetch, "MIRRORS", [mirror])


def test_a_download_stops_at_the_known_size(server, tmp_path, monkeypatch):
    def endless_stream():
        for _ in range(2000):
            yield b"x" * 2**16

    serve(server, monkeypatch, "endless", endless_stream, n_bytes=len(ARCHIVE))
    with pytest.raises(OSError, match=rf"more than {len(ARCHIVE)} bytes[\s\S]*not the archive"):
        fetch_chest_xray(tmp_path, n_retries=3, delay=0)
    assert server.requests["/endless"] == 1
    assert server.sent["/endless"] < 100 * 2**16  # what the sockets hold
    server.pages["/announced"] = ARCHIVE
    serve(server, monkeypatch, "no", None, n_bytes=len(ARCHIVE) + 1)
    monkeypatch.setattr(
        _fetch, "MIRRORS", [_fetch.MIRRORS[0]._replace(url=server.url("announced"))]
    )
    with pytest.raises(OSError, match=rf"{len(ARCHIVE)} bytes, expected {len(ARCHIVE) + 1}"):
        fetch_chest_xray(tmp_path, n_retries=3, delay=0)


def test_a_very_slow_download_is_given_up(server, tmp_path, monkeypatch):
    def slow_stream():
        for _ in range(200):
            yield b"x"
            time.sleep(0.02)

    serve(server, monkeypatch, "slow", slow_stream, n_bytes=len(ARCHIVE))
    monkeypatch.setattr(_download, "_RATE_WINDOW", 0.1)
    with pytest.raises(ConnectionError, match=r"bytes per second; less than 10,000"):
        fetch_chest_xray(tmp_path, n_retries=1, delay=0)
    assert server.requests["/slow"] == 2
    assert server.sent["/slow"] < 200


def test_leftovers_of_a_killed_download_are_removed(fetch, tmp_path):
    left = tmp_path / "home" / ".chest_xray-13efc0-abc.skpneumo-tmp"
    left.mkdir(parents=True)
    (left / "archive.zip").write_bytes(b"half")
    fetch("good.zip")
    assert left_behind(tmp_path) == [f"chest_xray-{SHA256[:12]}"]


def test_url_alone_expects_the_published_archive(fetch, tmp_path):
    with pytest.raises(OSError, match=_download.SHA256):
        fetch("good.zip", sha256=None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sha256": SHA256}, "without the url"),
        ({"url": "file:///etc/archive.zip"}, "must begin with http"),
        ({"url": "http://127.0.0.1/a.zip", "sha256": "md5"}, "64 hexadecimal digits"),
        ({"n_retries": -1}, "n_retries"),
        ({"delay": -1}, "delay"),
        ({"labels": "both"}, "labels"),
    ],
)
def test_bad_arguments(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        fetch_chest_xray(tmp_path, **options)


def test_addresses_and_checksums_are_well_formed():
    for mirror in _download.MIRRORS:
        assert mirror.url.startswith("https://")
        assert len(bytes.fromhex(mirror.sha256)) == 32


def test_data_home_of_scikit_learn(server, tmp_path, monkeypatch):
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    xrays = fetch_chest_xray(url=server.url("good.zip"), sha256=SHA256)
    assert xrays.root == str(tmp_path / f"chest_xray-{SHA256[:12]}" / "chest_xray")


def test_progress_is_shown_on_a_terminal_only(fetch, server, capfd, monkeypatch):
    fetch("good.zip")
    assert capfd.readouterr() == ("", "")
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=80)
    monkeypatch.setattr("rich.console.Console", lambda **options: console)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    server.pages["/other.zip"] = other = zipped(XRAYS)
    fetch("other.zip", sha256=hashlib.sha256(other).hexdigest())
    assert "chest X-rays" in shown.getvalue()


def test_nothing_else_touches_the_network(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    folder = make_chest_xray(tmp_path, n_patients=6, size=32, random_state=0).root
    assert len(load_chest_xray(folder).filenames)


def test_importing_loads_no_downloader():
    script = (
        "import sys, skpneumo.datasets\n"
        "print({'requests', 'rich', 'keras', 'matplotlib'} & set(sys.modules))"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "set()"
