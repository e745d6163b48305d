import re
from pathlib import Path

import numpy as np
import pytest

from skpneumo import _machine
from skpneumo.tuning import ResumableGridSearchCV, _peak_memory
from skpneumo.tuning._peak_memory import PeakMemory

MEBIBYTES = 300


def touch(mebibytes):
    return int(np.ones(mebibytes * 2**20, dtype=np.uint8)[-1])


def counts_again():
    return Path("/proc/self/clear_refs").exists() and _machine.reset_peak_memory()


@pytest.mark.skipif(not counts_again(), reason="this system only counts from the start")
def test_each_measurement_starts_again():
    before = PeakMemory().megabytes()
    large = PeakMemory()
    touch(MEBIBYTES)
    assert large.megabytes() > before + 0.9 * MEBIBYTES
    small = PeakMemory()
    assert small.megabytes() < large.megabytes() - 0.9 * MEBIBYTES or (
        # The allocator may not have given it back; then it is still resident, and counted.
        small.megabytes() >= before
    )


def test_simultaneous_measurements_do_not_reset_each_other(monkeypatch, tmp_path):
    status = tmp_path / "status"
    status.write_text("VmPeak: 9 kB\nVmHWM: 2048 kB\n")

    def reset():
        status.write_text(re.sub("HWM.*", "HWM: 1024 kB", status.read_text()))
        return True

    monkeypatch.setattr(_machine, "_STATUS", status)
    monkeypatch.setattr(_peak_memory, "reset_peak_memory", reset)
    first = PeakMemory()
    assert first.megabytes() == 1
    status.write_text("VmHWM: 5120 kB\n")
    second = PeakMemory()
    assert (first.megabytes(), second.megabytes()) == (5, 1)


def test_on_other_systems_the_peak_is_since_the_start(monkeypatch):
    monkeypatch.setattr(_peak_memory, "reset_peak_memory", lambda: False)
    touch(MEBIBYTES)
    assert PeakMemory().megabytes() > MEBIBYTES


def test_a_search_reports_the_peak_memory_of_candidates(counting, rows, monkeypatch):
    fit = counting.fit

    def hungry(self, X, y):
        if self.answer == 1:
            touch(MEBIBYTES)
        return fit(self, X, y)

    monkeypatch.setattr(counting, "fit", hungry)
    search = ResumableGridSearchCV(counting(), {"answer": [0, 1]}, cv=2, refit=False).fit(*rows)
    modest, large = search.cv_results_["peak_memory_mb"]
    assert large > MEBIBYTES
    assert modest <= large
