"""The section of an evaluation's page."""

import re

import numpy as np
import pytest

from skpneumo._predictions import predictions_of
from skpneumo.explanation._model import split_at_images
from skpneumo.explanation._page import section_html
from skpneumo.explanation._verdict import MEASURES


@pytest.fixture(scope="module")
def section(pipeline, tested):
    """Make the section about six images."""
    rows = np.r_[np.flatnonzero(tested.target == 0)[:3], np.flatnonzero(tested.target == 1)[:3]]
    X, y = tested.filenames[rows], tested.target[rows]

    def lay_out():
        return section_html(
            pipeline,
            X,
            *split_at_images(pipeline, X),
            predictions_of(pipeline, X, y),
            threshold=0.5,
            target_name="PNEUMONIA",
            truth=["NORMAL"] * 3 + ["PNEUMONIA"] * 3,
        )

    return lay_out


def test_it_has_the_verdict_the_measures_and_the_gallery_and_is_the_same_every_time(section):
    html = section()
    said = "(Uses a shortcut|Undecided|Looks at the lungs)"
    assert re.search(rf'<strong class="(error|warning|note)">{said}<', html)
    assert all(words in html for words in MEASURES.values())
    assert html.count('<svg role="img"') == 1
    assert "currentColor" in html  # legible on a dark page as well
    assert "<script" not in html
    is_the_same = section() == html  # to compare them in an error message takes ten minutes
    assert is_the_same
