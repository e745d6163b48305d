"""Corruptions by text and frames, drawn or painted over."""

import numpy as np
import pytest
from PIL import Image

from skpneumo.evaluation._corruptions import CORRUPTIONS


@pytest.fixture(scope="module")
def plain():
    return Image.fromarray(np.tile(np.linspace(60, 140, 224), (224, 1)).astype(np.uint8))


def corrupt(name, image):
    return np.asarray(CORRUPTIONS[name](image)).astype(int)


def test_text_is_in_every_corner_and_nowhere_else(plain):
    changed = corrupt("text in every corner", plain) != np.asarray(plain)
    for rows in (np.s_[:25], np.s_[-25:]):
        for columns in (np.s_[:90], np.s_[-90:]):
            assert changed[rows, columns].sum() > 50
    assert not changed[25:-25].any()


def test_text_that_was_painted_in_is_painted_out(plain):
    marked = CORRUPTIONS["text in every corner"](plain)
    without = corrupt("text painted out", marked)
    left = np.abs(without - np.asarray(plain)) > 30
    painted = np.abs(np.asarray(marked).astype(int) - np.asarray(plain)) > 30
    assert left.sum() < 0.1 * painted.sum()


@pytest.mark.parametrize(("name", "grey"), [("grey frame 8 %", 110), ("white frame 8 %", 255)])
def test_frames_cover_the_edges_and_leave_the_middle(plain, name, grey):
    framed = corrupt(name, plain)
    inside = np.s_[18:-18, 18:-18]
    np.testing.assert_array_equal(framed[inside], np.asarray(plain)[inside])
    framed[inside] = grey
    assert (framed == grey).all()
