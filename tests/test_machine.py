"""The available memory is that of the container, not that of the machine."""

import platform
import re

import numpy as np
import psutil
import pytest
from imblearn.over_sampling import SMOTE

from skpneumo import CNNClassifier, ImageAugmenter, ImageLoader, _machine
from skpneumo._machine import free_memory, peak_memory, processor, total_memory
from skpneumo.rebalancing import ImageResampler

GIB = 2**30


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Write control groups of this process, each with its limit and use in GiB."""

    def write(own, limits, names=("memory.max", "memory.current", "inactive_file")):
        monkeypatch.setattr(_machine, "_GROUPS", tmp_path)
        monkeypatch.setattr(_machine, "_OWN_GROUPS", tmp_path / "own")
        (tmp_path / "own").write_text(f"{own}\n")
        for group, (limit, used, cached) in limits.items():
            folder = tmp_path / group
            folder.mkdir(parents=True, exist_ok=True)
            (folder / names[0]).write_text(f"{limit if limit == 'max' else int(limit * GIB)}\n")
            (folder / names[1]).write_text(f"{int(used * GIB)}\n")
            (folder / "memory.stat").write_text(f"anon 7\n{names[2]} {int(cached * GIB)}\n")

    memory = psutil.virtual_memory()._replace(total=64 * GIB, available=32 * GIB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    return write


V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


@pytest.mark.parametrize(
    ("written", "total", "free"),
    [
        pytest.param([("0::/", {})], 64, 32, id="machine without limit"),
        pytest.param([("0::/", {".": ("max", 1, 0)})], 64, 32, id="unlimited group"),
        pytest.param([("0::/", {".": (4, 3, 1)})], 4, 2, id="container that sees itself on top"),
        pytest.param(
            [("0::/a/b", {"a": (8, 7, 0), "a/b": (16, 1, 0)})], 8, 1, id="group in a smaller one"
        ),
        pytest.param([("0::/host/path", {".": (4, 5, 0)})], 4, 0, id="path of the host"),
        pytest.param(
            [("9:memory:/job", {"memory/job": (2, 1, 0.5), "memory": (2**33, 1, 0)}, V1)],
            2, 1.5, id="version 1",
        ),
    ],
)  # fmt: skip
def test_the_least_limit_holds(written, total, free, groups):
    for arguments in written:
        groups(*arguments)
    assert (total_memory() / GIB, free_memory() / GIB) == (total, free)


def test_a_system_without_control_groups_has_the_memory_of_the_machine(monkeypatch, tmp_path):
    monkeypatch.setattr(_machine, "_OWN_GROUPS", tmp_path / "none")
    assert total_memory() == psutil.virtual_memory().total


def test_the_peak_is_read_from_linux_or_asked_of_the_system(monkeypatch, tmp_path):
    status = tmp_path / "status"
    monkeypatch.setattr(_machine, "_STATUS", status)
    assert peak_memory() > 10 * 2**20
    status.write_text("VmPeak: 9 kB\nVmHWM: 2048 kB\n")
    assert peak_memory() == 2 * 2**20


def test_the_processor_has_a_name_everywhere(monkeypatch, tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    monkeypatch.setattr(_machine, "_CPUINFO", cpuinfo)
    assert processor() == (platform.processor() or "unknown", set())
    cpuinfo.write_text("model name\t: Fast One\nflags\t: sse avx2\n\nmodel name\t: Other\n")
    name, flags = processor()
    assert re.match("Fast", name)
    assert flags == {"sse", "avx2"}


def test_too_large_requests_are_refused_before_they_are_tried(monkeypatch, xrays):
    monkeypatch.setattr(_machine, "free_memory", lambda: 2**24)
    loading = ImageLoader(size=10_000, cache=False)
    with pytest.raises(
        MemoryError, match=r"stack of 9 images of 10000 .* takes 0\.9 GB.*size=.*stream"
    ):
        loading.transform(xrays.filenames[:9])
    assert len(loading.set_params(stream=True).transform(xrays.filenames[:9])) == 9
    stream = loading.transform(xrays.filenames[:9])
    with pytest.raises(MemoryError, match=r"array of this stream of 9 images takes 0\.9 GB"):
        np.asarray(stream)
    X, y = np.zeros((30, 800, 800, 1), np.uint8), np.arange(30) % 3 == 0
    for sampler in (
        ImageResampler(SMOTE(), random_state=0),
        ImageResampler("over", random_state=0),
        ImageAugmenter(n_copies=2),
    ):
        with pytest.raises(MemoryError, match=r"of which 0\.017 GB are free.*size=.*stream=True"):
            sampler.fit_resample(X, y)
    classifier = CNNClassifier(filters=(), dense_units=(), early_stopping=True, random_state=0)
    with pytest.raises(MemoryError, match=r"copy of the 30 images.*X_val and y_val.*stream=True"):
        classifier.fit(X + np.arange(0, 240, 8, dtype=np.uint8)[:, None, None, None], y)
