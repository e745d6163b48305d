"""Durations in words."""

import pytest

from skpneumo.cli._finished import duration


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "1 s"),
        (4.4, "4 s"),
        (99, "99 s"),
        (121, "2 minutes"),
        (3600, "1 hour"),
        (7500, "2 hours 5 minutes"),
        (3700, "1 hour 2 minutes"),
    ],
)
def test_durations(seconds, said):
    assert duration(seconds) == said
