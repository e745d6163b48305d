"""Regions: lungs are found in any place, and burnt-in text is not a lung."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from skpneumo import ImageLoader
from skpneumo._lung_field import chest_field
from skpneumo.explanation import attribution_shares, lung_field
from skpneumo.explanation._regions import REGIONS, region_codes


def test_opacities_lie_in_the_chest_and_nearly_always_in_the_lungs(tested):
    ill = tested.target == 1
    truth, fields = tested.frame[ill], lung_field(tested.images[ill])
    side = fields.shape[1]
    x = (truth["opacity_x"] / truth["width"] * side).astype(int)
    y = (truth["opacity_y"] / truth["height"] * side).astype(int)
    rows = np.arange(len(fields))
    assert fields[rows, y, x].mean() > 0.9
    assert chest_field(tested.images[ill])[rows, y, x].all()


def test_lungs_are_two_and_darker_than_what_is_between_them(tested):
    lungs, chest = lung_field(tested.images), chest_field(tested.images)
    assert (lungs <= chest).all()
    assert (lungs.mean(axis=(1, 2)) > 0.1).all()
    assert (lungs.mean(axis=(1, 2)) < 0.6).all()
    normal = tested.target == 0
    grey, between = tested.images[..., 0], chest & ~lungs
    for image, lung, middle in zip(grey[normal], lungs[normal], between[normal], strict=True):
        assert image[lung].mean() < image[middle].mean()


@given(gain=st.floats(0.3, 1), offset=st.integers(0, 70))
@settings(max_examples=10, deadline=None)
def test_exposure_does_not_move_the_lungs(gain, offset, tested):
    images = tested.images[:6]
    exposed = np.rint(images * (gain * (255 - offset) / 255) + offset).astype(np.uint8)
    overlap = (lung_field(images) == lung_field(exposed)).mean(axis=(1, 2))
    # Rounding may move a field by one step of the search, which is a tenth of the image.
    assert (overlap > 0.85).all()


def test_a_letter_is_text_and_nothing_else_is(xrays):
    images = np.asarray(ImageLoader(size=96).transform(xrays.filenames[:12]))
    text = REGIONS.index("text")
    assert (region_codes(images) == text).mean() < 0.02
    lettered = images.copy()
    for image in lettered:
        marked = Image.fromarray(image[..., 0])
        ImageDraw.Draw(marked).text((4, 2), "R", fill=250, font=ImageFont.load_default(14))
        image[..., 0] = marked
    ink = (lettered != images)[..., 0] & (lettered[..., 0] > 200)
    codes = region_codes(lettered)
    assert ink.any(axis=(1, 2)).all()
    assert np.mean(codes[ink] == text) > 0.9


def test_every_place_has_one_region(tested):
    codes = region_codes(tested.images[:3])
    assert set(np.unique(codes)) <= set(range(len(REGIONS)))
    assert (codes[:, 0, 0] == REGIONS.index("corners")).all()
    assert (codes[:, 0, 24] == REGIONS.index("border")).all()


def test_shares_add_up_and_count_only_evidence_for_the_class(tested):
    images = tested.images[:4]
    maps = np.random.default_rng(0).normal(size=images.shape[:3])
    maps[3] = -1
    shares = attribution_shares(maps, images)
    assert list(shares) == list(REGIONS)
    assert shares.iloc[:3].sum(axis=1).to_numpy() == pytest.approx(1)
    assert shares.iloc[3].isna().all()
    within = np.where(lung_field(images), 1.0, -5.0)
    assert attribution_shares(within, images)["lungs"].to_numpy() == pytest.approx(1, abs=0.02)


def test_other_shapes_are_refused(tested):
    with pytest.raises(ValueError, match=r"maps have shape \(2, 8, 8\), but"):
        attribution_shares(np.zeros((2, 8, 8)), tested.images[:2])
    for images in (tested.images[0], tested.images[:0]):
        with pytest.raises(ValueError, match=r"\(n_images, height, width, channels\)"):
            lung_field(images)


def test_an_even_image_has_no_nan():
    assert lung_field(np.full((1, 20, 20, 1), 7, dtype=np.uint8)).shape == (1, 20, 20)


def test_lists_are_accepted(tested):
    images = tested.images[:2]
    assert np.array_equal(lung_field(images.tolist()), lung_field(images))
    maps = np.random.default_rng(0).random(images.shape[:3])
    shares = attribution_shares(maps.tolist(), images.tolist())
    assert shares.equals(attribution_shares(maps, images))
