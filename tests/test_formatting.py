"""Values are formatted with their intervals and sample sizes."""

import numpy as np
import pytest

from skpneumo._formatting import based_on, counted, printable, rounded, with_interval


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        ((0.5, 0.25, 0.75), {}, "0.500 [0.250, 0.750]"),
        ((0.5, 0.25, 0.75, 1, 1), {}, "0.500 [0.250, 0.750] (1 image, 1 patient)"),
        ((0.5, 0.25, 0.75, None, 1200), {}, "0.500 [0.250, 0.750] (1,200 patients)"),
        ((np.inf, 2.0, np.inf, 9), {}, "inf [2.000, inf] (9 images)"),
        ((np.nan, np.nan, np.nan, 9, 3), {}, "undefined (9 images, 3 patients)"),
        ((np.nan, 0, 1), {"undefined": "undefined: needs scores"}, "undefined: needs scores"),
        ((0.5, np.nan, np.nan), {}, "0.500 [no interval]"),
        ((3.0, -1, 7), {"form": "+.1f", "unit": " points"}, "+3.0 points [-1.0, +7.0]"),
    ],
)
def test_figures(arguments, options, text):
    assert with_interval(*arguments, **options) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(153.2, "150"), (2.04, "2"), (0.00312, "0.0031"), (9.97, "10"), (1.54e6, "1,500,000")],
)
def test_two_digits_have_no_exponent(number, text):
    assert rounded(number) == text


def test_counts():
    assert based_on() == ""
    assert based_on(2, 1) == "2 images, 1 patient"
    assert counted(0, "case") == "0 cases"


def test_control_characters_in_names_are_escaped():
    name = "a\x1b[31m\x00\x07\r\x7f\x85\x9b\u202e\u2066b\tc\nd é 胸.png"
    assert printable(name) == (
        r"a\x1b[31m\x00\x07\x0d\x7f\x85\x9b\u202e\u2066b" + "\tc\nd é 胸.png"
    )
    assert printable(b"caf\xe9".decode("utf-8", "surrogateescape")) == r"caf\udce9"
    assert printable(printable(name)) == printable(name)
