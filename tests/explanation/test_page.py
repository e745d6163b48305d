"""The section of an evaluation's page."""

import re

import numpy as np
import pytest

from skpneumo.explanation._page import section_html
from skpneumo.explanation._verdict import MEASURES


@pytest.fixture(scope="module")
def few(tested):
    rows = np.r_[np.flatnonzero(tested.target == 0)[:3], np.flatnonzero(tested.target == 1)[:3]]
    return tested.filenames[rows], tested.target[rows]


def test_it_has_the_verdict_the_measures_and_the_gallery(pipeline, few):
    html = section_html(pipeline, *few, target_names=["NORMAL", "PNEUMONIA"])
    assert re.search(r'<strong class="(error|warning|note)">(shortcut|undecided|lungs)<', html)
    assert all(words in html for words in MEASURES.values())
    assert html.count('<svg role="img"') == 1
    assert "currentColor" in html  # legible on a dark page as well
    assert "<script" not in html


def test_it_is_the_same_every_time(pipeline, few):
    assert section_html(pipeline, *few) == section_html(pipeline, *few)
