import csv
import errno
import io
import os
import sys

import pytest

from skpneumo.cli._terminal import named_standard_output, standard_streams
from skpneumo.cli._xray_files import expanded


class Full(io.RawIOBase):
    """A file on a disk that is full."""

    def writable(self):
        return True

    def write(self, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def print_and_flush():
    print("row", flush=True)


def write_a_long_row():
    csv.writer(sys.stdout).writerow(["x" * 100_000])


@pytest.mark.parametrize("work", [print_and_flush, write_a_long_row])
def test_standard_output_is_named_if_it_cannot_be_written(work, monkeypatch):
    raw = Full()
    stream = io.TextIOWrapper(io.BufferedWriter(raw))
    monkeypatch.setattr(sys, "stdout", stream)
    before = dict(vars(stream))
    named = pytest.raises(OSError, match="No space left on device: 'standard output'")
    with named, named_standard_output():
        work()
    assert vars(stream) == before
    raw.write = len  # otherwise fails again when it is closed
    stream.close()


def test_standard_output_is_not_named_in_errors_of_other_files():
    with (
        pytest.raises(OSError, match="No space left on device") as raised,
        named_standard_output(),
    ):
        Full().write(b"")
    assert raised.value.filename is None


def test_a_closed_standard_input_is_an_empty_one(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with standard_streams():
        assert [*expanded(["-"])] == []
