"""Scales of pixels are compared, and every suggested conversion works."""

import numpy as np
import pytest

from skpneumo._images import check_images
from skpneumo._pixel_values import how_to_convert, same_kind_of_pixels, white_of

KINDS = {
    "unit": lambda grey: grey,
    "signed": lambda grey: 2 * grey - 1,
    "8 bits": lambda grey: grey * 255,
    "12 bits": lambda grey: grey * 4095,
    "16 bits": lambda grey: grey * 65535,
}
GREY = np.linspace(0, 0.98, 50)


def range_of(values):
    return float(values.min()), float(values.max())


@pytest.mark.parametrize("learned", KINDS)
@pytest.mark.parametrize("given", KINDS)
def test_scales_are_distinguished_and_converted(learned, given):
    expected, X = KINDS[learned](GREY), KINDS[given](GREY)
    assert same_kind_of_pixels(range_of(expected), range_of(X)) == (learned == given)
    if learned != given:
        converted = eval(how_to_convert(range_of(X), range_of(expected)), {"X": X})
        np.testing.assert_allclose(converted, expected, atol=1e-9 * expected.max())


@pytest.mark.parametrize(
    "X",
    [GREY, GREY * 2 - 1, GREY * 255, GREY * 4095, GREY * 65535, GREY * 6 - 3, GREY * 1e6],
    ids=lambda X: f"{X.min():g} to {X.max():g}",
)
def test_the_remedy_for_other_than_uint8_does_not_wrap(X):
    with pytest.raises(ValueError, match="convert them: ") as caught:
        check_images(X.reshape(1, 5, 10, 1))
    remedy = str(caught.value).split("convert them: ")[1].removesuffix(".")
    grey = eval(remedy, {"X": X, "np": np})
    assert grey.dtype == np.uint8
    assert (np.diff(grey.astype(int)) >= 0).all()
    assert grey[-1] >= 249


def test_rows_of_numbers_are_told_apart_only_where_units_differ():
    assert same_kind_of_pixels((-3, 3), (0, 0.1), are_pixels=False)
    assert same_kind_of_pixels((0, 3), (0.1, 0.2), are_pixels=False)
    assert not same_kind_of_pixels((0, 255), (0, 1), are_pixels=False)


def test_values_beyond_all_depths_have_no_white():
    assert white_of((0, 70000)) is None
