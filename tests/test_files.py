"""Files are written completely or not at all, even if the process is killed."""

import errno
import io
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from skpneumo import _files
from skpneumo._files import (
    atomic_write,
    open_unlinked,
    require_writable_folder,
    sweep,
    temporary_folder,
)

posix = pytest.mark.skipif(os.name != "posix", reason="locks, links and permissions of POSIX")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("before", [None, "earlier"])
def test_an_error_leaves_the_existing_file(before, tmp_path):
    place = tmp_path / "out.csv"
    if before:
        place.write_text(before)
    with pytest.raises(TypeError), atomic_write(place) as file:
        file.writelines(["half", 0])
    assert names(tmp_path) == (["out.csv"] if before else [])
    assert not before or place.read_text() == before


def test_the_name_appears_at_the_end(tmp_path):
    with atomic_write(tmp_path / "out.bin", "wb") as file:
        file.write(b"\0\xff")
        assert not (tmp_path / "out.bin").exists()
    assert names(tmp_path) == ["out.bin"]
    assert (tmp_path / "out.bin").read_bytes() == b"\0\xff"


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(os, "fsync", lambda _: calls.append("fsync"))
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda *a: (calls.append("replace"), replace(*a)))
    with atomic_write(tmp_path / "out") as file:
        file.write("x")
    assert calls == ["fsync", "replace"]


@posix
@pytest.mark.parametrize("umask", [0o022, 0o007, 0o077])
def test_permissions_follow_the_umask(umask, tmp_path):
    before = os.umask(umask)
    try:
        with atomic_write(tmp_path / "new") as file:
            file.write("x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o666 & ~umask


@posix
def test_a_private_file_stays_private(tmp_path):
    place = tmp_path / "patients.csv"
    place.touch(0o600)
    with atomic_write(place) as file:
        file.write("x")
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


@posix
def test_nothing_is_written_through_an_existing_link(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    tokens = iter(["guessed", "other"])
    monkeypatch.setattr(_files.secrets, "token_hex", lambda _: next(tokens))
    (tmp_path / f".out.csv-guessed{_files._SUFFIX}").symlink_to(victim)
    for name in (".out.csv.new", "out.csv.new", "out.csv.part"):
        (tmp_path / name).symlink_to(victim)
    with pytest.raises(FileExistsError), atomic_write(tmp_path / "out.csv") as file:
        file.write("x")
    with atomic_write(tmp_path / "out.csv") as file:
        file.write("x")
    assert victim.read_text() == "precious"
    with pytest.raises(FileExistsError, match=r"a link.*out\.csv\.part"):
        open(tmp_path / "out.csv.part", "ab", opener=open_unlinked)  # noqa: SIM115 - it fails


@posix
def test_own_links_are_followed_and_links_of_others_replaced(tmp_path, monkeypatch):
    for folder in ("results", "here"):
        (tmp_path / folder).mkdir()
    real, link = tmp_path / "results" / "out.csv", tmp_path / "here" / "out.csv"
    link.symlink_to(real)
    with atomic_write(link) as file:
        file.write("mine")
    assert link.is_symlink()
    assert real.read_text() == "mine"
    user = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: user + 1)
    if user == 0:
        monkeypatch.setattr(_files, "_ADMINISTRATOR", -1)
    with atomic_write(link) as file:
        file.write("not through it")
    assert not link.is_symlink()
    assert real.read_text() == "mine"


@posix
def test_a_pipe_is_written_to(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with atomic_write(pipe) as file:
        file.write("through")
    assert os.read(reader, 99) == b"through"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@posix
def test_archives_are_written_to_devices_and_pipes(tmp_path):
    """The position in /dev/null is always 0, with which no archive can be written."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    for place in (os.devnull, pipe):
        with atomic_write(place, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for name in ("some", "more"):
                archive.writestr(name, b"content" * 300)
    with zipfile.ZipFile(io.BytesIO(os.read(reader, 9999))) as archive:
        assert archive.namelist() == ["some", "more"]
        assert archive.testzip() is None
    os.close(reader)


@pytest.mark.skipif(not Path("/dev/fd").is_dir(), reason="pipes have no names in /dev/fd")
def test_pipes_without_a_path_are_written():
    """As /dev/stdout is one, if another program reads it."""
    reader, writer = os.pipe()
    with atomic_write(f"/dev/fd/{writer}") as file:
        file.write("row\n")
    os.close(writer)
    with open(reader) as file:
        assert file.read() == "row\n"


def test_long_names_and_names_that_are_not_utf_8(tmp_path):
    places = ["x" * 251 + ".csv", "\u00e9" * 125 + ".csv", os.fsdecode(b"caf\xe9.csv")]
    for name in places:
        with atomic_write(tmp_path / name) as file:
            file.write("x")
    assert names(tmp_path) == sorted(places)


def test_errors_name_the_file_and_not_its_temporary_name(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, atomic_write(tmp_path / "no" / "out"):
        pass
    assert caught.value.filename == str(tmp_path / "no" / "out")
    with pytest.raises(OSError) as caught, atomic_write(tmp_path / "out"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.filename == str(tmp_path / "out")
    if Path("/dev/full").exists():
        with pytest.raises(OSError, match=r"'/dev/full'"), atomic_write("/dev/full") as file:
            file.write("x")
    with pytest.raises(OSError) as caught, atomic_write(tmp_path / "out"):
        raise OSError("of the caller")
    assert str(caught.value) == "of the caller"


# Mounts what the first argument says on the second, and writes there in both ways.
FAULTY_DISK = """
import sys
from pathlib import Path
from skpneumo._files import atomic_write, named_in_errors, temporary_folder
folder = Path(sys.argv[1])
try:
    with atomic_write(folder / "out.csv") as file:
        file.write("x" * 10**6)
except OSError as error:
    print(error)
try:
    with named_in_errors(folder), temporary_folder(folder, "some") as scratch:
        (scratch / "image.jpeg").write_text("x" * 10**6)
except OSError as error:
    print(error)
print(sorted(path.name for path in folder.iterdir()))
"""


@pytest.mark.parametrize(
    ("mount", "words"),
    [
        ("mount -t tmpfs -o size=100k none {0}", "No space left on device"),
        ("mount --bind {0} {0}; mount -o remount,ro,bind {0}", "Read-only file system"),
    ],
)
def test_errors_of_a_full_or_read_only_disk_name_the_cause(mount, words, tmp_path):
    allowed = (
        shutil.which("unshare")
        and not subprocess.run(
            ["unshare", "-rm", "true"], capture_output=True, check=False
        ).returncode
    )
    if not allowed:
        pytest.skip("mounting needs unshare and user namespaces")
    shell = f'set -e; {mount.format(tmp_path)}; exec "$@"'
    run = subprocess.run(
        ["unshare", "-rm", "sh", "-c", shell, "sh", sys.executable, "-c", FAULTY_DISK, tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    first, second, left = run.stdout.splitlines()
    assert f"{words}: '{tmp_path}/out.csv'" in first
    assert f"{words}: '{tmp_path}" in second
    assert left == "[]"


# A program that begins to write in each of the two ways and is killed in the middle of it.
WRITER = """
import sys, time
from pathlib import Path
from skpneumo._files import atomic_write, temporary_folder
folder = Path(sys.argv[1])
with atomic_write(folder / "out.csv") as file, temporary_folder(folder, "unpacked") as scratch:
    file.write("half")
    file.flush()
    (scratch / "image.jpeg").write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


@posix
def test_files_of_killed_processes_are_swept_and_files_being_written_are_not(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout.readline() == b"ready\n"
        unfinished = names(tmp_path)
        assert len(unfinished) == 2
        with atomic_write(tmp_path / "other.csv") as file:
            file.write("x")
        assert names(tmp_path) == sorted([*unfinished, "other.csv"])
        writer.send_signal(signal.SIGKILL)
    assert len(names(tmp_path)) == 3
    with atomic_write(tmp_path / "other.csv") as file:
        file.write("x")
    assert names(tmp_path) == ["other.csv"]


def test_a_folder_that_is_not_writable_is_named_before_the_work(tmp_path, monkeypatch):
    require_writable_folder(tmp_path / "new" / "newer", "model.skpneumo")
    assert names(tmp_path) == []
    # The tests may run as root, who may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    for folder in (tmp_path, tmp_path / "new" / "newer"):
        with pytest.raises(PermissionError, match=r"is not writable, so x\.csv cannot") as caught:
            require_writable_folder(folder, "x.csv")
        assert f"The folder {tmp_path} is" in str(caught.value)
    monkeypatch.undo()
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match=r"file is a file, so x\.csv cannot be saved"):
        require_writable_folder(tmp_path / "file" / "new", "x.csv")


def test_only_our_files_are_swept(tmp_path):
    kept = ["out.csv.part", ".hidden.tmp", "tmpabc.part"]
    for name in kept:
        (tmp_path / name).touch()
    (tmp_path / f".link{_files._SUFFIX}").symlink_to(tmp_path / kept[0])
    (tmp_path / f".old{_files._SUFFIX}").touch()
    sweep(tmp_path)
    assert names(tmp_path) == sorted([*kept, f".link{_files._SUFFIX}"])


@posix
def test_without_locks_only_old_files_are_swept(tmp_path, monkeypatch):
    import fcntl

    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    young, old = (tmp_path / f".{name}{_files._SUFFIX}" for name in ("young", "old"))
    for path in (young, old):
        path.touch()
    before = time.time() - 2 * _files._ABANDONED_AFTER
    os.utime(old, (before, before))
    with atomic_write(tmp_path / "out") as file, temporary_folder(tmp_path, "some") as folder:
        file.write("x")
        assert folder.is_dir()
    assert names(tmp_path) == sorted([young.name, "out"])


def test_threads_that_write_the_same_file_leave_one_of_theirs(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    def write(i):
        with atomic_write(tmp_path / "out") as file:
            file.write(str(i) * 5000)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(8)))
    assert names(tmp_path) == ["out"]
    text = Path(tmp_path / "out").read_text()
    assert text == text[0] * 5000
