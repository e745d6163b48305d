"""Figures in pages are the same every time, and do not refer to each other."""

import re

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

from skpneumo._svg import bare_svg, drawing


def drawn(name, salt):
    with drawing(), mpl.rc_context({"svg.hashsalt": salt}):
        figure, ax = plt.subplots()
        ax.imshow(np.arange(12).reshape(3, 4))
        ax.bar(range(3), range(3), hatch="//")
        ax.plot(range(3), marker="o")
        return bare_svg(figure, name, "Title")


def test_identifiers_are_not_those_of_matplotlib_which_differ_from_run_to_run():
    assert drawn("x", "one salt") == drawn("x", "another")


def test_references_are_to_identifiers_of_the_same_figure():
    svg = drawn("x", "salt")
    identifiers = re.findall(r'\bid="([^"]+)"', svg)
    references = re.findall(r'(?:url\(|href=")#([^")]+)', svg)
    assert len(references) > 5
    assert len({*identifiers}) == len(identifiers)
    assert {*references} <= {*identifiers}
    assert all(each.startswith("x-") for each in identifiers)
