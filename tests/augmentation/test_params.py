"""Sampled parameters: ranges, seeds, and the composed map."""

import numpy as np
import pytest
from scipy import stats

from skpneumo.augmentation import ImageAugmenter
from skpneumo.augmentation._params import (
    CROP_ASPECT_RATIO,
    IDENTITY_INTENSITY,
    UNIFORMS,
    affine_maps,
)

IDENTITY = [1, 0, 0, 0, 1, 0, 0, 0]
EVERYTHING = {
    "rotation": 30,
    "width_shift": 0.2,
    "height_shift": 0.1,
    "shear": 10,
    "zoom": 0.3,
    "crop_scale": (0.3, 1.0),
    "horizontal_flip": True,
    "vertical_flip": True,
    "brightness": 0.3,
    "contrast": 0.4,
    "gamma": 0.5,
    "noise": 8.0,
    "collimation": 0.1,
    "sharpness": 0.8,
    "local_contrast": 0.5,
    "erasing": 0.5,
    "marks": 0.5,
}


def draw(n=2000, shape=(60, 90), seed=0, **parameters):
    return ImageAugmenter(**parameters).sample_params(n, shape, np.random.default_rng(seed))


def as_matrices(affine):
    last = np.broadcast_to([0.0, 0.0, 1.0], (len(affine), 3))
    return np.concatenate([affine[:, :6].astype(float), last], axis=1).reshape(-1, 3, 3)


def test_images_are_unchanged_by_default():
    affine, intensity = draw(n=5)
    np.testing.assert_array_equal(affine, np.tile(IDENTITY, (5, 1)))
    np.testing.assert_array_equal(intensity, np.tile(list(IDENTITY_INTENSITY.values()), (5, 1)))
    assert affine.dtype == intensity.dtype == np.float32


def test_images_that_are_not_flipped_are_exactly_unchanged():
    affine, _ = draw(n=200, horizontal_flip=True)
    untouched = (affine == IDENTITY).all(axis=1)
    assert 70 < untouched.sum() < 130
    np.testing.assert_array_equal(
        affine[~untouched], np.tile([-1, 0, 89, 0, 1, 0, 0, 0], (200 - untouched.sum(), 1))
    )


def test_the_same_seed_samples_the_same():
    first, second, other = (draw(n=7, seed=seed, **EVERYTHING) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.affine, second.affine)
    np.testing.assert_array_equal(first.intensity, second.intensity)
    assert not np.array_equal(first.affine, other.affine)


def test_a_row_depends_neither_on_the_number_of_rows_nor_on_other_parameters():
    long, short = draw(n=20, **EVERYTHING), draw(n=6, **EVERYTHING)
    np.testing.assert_array_equal(long.affine[:6], short.affine)
    np.testing.assert_array_equal(long.intensity[:6], short.intensity)
    without_tone = {name: 0.0 if name in ("gamma", "contrast") else value
                    for name, value in EVERYTHING.items()}  # fmt: skip
    fewer = draw(n=20, **without_tone)
    np.testing.assert_array_equal(fewer.affine, long.affine)
    np.testing.assert_array_equal(fewer.intensity[:, 0], long.intensity[:, 0])


def test_the_generator_advances_by_the_same_amount_for_any_parameters():
    rngs = np.random.default_rng(0), np.random.default_rng(0)
    ImageAugmenter().sample_params(3, (8, 8), rngs[0])
    ImageAugmenter(**EVERYTHING, random_strength=True).sample_params(3, (8, 8), rngs[1])
    assert rngs[0].random() == rngs[1].random()


def test_the_map_undoes_the_steps_in_their_order():
    """Apply the steps to points of the input; the map must send them back."""
    rng = np.random.default_rng(0)
    height, width, n = 60, 90, 50
    steps = {
        "rotation": rng.uniform(-180, 180, n),
        "width_shift": rng.uniform(-1, 1, n),
        "height_shift": rng.uniform(-1, 1, n),
        "shear": rng.uniform(-60, 60, n),
        "zoom": rng.uniform(0.3, 2, n),
        "horizontal_flip": rng.random(n) < 0.5,
        "vertical_flip": rng.random(n) < 0.5,
    }
    crop_width, crop_height = rng.uniform(0.2, 1, (2, n))
    crop_x, crop_y = rng.uniform(-0.2, 0.2, (2, n))
    centre = np.array([(width - 1) / 2, (height - 1) / 2])

    source = rng.uniform(0, 50, (n, 2))
    x, y = (source - centre).T
    x, y = (x - crop_x * width) / crop_width, (y - crop_y * height) / crop_height
    x, y = np.where(steps["horizontal_flip"], -x, x), np.where(steps["vertical_flip"], -y, y)
    x, y = x * steps["zoom"], y * steps["zoom"]
    x = x + np.tan(np.deg2rad(steps["shear"])) * y
    turned = (x + 1j * -y) * np.exp(1j * np.deg2rad(steps["rotation"]))  # y points down
    x, y = (
        turned.real + steps["width_shift"] * width,
        -turned.imag + steps["height_shift"] * height,
    )
    target = np.column_stack([x + centre[0], y + centre[1], np.ones(n)])

    maps = as_matrices(
        affine_maps((height, width), crop=(crop_width, crop_height, crop_x, crop_y), **steps)
    )
    np.testing.assert_allclose(
        np.einsum("nij,nj->ni", maps, target)[:, :2], source, rtol=1e-4, atol=1e-2
    )


def test_rotation_is_rigid_on_images_that_are_not_square():
    linear = as_matrices(draw(rotation=180).affine)[:, :2, :2]
    np.testing.assert_allclose(
        linear @ linear.transpose(0, 2, 1), np.tile(np.eye(2), (len(linear), 1, 1)), atol=1e-6
    )
    angles = np.rad2deg(np.arctan2(linear[:, 1, 0], linear[:, 0, 0]))
    assert stats.kstest(angles, stats.uniform(-180, 360).cdf).pvalue > 0.01


@pytest.mark.parametrize(
    ("parameters", "column", "low", "high"),
    [
        ({"width_shift": 0.2}, 2, -18, 18),
        ({"height_shift": 0.5}, 5, -30, 30),
        ({"shear": 45}, 1, -1, 1),
        ({"zoom": 0.5}, 0, 1 / 1.5, 1 / 0.5),
    ],
)
def test_limits_of_the_geometry(parameters, column, low, high):
    drawn = draw(**parameters).affine[:, column]
    spread = high - low
    assert low <= drawn.min() < low + 0.02 * spread
    assert high - 0.02 * spread < drawn.max() <= high


@pytest.mark.parametrize(
    ("parameters", "column", "low", "high"),
    [
        ({"brightness": 0.3}, 0, 0.7, 1.3),
        ({"contrast": 1.0}, 1, 0.0, 2.0),
        ({"gamma": 1.0}, 2, 0.5, 2.0),
        ({"noise": 10.0}, 7, 0.0, 10.0),
    ],
)
def test_limits_of_the_intensities(parameters, column, low, high):
    intensity = draw(**parameters).intensity
    spread = high - low
    assert low - 1e-6 <= intensity[:, column].min() < low + 0.02 * spread
    assert high - 0.02 * spread < intensity[:, column].max() <= high + 1e-6
    unchanged = np.tile(list(IDENTITY_INTENSITY.values()), (len(intensity), 1))
    others = [i for i in range(8) if i != column]
    np.testing.assert_array_equal(intensity[:, others], unchanged[:, others])


def test_every_other_image_is_collimated_at_each_side_up_to_the_limit():
    sides = draw(collimation=0.2).intensity[:, 3:7]
    closed = (sides > 0).all(axis=1)
    assert 0.45 < closed.mean() < 0.55
    assert (sides[~closed] == 0).all()
    np.testing.assert_allclose(sides[closed].max(axis=0), 0.2, atol=0.002)
    assert np.abs(np.corrcoef(sides[closed].T) - np.eye(4)).max() < 0.1


def test_gamma_brightens_as_often_as_it_darkens():
    gamma = draw(gamma=1.0).intensity[:, 2]
    assert stats.kstest(np.log2(gamma), stats.uniform(-1, 2).cdf).pvalue > 0.01


@pytest.mark.parametrize("shape", [(64, 64), (60, 90), (1, 40)])
def test_crops_have_the_requested_area_and_lie_in_the_image(shape):
    maps = as_matrices(draw(shape=shape, crop_scale=(0.08, 1.0)).affine)
    width, height = maps[:, 0, 0], maps[:, 1, 1]
    assert stats.kstest(width * height, stats.uniform(0.08, 0.92).cdf).pvalue > 0.01
    aspect = width / height
    assert aspect.min() >= CROP_ASPECT_RATIO[0] - 1e-5
    assert aspect.max() <= CROP_ASPECT_RATIO[1] + 1e-5
    edges = np.array([[-0.5, -0.5, 1], [shape[1] - 0.5, shape[0] - 0.5, 1]])
    (left, top), (right, bottom) = ((maps @ edge)[:, :2].T for edge in edges)
    assert min(left.min(), top.min()) >= -0.5 - 1e-3
    assert right.max() <= shape[1] - 0.5 + 1e-3
    assert bottom.max() <= shape[0] - 0.5 + 1e-3


def test_a_field_of_view_wider_than_the_image_contains_it():
    maps = as_matrices(draw(crop_scale=(0.5, 2.0)).affine)
    area = maps[:, 0, 0] * maps[:, 1, 1]
    assert stats.kstest(area, stats.uniform(0.5, 1.5).cdf).pvalue > 0.01
    wider = maps[area > 1]
    edges = np.array([[-0.5, -0.5, 1], [89.5, 59.5, 1]])
    (left, top), (right, bottom) = ((wider @ edge)[:, :2].T for edge in edges)
    assert max(left.max(), top.max()) <= -0.5 + 1e-3
    assert right.min() >= 89.5 - 1e-3
    assert bottom.min() >= 59.5 - 1e-3


def test_a_crop_of_the_whole_image_changes_nothing():
    np.testing.assert_allclose(
        draw(n=50, crop_scale=(1.0, 1.0)).affine, np.tile(IDENTITY, (50, 1)), atol=1e-6
    )


def test_every_parameter_uses_its_own_random_number():
    assert len(set(UNIFORMS)) == len(UNIFORMS) == 58


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rotation", 181),
        ("rotation", -1),
        ("width_shift", 1.5),
        ("height_shift", -0.1),
        ("shear", 90),
        ("zoom", 1.0),
        ("brightness", 2),
        ("contrast", "high"),
        ("gamma", -0.5),
        ("horizontal_flip", "yes"),
        ("fill_mode", "edge"),
        ("fill_value", 256),
        ("n_copies", -1),
        ("crop_scale", 0.5),
        ("crop_scale", (0.0, 1.0)),
        ("crop_scale", (0.8, 0.2)),
        ("crop_scale", (0.5, 4.2)),
        ("noise", -1),
        ("random_strength", "often"),
        ("collimation", 0.5),
        ("crop_scale", (0.1, 0.5, 1.0)),
    ],
)
def test_a_parameter_out_of_range_is_named(name, value):
    with pytest.raises(ValueError, match=name):
        draw(n=2, **{name: value})


@pytest.mark.parametrize("crop_scale", [None, (0.1, 1.0), (1.0, 1.0), (0.1, 1.6)])
def test_the_aspect_ratio_is_random_for_any_area(crop_scale):
    affine, _ = draw(crop_scale=crop_scale, aspect=0.4)
    width, height = affine[:, 0], affine[:, 4]
    logs = np.log(width / height) / np.log(1.4)
    assert stats.kstest(logs, stats.uniform(-1, 2).cdf).pvalue > 0.001
    if crop_scale is None or crop_scale[1] <= 1:
        assert max(width.max(), height.max()) <= 1 + 1e-6
        corners = affine[:, [2, 5]] / [89, 59]
        assert corners.min() > -0.02


def test_without_aspect_boxes_of_the_whole_image_are_not_stretched():
    affine, _ = draw(n=50, crop_scale=(1.0, 1.0))
    np.testing.assert_allclose(affine, np.tile(IDENTITY, (50, 1)), atol=1e-5)
    affine, _ = draw(n=50, aspect=0.0)
    np.testing.assert_array_equal(affine, np.tile(IDENTITY, (50, 1)))


def test_each_image_has_its_own_strength():
    """The aspect ratio is not scaled: unchanged in some images, it would reveal their class."""
    parameters = {"rotation": 30, "brightness": 0.4, "crop_scale": (0.5, 1.0), "aspect": 0.4}
    full, weak = draw(**parameters), draw(**parameters, random_strength=True)
    turned = {}
    for name, (_, intensity) in {"full": full, "weak": weak}.items():
        turned[name] = np.abs(intensity[:, 0] - 1) / 0.4
        assert turned[name].max() <= 1
    strength = turned["weak"] / turned["full"]
    assert stats.kstest(strength, "uniform").pvalue > 0.01

    weak_only = draw(**{**parameters, "rotation": 0}, random_strength=True).affine
    width, height = np.abs(weak_only[:, [0, 4]]).T
    ratio = np.log(width / height) / np.log(1.4)
    assert stats.kstest(ratio, "uniform", args=(-1, 2)).pvalue > 0.01
    area = np.minimum(width * height * np.maximum(np.exp(np.abs(np.log(width / height))), 1), 1)
    assert np.corrcoef(1 - area, strength)[0, 1] > 0.4


@pytest.mark.parametrize(
    "parameter", [name for name in EVERYTHING if "flip" not in name and name != "crop_scale"]
)
def test_strength_scales_every_parameter_except_covers(parameter):
    """The seeds are the same, so that the two differ only in strength."""
    full = draw(n=300, **{parameter: EVERYTHING[parameter]})
    weak = draw(n=300, **{parameter: EVERYTHING[parameter]}, random_strength=True)
    neutral = np.r_[IDENTITY, list(IDENTITY_INTENSITY.values())]
    moved = [np.abs(np.log1p(np.abs(np.hstack(params) - neutral))) for params in (full, weak)]
    if parameter in ("erasing", "marks"):
        np.testing.assert_array_equal(*moved)
    else:
        assert 0.2 < moved[1].sum() / moved[0].sum() < 0.8
