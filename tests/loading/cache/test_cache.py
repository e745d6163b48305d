"""The decode cache on disk: shared, limited in size, consistent after a crash."""

import copy
import errno
import os
import pickle
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import clone

from skpneumo.loading import DecodeCache, DecodeCacheError, ImageLoader
from skpneumo.loading.cache import _cache, _keys, _lmdb, store_at
from skpneumo.loading.cache._errors import explained

from ..conftest import age

pytest.importorskip("lmdb", reason='needs pip install "skpneumo[cache]"')


@pytest.fixture
def cache(tmp_path):
    return DecodeCache(tmp_path / "cache")


def run_python(program, *arguments, **options):
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        **options,
    )


LOAD = (
    "import sys; from skpneumo.loading import DecodeCache, ImageLoader\n"
    "cache, *paths = sys.argv[1:]\n"
    "images = ImageLoader(size=8, cache=cache).transform(paths)\n"
)


@pytest.mark.parametrize("form", [str, Path, DecodeCache])
def test_every_form_of_a_folder(form, xray_files, decoded, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    paths = xray_files()
    loader = ImageLoader(size=8, cache=form("~/made/when/needed"))
    assert_array_equal(loader.transform(paths), ImageLoader(8, cache=False).transform(paths))
    decoded.clear()
    twin = pickle.loads(pickle.dumps(clone(loader)))
    assert twin.get_params() == loader.get_params()
    assert_array_equal(twin.transform(paths[::-1]), loader.transform(paths)[::-1])
    assert not decoded
    assert (tmp_path / "made/when/needed").is_dir()


def test_another_process_decodes_nothing(xray_files, cache):
    paths = xray_files(6)
    images = ImageLoader(size=8, cache=cache).transform(paths)
    run = run_python(
        LOAD
        + "from skpneumo.loading import _reading\n"
        + "def refuse(*_): raise AssertionError('decoded')\n"
        + "_reading.decode_image = refuse\n"
        + "print(ImageLoader(size=8, cache=cache).transform(paths).sum())",
        cache.directory,
        *paths,
    )
    assert run.stdout.strip() == str(images.sum()), run.stderr
    info = cache.info()
    assert (info.entries, info.decoded) == (6, 6)
    assert info.served == 12
    assert 0 < info.bytes_on_disk <= cache.max_bytes
    assert abs(info.oldest.timestamp() - time.time()) < 600


def load_in_worker(paths, cache):
    return ImageLoader(size=8, cache=cache).transform(paths).sum()


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_workers_that_need_the_same_files_share_the_decoding(backend, xray_files, cache):
    paths = xray_files(60)
    with joblib.parallel_config(backend, n_jobs=3):
        sums = joblib.Parallel()(
            joblib.delayed(load_in_worker)(some, cache) for some in (paths, paths[::-1], paths)
        )
    assert sums == [ImageLoader(size=8, cache=False).transform(paths).sum()] * 3
    assert cache.info().decoded == cache.info().entries == len(paths)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_opens_the_cache_again(xray_files, cache):
    paths = xray_files(4)
    run = run_python(
        LOAD
        + "import os\n"
        + "child = os.fork()\n"
        + "again = ImageLoader(size=8, cache=cache).transform(paths)\n"
        + "new = ImageLoader(size=5 + bool(child), cache=cache).transform(paths)\n"
        + "if child == 0: os._exit(0 if (again == images).all() else 9)\n"
        + "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n",
        cache.directory,
        *paths,
    )
    assert run.returncode == 0, run.stderr
    assert cache.info().entries == 3 * len(paths)


def test_saved_images_survive_a_killed_process(xray_files, cache):
    paths = xray_files(40)
    program = LOAD.replace("paths)", "paths[:20])") + (
        "from skpneumo.loading import _reading\n"
        "import os, signal\n"
        "def kill(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        "_reading.decode_image = kill\n"
        "ImageLoader(size=8, cache=cache).transform(paths)\n"
    )
    assert run_python(program, cache.directory, *paths).returncode == -signal.SIGKILL
    assert cache.info().entries == 20
    ImageLoader(size=8, cache=cache).transform(paths)  # the locks of the dead are free
    assert cache.info().entries == 40
    assert cache.info().decoded == 40


def test_a_process_killed_while_writing_leaves_a_consistent_cache(xray_files, cache):
    paths = xray_files(4)
    program = (
        "import os, signal, sys\n"
        "import numpy as np\n"
        "from skpneumo.loading import DecodeCache\n"
        "from skpneumo.loading.cache import _cache, store_at\n"
        "store = store_at(DecodeCache(sys.argv[1]).path, 2**30)\n"
        "images = np.ones((1, 64, 64, 1), np.uint8)\n"
        "for i in range(10**9):\n"
        "    store.save([0], [i.to_bytes(16, 'big')], images)\n"
        "    if i == 1: print('ready', flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(cache.directory)], stdout=subprocess.PIPE
    ) as writer:
        writer.stdout.readline()
        time.sleep(0.3)
        writer.kill()
    before = cache.info().entries
    assert before > 0
    ImageLoader(size=8, cache=cache).transform(paths)
    assert cache.info().entries == before + 4


def store_of(cache):
    return store_at(cache.path, cache.max_bytes)


def save_numbered(store, numbers, side):
    images = np.zeros((len(numbers), side, side, 1), dtype=np.uint8)
    images += (np.array(numbers) % 256).astype(np.uint8).reshape(-1, 1, 1, 1)
    store.save(range(len(numbers)), [key_of(n, side) for n in numbers], images)


def key_of(number, side):
    return f"{number:08}{side:08}".encode()


def saved_numbers(store, numbers, side):
    images = np.empty((len(numbers), side, side, 1), dtype=np.uint8)
    missing = store.fetch(range(len(numbers)), [key_of(n, side) for n in numbers], images)
    found = [n for i, n in enumerate(numbers) if i not in missing]
    for i, n in enumerate(numbers):
        assert i in missing or np.all(images[i] == n % 256)
    return found


def reopen():
    """Reset the state of this process, as if it were another run."""
    for store in _cache._stores.values():
        store.close()
    _cache._stores.clear()


@settings(max_examples=5, deadline=None)
@given(runs=st.lists(st.tuples(st.sampled_from([8, 40, 64, 150]), st.integers(1, 80)), max_size=6))
def test_the_size_on_disk_is_limited_and_the_oldest_images_are_removed(tmp_path_factory, runs):
    cache = DecodeCache(tmp_path_factory.mktemp("cache"), max_bytes=2**20)
    for run, (side, n) in enumerate(runs):
        store = store_of(cache)
        numbers = list(range(100 * run, 100 * run + n))
        with pytest.warns(UserWarning, match="full") if _too_many(n, side) else nullcontext():
            save_numbered(store, numbers, side)
        found = saved_numbers(store, numbers, side)
        assert found == numbers[: len(found)], "the first ones of a run stay"
        assert len(found) == n or _too_many(n, side)
        assert (cache.path / "data.mdb").stat().st_blocks * 512 <= cache.max_bytes
        reopen()


def _too_many(n, side):
    return n * _lmdb._cost(side * side + 4) > _lmdb._FILL * 2**20


def test_a_run_does_not_remove_images_that_it_saved(tmp_path):
    cache = DecodeCache(tmp_path / "cache", max_bytes=2**20)
    save_numbered(store_of(cache), range(20), 64)
    reopen()
    with pytest.warns(UserWarning, match=r"full of images that this run has saved.*max_bytes="):
        save_numbered(store_of(cache), range(100, 250), 64)
    store = store_of(cache)
    assert saved_numbers(store, range(20), 64) == []
    found = saved_numbers(store, range(100, 250), 64)
    assert found == list(range(100, 100 + len(found)))
    save_numbered(store, range(300, 303), 64)  # warned once
    reopen()


def test_an_image_that_is_too_large_removes_no_other(tmp_path):
    cache = DecodeCache(tmp_path / "cache", max_bytes=2**20)
    save_numbered(store_of(cache), range(5), 32)
    reopen()
    with pytest.warns(UserWarning, match=r"cannot hold an image of this size.*max_bytes="):
        save_numbered(store_of(cache), [9], 1024)
    assert saved_numbers(store_of(cache), range(5), 32) == list(range(5))
    reopen()


def test_other_decoders_and_formats_have_other_keys(xray_files, monkeypatch):
    (path,) = xray_files(1)
    parameters = ((8, 8), "grayscale", "stretch", 0, None)

    def key():
        _keys.parameters_tag.cache_clear()
        return _keys.image_key(path, _keys.parameters_tag(*parameters))

    before = key()
    assert key() == before
    monkeypatch.setattr(_keys, "_FORMAT", 99)
    assert key() != before
    monkeypatch.undo()
    monkeypatch.setattr(_keys.PIL, "__version__", "99.0")
    assert key() != before
    monkeypatch.undo()
    assert key() == before
    age(path, 99)
    assert key() != before


def test_a_folder_of_a_cache_may_begin_with_a_tilde():
    assert DecodeCache("~no such user/cache").path == Path("~no such user/cache").absolute()


@pytest.mark.parametrize("seconds", [-(10**9), 10**10], ids=["1938", "2286"])
def test_files_of_any_date_have_keys(seconds, tmp_path, monkeypatch):
    monkeypatch.setattr(_keys, "_has_just_changed", lambda status: False)
    path = tmp_path / "x.png"
    path.touch()
    keys = set()
    for date in (seconds, seconds + 1):
        os.utime(path, (date, date))
        keys.add(_keys.image_key(str(path), b"tag"))
    assert len(keys) == 2


def test_relative_paths_start_in_the_current_folder(xray_files, decoded, cache, monkeypatch):
    a, b = xray_files(1, seed=1), xray_files(1, seed=2)
    loader = ImageLoader(size=8, cache=cache)
    for (path,) in (a, b):
        monkeypatch.chdir(os.path.dirname(path))
        images = loader.transform([os.path.basename(path)])
        assert_array_equal(images, loader.transform([path]))
    assert len(decoded) == 2


@pytest.mark.parametrize("damage", ["rubbish", "cut", "emptied page"])
def test_a_damaged_cache_is_named_with_its_remedy(damage, xray_files, cache):
    paths = xray_files(4)
    ImageLoader(size=64, cache=cache).transform(paths)
    reopen()
    data = cache.path / "data.mdb"
    if damage == "rubbish":
        data.write_bytes(b"rubbish" * 5000)
    elif damage == "cut":
        os.truncate(data, data.stat().st_size // 2)
    else:
        with open(data, "r+b") as file:
            file.seek(8192)
            file.write(b"\0" * (data.stat().st_size - 8192))
    with pytest.raises(DecodeCacheError) as caught:
        ImageLoader(size=64, cache=cache).transform(paths)
    assert str(cache.path) in str(caught.value)
    assert f"skpneumo cache {str(cache.path)!r} --clear" in str(caught.value)
    reopen()
    cache.clear()
    ImageLoader(size=64, cache=cache).transform(paths)
    assert cache.info().entries == 4


@pytest.mark.parametrize("share", [0.5, 0])
def test_a_cache_cut_while_in_use_is_named_and_does_not_end_the_process(share, xray_files, cache):
    program = LOAD + (
        "import os\n"
        "data = os.path.join(cache, 'data.mdb')\n"
        f"os.truncate(data, int({share} * os.path.getsize(data)))\n"
        "ImageLoader(size=8, cache=cache).transform(paths)\n"
    )
    ran = run_python(program, cache.path, *xray_files(40))
    assert ran.returncode == 1
    assert "data.mdb has been cut to" in ran.stderr
    assert "--clear" in ran.stderr


def test_a_cache_of_another_layout_is_named(xray_files, cache, monkeypatch):
    paths = xray_files(1)
    monkeypatch.setattr(_lmdb, "_LAYOUT", 99)
    ImageLoader(cache=cache).transform(paths)
    reopen()
    monkeypatch.undo()
    with pytest.raises(DecodeCacheError, match=r"another version of skpneumo.*--clear"):
        ImageLoader(cache=cache).transform(paths)


def test_a_folder_that_is_not_a_cache_is_neither_used_nor_cleared(xray_files, tmp_path):
    paths = xray_files(2)
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / "data.mdb").write_bytes(b"somebody else's")
    cache = DecodeCache(folder)
    for use in (lambda: ImageLoader(cache=folder).transform(paths), cache.info, cache.clear):
        with pytest.raises(
            DecodeCacheError, match=r"precious'.*not a decode cache.*data\.mdb.*Name"
        ):
            use()
    assert (folder / "data.mdb").read_bytes() == b"somebody else's"
    with pytest.raises(DecodeCacheError, match="is a file; name a folder"):
        ImageLoader(cache=paths[0]).transform(paths)


def test_a_cache_with_a_foreign_file_is_not_cleared(xray_files, cache):
    ImageLoader(cache=cache).transform(xray_files(2))
    (cache.path / "notes.txt").write_text("mine")
    with pytest.raises(DecodeCacheError, match=r"notes\.txt"):
        cache.clear()
    assert cache.path.joinpath("data.mdb").exists()


def test_clearing_frees_the_disk_while_others_continue(xray_files, decoded, cache):
    paths = xray_files(3)
    loader = ImageLoader(size=8, cache=cache)
    expected = loader.transform(paths)
    cache.clear()
    assert {path.name for path in cache.path.iterdir()} == {"CACHEDIR.TAG", "locks"}
    assert cache.info().entries == 0
    decoded.clear()
    assert_array_equal(loader.transform(paths), expected)
    assert sorted(decoded) == paths
    assert cache.info().entries == 3
    DecodeCache(cache.path / "nowhere").clear()


def test_a_process_using_a_cache_continues_when_it_is_cleared(xray_files, cache):
    paths = xray_files(3)
    loader = ImageLoader(size=8, cache=cache)
    loader.transform(paths)
    in_use = store_of(cache)
    cache.clear()
    loader.transform(paths)
    assert in_use.describe().entries == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("removed", [False, True])
def test_counts_are_written_after_a_fork_unless_the_folder_is_gone(removed, xray_files, cache):
    run = run_python(
        LOAD
        + "import os, shutil\n"
        + "images = ImageLoader(size=8, cache=cache).transform(paths)\n"
        + "if child := os.fork():\n"
        + "    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
        + ("    shutil.rmtree(cache)\n" if removed else ""),
        cache.directory,
        *xray_files(4),
    )
    assert run.returncode == 0, run.stderr
    assert cache.path.exists() == (not removed)
    assert cache.info().served == (0 if removed else 4)


def test_repeated_clearing_while_others_load_is_safe(xray_files, cache):
    paths = xray_files(12)
    expected = ImageLoader(size=8, cache=False).transform(paths)
    program = (
        "import sys; from skpneumo.loading import DecodeCache\n"
        "while True: DecodeCache(sys.argv[1]).clear()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(cache.path)]) as clearing:
        for _ in range(150):
            assert_array_equal(ImageLoader(size=8, cache=cache).transform(paths), expected)
        assert clearing.poll() is None
        clearing.kill()
    cache.clear()
    assert cache.info().entries == 0


def test_a_cache_cleared_by_another_process_is_created_again(xray_files, cache):
    paths = xray_files(3)
    loader = ImageLoader(size=8, cache=cache)
    expected = loader.transform(paths)
    run_python(
        "import sys; from skpneumo.loading import DecodeCache; DecodeCache(sys.argv[1]).clear()",
        cache.directory,
    )
    assert_array_equal(loader.transform(paths), expected)
    assert cache.info().entries == 3


def run_mounted(mount, program, *arguments):
    """Run a program in a namespace with file systems mounted by a shell command."""
    try:
        allowed = subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("mounting needs unshare")
    if allowed.returncode:
        pytest.skip("mounting needs user namespaces")
    shell = f'set -e; {mount}; exec "$@"'
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", shell, "sh", sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


# Loads twice into each of some caches that will not do, and compares with what is right.
COMPARE = (
    "import os, sys, warnings; from skpneumo.loading import DecodeCache, ImageLoader\n"
    "caches, *paths = sys.argv[1:]\n"
    "right = ImageLoader(size=300, cache=False).transform(paths)\n"
    "for cache in caches.split(os.pathsep):\n"
    "    with warnings.catch_warnings(record=True) as caught:\n"
    "        warnings.simplefilter('always')\n"
    "        for _ in range(2):\n"
    "            assert (ImageLoader(size=300, cache=cache).transform(paths) == right).all()\n"
    "            stream = ImageLoader(size=300, cache=cache, stream=True).transform(paths)\n"
    "            assert all((batch == right[:4]).all() for batch in stream[:4].batches(4))\n"
    "    assert len(caught) == 1, (cache, caught)\n"
    "    print(caught[0].message)\n"
)
READ_ONLY = "mount --bind {0} {0}; mount -o remount,ro,bind {0}"


def test_a_disk_that_cannot_be_written_is_named_and_loading_continues(xray_files, tmp_path):
    small, full, fixed = folders = [tmp_path / name for name in ("small", "full", "fixed")]
    for folder in folders:
        folder.mkdir()
    mount = (
        f"mount -t tmpfs -o size=400k none {small}; "
        f"mount -t tmpfs -o size=40k none {full}; "  # no room for the cache itself
        f"dd if=/dev/zero of={full}/other bs=1k count=40 status=none || true; "
        + READ_ONLY.format(fixed)
    )
    caches = os.pathsep.join(f"{folder}/cache" for folder in folders)
    run = run_mounted(mount, COMPARE, caches, *xray_files(12))
    assert run.returncode == 0, run.stderr
    of_small, of_full, of_fixed = run.stdout.splitlines()
    assert f"disk of the decode cache '{small}/cache' is full (No space left" in of_small
    assert "Loading continues" in of_small
    assert f"'{full}/cache' (No space left on device)" in of_full
    assert f"'{fixed}/cache' (Read-only file system)" in of_fixed


def test_a_warm_cache_on_a_read_only_disk_is_read(xray_files, cache):
    paths = xray_files(6)
    ImageLoader(size=300, cache=cache).transform(paths[:5])
    reopen()
    program = COMPARE + (
        "from skpneumo.loading import _reading\n"
        "def refuse(path, *_): raise AssertionError(path)\n"
        "_reading.decode_image = refuse\n"
        "assert (ImageLoader(size=300, cache=cache).transform(paths[:5]) == right[:5]).all()\n"
        "info = DecodeCache(cache).info()\n"
        "assert info.entries == 5 and info.bytes_on_disk\n"
        "try: DecodeCache(cache).clear()\n"
        "except OSError as error: print(error)\n"
    )
    run = run_mounted(READ_ONLY.format(cache.path), program, str(cache.path), *paths)
    assert run.returncode == 0, run.stderr
    said = f"decode cache '{cache.path}' cannot be written (Read-only file system)"
    assert run.stdout.count(said) == 2
    assert cache.info().entries == 5


def test_no_space_left_has_the_error_number_of_a_full_disk(tmp_path):
    import lmdb

    for error in (
        lmdb.DiskError("x", errno.ENOSPC),
        lmdb.Error("x: No space left on device"),
        lmdb.MapFullError("x"),
        OSError(errno.EDQUOT, "x"),
    ):
        with (
            pytest.raises(
                DecodeCacheError, match=r"disk of the decode cache .* is full"
            ) as caught,
            explained(tmp_path, lmdb),
        ):
            raise error
        assert caught.value.errno in (errno.ENOSPC, errno.EDQUOT)


def test_too_little_address_space_is_not_reported_as_damage(tmp_path):
    import lmdb

    with pytest.raises(DecodeCacheError, match="ulimit -v") as caught, explained(tmp_path, lmdb):
        raise lmdb.MemoryError("Cannot allocate memory")
    assert caught.value.errno == errno.ENOMEM


def test_errors_of_locks_are_explained(tmp_path):
    import lmdb

    for number, said in [(errno.ENOSPC, "is full"), (errno.EACCES, "cannot be written")]:
        with pytest.raises(DecodeCacheError, match=said) as caught, explained(tmp_path, lmdb):
            raise OSError(number, os.strerror(number))
        assert caught.value.errno == number


FLIP = (
    "import sys, warnings, random; import numpy as np\n"
    "from skpneumo.loading import DecodeCacheError, ImageLoader\n"
    "cache, *paths = sys.argv[1:]\n"
    "warnings.simplefilter('ignore')\n"
    "from skpneumo.loading.cache import _cache, store_at\n"
    "right = ImageLoader(size=64, cache=False).transform(paths)\n"
    "data = open(cache + '/data.mdb', 'rb').read()\n"
    "rng = random.Random(0)\n"
    "refused = 0\n"
    "for n_flipped in [1, 5, 20, 50] * 10:\n"
    "    damaged = bytearray(data)\n"
    "    for at in rng.choices(range(len(data)), k=n_flipped):\n"
    "        damaged[at] ^= 1 << rng.randrange(8)\n"
    "    for store in _cache._stores.values(): store.close()\n"
    "    _cache._stores.clear()\n"
    "    open(cache + '/data.mdb', 'r+b').write(damaged)\n"
    "    try: images = ImageLoader(size=64, cache=cache).transform(paths)\n"
    "    except DecodeCacheError: refused += 1\n"
    "    else: assert (images == right).all()\n"
    "print(refused)\n"
)


def test_flipped_bytes_never_change_an_image(xray_files, cache):
    paths = xray_files(40)
    ImageLoader(size=64, cache=cache).transform(paths)
    reopen()
    run = run_python(FLIP, cache.path, *paths)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) < 40


def test_damaged_images_are_named_decoded_again_and_replaced(xray_files, cache, decoded):
    paths = xray_files(4)
    expected = ImageLoader(size=64, cache=cache).transform(paths)
    reopen()
    data = (cache.path / "data.mdb").read_bytes()
    at = data.index(expected[0].tobytes())
    with open(cache.path / "data.mdb", "r+b") as file:
        file.seek(at + 2000)
        file.write(bytes([data[at + 2000] ^ 1]))
    decoded.clear()
    with pytest.warns(UserWarning, match=r"1 images in the decode cache .* are damaged"):
        images = ImageLoader(size=64, cache=cache).transform(paths)
    assert_array_equal(images, expected)
    assert decoded == paths[:1]
    reopen()
    assert_array_equal(ImageLoader(size=64, cache=cache).transform(paths), expected)
    assert decoded == paths[:1]
    assert cache.info().entries == 4


def test_a_folder_that_cannot_be_made_is_named(xray_files, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(DecodeCacheError, match=r"file/cache'.*Name a folder"):
        ImageLoader(cache=blocked / "cache").transform(xray_files(1))


def test_max_bytes_has_a_minimum():
    with pytest.raises(ValueError, match="max_bytes=1000; expected at least"):
        DecodeCache("cache", max_bytes=1000)


def test_a_cache_is_comparable_and_picklable():
    cache = DecodeCache("somewhere", max_bytes=2**21)
    assert copy.deepcopy(cache) == pickle.loads(pickle.dumps(cache)) == cache
    assert not Path("somewhere").exists()


def test_without_lmdb_the_remedy_is_named(xray_files, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(ImportError, match=r'pip install "skpneumo\[cache\]"'):
        ImageLoader(cache=tmp_path / "cache").transform(xray_files(1))
    assert not (tmp_path / "cache").exists()


def test_importing_the_loader_imports_no_database():
    program = "import sys, skpneumo.loading; print({'lmdb', 'filelock'} & set(sys.modules))"
    assert run_python(program).stdout.strip() == "set()"
