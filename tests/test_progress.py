"""Progress is shown once, and only on a terminal."""

import io
import sys

from skpneumo._progress import progress


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
