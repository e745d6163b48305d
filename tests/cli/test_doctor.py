import os
import subprocess
import sys
import time
from dataclasses import replace

import keras
import pytest

from skpneumo import ImageLoader, __version__, _machine
from skpneumo.cli import _system_info, main
from skpneumo.cli._system_info import BackendFacts, MachineFacts, remarks

MACHINE = MachineFacts(
    processor="a fast one",
    cores=16,
    load=1.0,
    gibibytes=64.0,
    instructions=("AVX2", "AVX-512", "AVX512-VNNI"),
    turbo_jpeg=True,
    disk_cache=True,
    nvidia_driver=False,
)
BACKEND = BackendFacts(
    name="tensorflow",
    devices=("cpu:0",),
    has_gpu=False,
    memory_growth="no device with memory of its own",
    takes_all_memory=False,
    chosen="float32",
    bfloat16_speed=0.5,
)


@pytest.fixture(scope="module")
def printed():
    import contextlib
    import io

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = main(["doctor"])
    assert status == 0
    return out.getvalue()


def test_it_says_what_there_is(printed):
    lines = dict(
        line.strip().split(maxsplit=1) for line in printed.splitlines() if line.startswith("  ")
    )
    assert lines["keras"] == keras.__version__
    assert lines["Python"] == sys.version.split()[0]
    assert lines["name"] == keras.backend.backend()
    assert "cpu" in lines["devices"].lower() or "gpu" in lines["devices"].lower()
    assert lines["skpneumo"] in (__version__, "not installed")
    assert lines['precision="auto"'] in ("float32", "bfloat16")
    for title in ("Versions", "Machine", "Backend", "What is slow, and why"):
        assert f"\n{title}\n" in printed


def test_bfloat16_is_timed(printed):
    assert "times as fast as float32" in printed or "not supported by this backend" in printed


def test_a_machine_without_faults_has_no_remarks():
    assert remarks(MACHINE, BACKEND) == []


@pytest.mark.parametrize(
    ("machine", "backend", "word"),
    [
        ({"cores": 2}, {}, "2 cores"),
        ({"load": 99.0}, {}, "Other programs are running"),
        ({"turbo_jpeg": False}, {}, "libjpeg-turbo"),
        ({"disk_cache": False}, {}, "skpneumo[cache]"),
        ({"nvidia_driver": True}, {}, "finds no GPU"),
        ({"instructions": ("AVX-512",)}, {}, "no AVX2"),
        ({}, {"name": "jax"}, "does not fuse"),
        ({}, {"bfloat16_speed": 2.0}, 'precision="bfloat16"'),
        ({}, {"chosen": "bfloat16"}, 'precision="float32"'),
        ({}, {"has_gpu": True, "takes_all_memory": True}, "device_slots"),
    ],
)
def test_slow_parts_are_named(machine, backend, word):
    (found,) = remarks(replace(MACHINE, **machine), replace(BACKEND, **backend))
    assert word in found


def test_fast_convolutions_switched_off_are_noticed(monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    (found,) = remarks(MACHINE, BACKEND)
    assert "TF_ENABLE_ONEDNN_OPTS" in found


def test_fast_convolutions_that_tensorflow_leaves_off_are_noticed(monkeypatch):
    older = replace(MACHINE, instructions=("AVX2",))
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    (found,) = remarks(older, BACKEND)
    assert "Set TF_ENABLE_ONEDNN_OPTS=1" in found
    assert remarks(MACHINE, BACKEND) == []
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    assert remarks(older, BACKEND) == []


def test_a_backend_that_is_missing_is_a_fault(tmp_path):
    pytest.importorskip("tensorflow")
    if _system_info.find_spec("jax") is not None:
        pytest.skip("jax is installed")
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "from skpneumo.cli import _system_info, main; raise SystemExit(main(['doctor']))",
        ],
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert "Keras cannot start" in run.stdout
    assert "jax" in run.stdout
    assert "Traceback" not in run.stderr


def test_unknown_machines_are_described_too(monkeypatch, tmp_path):
    monkeypatch.setattr(_machine, "_CPUINFO", tmp_path / "nothing")
    facts = _system_info.machine_facts()
    assert facts.instructions == ()
    assert "no known flags" in facts.lines()["processor"]


# The cache


def test_a_missing_cache_folder_is_not_a_fault(tmp_path):
    facts, sound = _system_info.cache_facts(tmp_path / "nowhere")
    assert sound
    assert "first loader creates it" in facts["folder"]


def test_a_cache_says_how_often_it_helped(tmp_path, xrays):
    pytest.importorskip("lmdb")
    for path in xrays.filenames[:4]:
        os.utime(path, (1_700_000_000, 1_700_000_000))
    time.sleep(0.03)  # a tick of the clock: what has just changed is not saved
    loader = ImageLoader(size=16, cache=tmp_path / "cache")
    for _ in range(2):
        loader.transform(xrays.filenames[:4])
    facts, sound = _system_info.cache_facts(tmp_path / "cache")
    assert sound
    assert facts["images"].startswith("4 in ")
    assert facts["found in it"] == "50% of 8"


def test_a_damaged_cache_is_a_fault(tmp_path, xrays):
    pytest.importorskip("lmdb")
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "holiday.txt").write_text("mine")
    facts, sound = _system_info.cache_facts(folder)
    assert not sound
    assert "holiday.txt" in facts["fault"]
