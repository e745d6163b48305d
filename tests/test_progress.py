"""Progress is shown once, and only on a terminal."""

import io
import sys

from skpneumo._progress import lines_in_pipes, progress
from skpneumo._quiet_start import _noise_held_back


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_nothing_is_shown_in_a_pipe(capsys):
    assert list(progress([1, 2, 3], "Maps")) == [1, 2, 3]
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_only_the_outer_progress(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    inside = [
        item for outer in progress([1, 2], "Outside") for item in progress([outer] * 2, "In")
    ]
    assert inside == [1, 1, 2, 2]
    assert "Outside" in sys.stderr.getvalue()
    assert "In" not in sys.stderr.getvalue().replace("Outside", "")


def test_one_item_needs_no_counting(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert list(progress([1], "Maps")) == [1]
    assert sys.stderr.getvalue() == ""


def test_a_program_without_a_console_has_no_progress(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr("skpneumo._progress.SECONDS_BETWEEN_LINES", 0.001)
    assert list(progress([1, 2], "Maps")) == [1, 2]
    with lines_in_pipes():
        assert list(progress([1, 2], "Maps")) == [1, 2]
    with _noise_held_back():
        assert sys.stderr is None
