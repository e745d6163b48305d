"""Synthetic images: what they show, how they are split, and that they are reproducible."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import ks_2samp
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skpneumo.datasets import load_chest_xray, make_chest_xray
from skpneumo.datasets._anatomy import SPAN, TOP, Box, Chest, add_opacities, draw_chest
from skpneumo.datasets._cohort import plan_cohort
from skpneumo.datasets._rendering import Acquisition, choose_acquisition, expose, to_image


def contents(xrays, split=None):
    return {
        str(Path(path).relative_to(xrays.root)): Path(path).read_bytes()
        for path, where in zip(xrays.filenames, xrays.split, strict=True)
        if split in (None, where)
    }


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    return make_chest_xray(tmp_path_factory.mktemp("made"), n_patients=40, random_state=0)


def test_collection_is_arranged_like_that_of_kaggle(collection):
    assert sorted(path.name for path in Path(collection.root).iterdir()) == [
        "SYNTHETIC.txt",
        "test",
        "train",
        "val",
    ]
    again = load_chest_xray(collection.root)
    for name in ("filenames", "target", "groups", "etiology", "split"):
        assert [*again[name]] == [*collection[name]]
    assert "unknown" not in collection.etiology
    assert not np.any((collection.etiology == "normal") != (collection.target == 0))
    splits_of = collection.frame.groupby("groups")["split"].nunique()
    assert len(splits_of) == 40
    assert splits_of.max() == 1
    images_of = collection.frame.groupby("groups").size()
    assert images_of.min() >= 1
    assert images_of.max() <= 3
    table = collection.frame.groupby(["split", "target"]).size()
    assert len(table) == 6


def test_numbers_recur_between_etiologies_and_series(collection):
    assert {"bacteria-1", "virus-1", "normal-IM-0001", "normal-NORMAL2-IM-0001"} <= set(
        collection.groups
    )


def test_images_are_grey_jpegs_of_varying_size(collection):
    sizes = set()
    for path, width, height in collection.frame[["filenames", "width", "height"]].itertuples(
        index=False
    ):
        with Image.open(path) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "L", (width, height))
            assert image.info["comment"] == b"synthetic, skpneumo"
            assert 30 < np.asarray(image).mean() < 200
        sizes.add((width, height))
        assert 200 <= width <= 320
        assert 1.0 <= width / height <= 1.65
    assert len(sizes) > len(collection.filenames) / 2


def test_true_opacities_lie_in_the_lungs(collection):
    frame = collection.frame
    opacity = ["opacity_x", "opacity_y", "opacity_radius"]
    second = ["opacity2_x", "opacity2_y", "opacity2_radius"]
    assert frame.loc[frame.etiology == "normal", opacity + second].isna().all(axis=None)
    positive = frame[frame.etiology != "normal"]
    assert positive[opacity].notna().all(axis=None)
    assert frame.loc[frame.etiology == "virus", second].notna().all(axis=None)
    for x, y in (opacity[:2], second[:2]):
        there = positive[positive[x].notna()]
        assert there[x].between(there.lungs_left, there.lungs_right).all()
        assert there[y].between(there.lungs_top, there.lungs_bottom).all()
        assert (there[x].between(0, there.width) & there[y].between(0, there.height)).all()
    # No more than the rim of the lungs is cut off, by an image taken askew.
    assert (frame.lungs_top > -0.05 * frame.height).all()
    assert (frame.lungs_bottom < 1.05 * frame.height).all()


def test_same_seed_same_files(tmp_path):
    options = {"n_patients": 6, "size": (64, 90), "random_state": 3}
    one, other = (make_chest_xray(tmp_path / name, **options) for name in "ab")
    assert contents(one) == contents(other)
    assert one.frame.drop(columns="filenames").equals(other.frame.drop(columns="filenames"))
    different = make_chest_xray(tmp_path / "c", **{**options, "random_state": 4})
    assert contents(different) != contents(one)
    state = np.random.RandomState(3)
    assert contents(make_chest_xray(**{**options, "random_state": state})) == contents(one)
    assert contents(make_chest_xray(**{**options, "random_state": state})) != contents(one)


def test_global_generator_is_neither_used_nor_changed():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    one = make_chest_xray(n_patients=6, size=40, random_state=None)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    other = make_chest_xray(n_patients=6, size=40, random_state=None)
    assert contents(one) != contents(other)


def test_shift_moves_the_test_split_alone():
    plain, shifted = (
        make_chest_xray(n_patients=20, size=(100, 160), shift=shift, random_state=0)
        for shift in (0.0, 1.0)
    )
    for split in ("train", "val"):
        assert contents(plain, split) == contents(shifted, split)
    at_home, away = plain.frame[plain.split == "test"], shifted.frame[shifted.split == "test"]
    assert (away.width < at_home.width).all()

    def mean_grey(frame):
        return np.mean([np.asarray(Image.open(path)).mean() for path in frame.filenames])

    assert abs(mean_grey(away) - mean_grey(at_home)) > 5

    def share_of_lungs(frame):
        return ((frame.lungs_right - frame.lungs_left) / frame.width).mean()

    assert share_of_lungs(away) < share_of_lungs(at_home) - 0.05


@pytest.mark.parametrize(("difficulty", "least", "most"), [(0.0, 0.85, 1.0), (1.0, 0.35, 0.65)])
def test_difficulty(difficulty, least, most):
    xrays = make_chest_xray(
        n_patients=150, images_per_patient=1, size=80, difficulty=difficulty, random_state=0
    )
    X = np.stack([np.asarray(Image.open(f).resize((32, 32))).ravel() for f in xrays.filenames])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    probability = cross_val_predict(
        model, X, xrays.target, groups=xrays.groups, cv=folds, method="predict_proba"
    )
    assert least < roc_auc_score(xrays.target, probability[:, 1]) < most


def test_nothing_but_the_opacities_tells_the_classes_apart():
    xrays = make_chest_xray(
        n_patients=200, images_per_patient=(1, 3), size=(60, 100), random_state=0
    )
    positive = xrays.target == 1
    # The corners show skin and air, never lung.
    corners = np.array(
        [
            np.asarray(Image.open(path))[-8:, [*range(3), *range(-3, 0)]].mean()
            for path in xrays.filenames
        ]
    )
    frame = xrays.frame.assign(ratio=xrays.frame.width / xrays.frame.height, corners=corners)
    frame["n_images"] = frame.groupby("groups")["target"].transform("size")
    for column in ("width", "ratio", "corners", "n_images", "lungs_left", "lungs_bottom"):
        assert (
            ks_2samp(frame.loc[positive, column], frame.loc[~positive, column]).pvalue > 0.001
        ), column


@pytest.mark.parametrize("etiology", ["bacteria", "virus"])
def test_opacities_lie_in_their_discs(etiology):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        chest = draw_chest(rng, 160)
        positive = add_opacities(rng, chest, etiology, peak=0.5)
        added = positive.density - chest.density
        assert added.min() >= 0
        assert np.all(added[chest.air == 0] == 0)
        steps = (np.arange(160) + 0.5) * SPAN / 160
        x, y = steps[None, :] - SPAN / 2, steps[:, None] + TOP
        inside = np.any(
            [np.hypot(x - o.x, y - o.y) <= 1.05 * o.radius for o in positive.opacities], axis=0
        )
        assert added[inside].sum() > 0.93 * added.sum()
        row, column = np.unravel_index(added.argmax(), added.shape)
        assert inside[row, column]
        assert not np.any(chest.density - draw_chest(np.random.default_rng(seed), 160).density)


def test_images_and_truth_agree_on_positions():
    """A single dense spot appears on every image where `to_image` says."""
    rng = np.random.default_rng(0)
    size, lungs = 400, Box(-0.8, 0.2, 0.8, 1.6)
    for row, column in [(150, 120), (220, 260), (180, 200)]:
        density = np.zeros((size, size), dtype=np.float32)
        density[row - 2 : row + 3, column - 2 : column + 3] = 1.0
        x = (column + 0.5) * SPAN / size - SPAN / 2
        y = (row + 0.5) * SPAN / size + TOP
        acquisition = choose_acquisition(rng, (300, 300), lungs, shift=0.5)
        rendered = np.asarray(
            expose(rng, Chest(density, density, lungs), acquisition), dtype=float
        )
        bright = rendered > 128
        found = [np.average(axis + 0.5, weights=bright) for axis in np.indices(rendered.shape)]
        assert found[::-1] == pytest.approx(to_image(acquisition, x, y), abs=0.7)


def test_an_image_without_rotation():
    acquisition = Acquisition(200, 100, (0.1, 0.9), 2.0, 0.0, 0.0, 1.0, 1.0, 0.0, (0.0, 0.0))
    assert to_image(acquisition, 0.1, 0.9) == (100, 50)
    assert to_image(acquisition, 0.6, 0.65) == pytest.approx((150, 25))


@settings(max_examples=100, deadline=None)
@given(
    n_patients=st.integers(6, 200),
    weights=st.tuples(*[st.floats(0.01, 10)] * 3),
    val_fraction=st.sampled_from([0.0, 0.01, 0.1, 0.3]),
    test_fraction=st.sampled_from([0.0, 0.01, 0.2, 0.6]),
)
def test_cohort(n_patients, weights, val_fraction, test_fraction):
    rng = np.random.default_rng(0)
    patients = plan_cohort(rng, n_patients, weights, val_fraction, test_fraction)
    assert len(patients) == n_patients
    assert len({(p.etiology, p.number) for p in patients}) == n_patients
    assert len({p.file_name(0) for p in patients}) == n_patients
    splits = {"train"} | {
        split for split, fraction in (("val", val_fraction), ("test", test_fraction)) if fraction
    }
    assert {(p.split, p.class_folder) for p in patients} == {
        (split, label) for split in splits for label in ("NORMAL", "PNEUMONIA")
    }
    if n_patients > 20:
        held_out = sum(p.split == "test" for p in patients) / n_patients
        assert abs(held_out - test_fraction) < 0.12


def test_weights():
    xrays = make_chest_xray(
        n_patients=30, weights=(2, 0, 1), size=32, images_per_patient=2, random_state=0
    )
    etiology, counts = np.unique(xrays.etiology, return_counts=True)
    assert dict(zip(etiology, counts, strict=True)) == {"normal": 40, "virus": 20}
    only_ill = make_chest_xray(n_patients=8, weights=(0, 1, 1), size=32, random_state=0)
    assert set(only_ill.target) == {1}


def test_labels():
    xrays = make_chest_xray(n_patients=8, size=32, labels="etiology", random_state=0)
    assert xrays.target_names == ["NORMAL", "BACTERIA", "VIRUS"]
    assert set(xrays.target) == {0, 1, 2}


def test_temporary_folder_lives_as_long_as_python():
    script = (
        "from skpneumo.datasets import make_chest_xray\n"
        "xrays = make_chest_xray(n_patients=6, size=32, random_state=0)\n"
        "files = xrays.filenames; root = xrays.root; del xrays\n"
        "print(root, all(open(f, 'rb').read() for f in files))\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    root, readable = out.stdout.split()
    assert readable == "True"
    assert not Path(root).exists()


def test_refuses_a_folder_with_files(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(FileExistsError, match="is not empty"):
        make_chest_xray(tmp_path, n_patients=6)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_patients": 5}, "at least 6 are needed"),
        ({"n_patients": 0}, "n_patients"),
        ({"difficulty": 1.5}, "difficulty"),
        ({"shift": -1}, "shift"),
        ({"size": 8}, "size must be at least 32"),
        ({"size": (300, 200)}, "range not decreasing"),
        ({"size": (1, 2, 3)}, "pair of ints"),
        ({"size": (100.5, 200)}, "pair of ints"),
        ({"images_per_patient": 0}, "images_per_patient must be at least 1"),
        ({"weights": (1, 1)}, "three shares"),
        ({"weights": (0, 0, 0)}, "three shares"),
        ({"weights": (1, -1, 1)}, "three shares"),
        ({"val_fraction": 0.5, "test_fraction": 0.5}, "below 1"),
        ({"labels": "both"}, "labels"),
        ({"random_state": "seed"}, "random_state"),
    ],
)
def test_bad_arguments(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        make_chest_xray(tmp_path / "new", **options)
    assert not (tmp_path / "new").exists()


def test_unknown_shortcuts_are_refused():
    with pytest.raises(ValueError, match="shortcuts has 'hat'; expected some of ratio, text"):
        make_chest_xray(n_patients=12, shortcuts=["hat"])


@pytest.mark.parametrize("shortcut", ["text", "border", "exposure"])
def test_shortcuts_change_positive_images_alone(shortcut):
    plain, planted = (
        make_chest_xray(n_patients=12, size=64, shortcuts=shortcuts, random_state=0)
        for shortcuts in ((), shortcut)
    )
    for i, label in enumerate(plain.target):
        one, other = (Path(xrays.filenames[i]).read_bytes() for xrays in (plain, planted))
        assert (one == other) == (label == 0)


def test_a_planted_ratio_makes_normal_images_taller():
    plain, planted = (
        make_chest_xray(
            n_patients=12, images_per_patient=1, size=64, shortcuts=shortcuts, random_state=0
        )
        for shortcuts in ((), ["ratio"])
    )
    heights = planted.frame["height"] / plain.frame["height"]
    assert heights[plain.target == 1].eq(1).all()
    assert heights[plain.target == 0].between(1.15, 1.25).all()
    for row in planted.frame.itertuples():
        with Image.open(row.filenames) as image:
            assert image.size == (row.width, row.height)


def test_a_planted_device_names_itself():
    planted = make_chest_xray(n_patients=12, size=64, shortcuts=["device"], random_state=0)
    for path, label in zip(planted.filenames, planted.target, strict=True):
        with Image.open(path) as image:
            assert (image.getexif()[272] == "portable unit") == (label == 1)
