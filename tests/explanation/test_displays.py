"""Displays: computed values, drawings, and axes."""

from dataclasses import replace
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from skpneumo import make_pipeline
from skpneumo._plotting import shortened
from skpneumo.explanation import (
    ActivationMapsDisplay,
    DeletionInsertionDisplay,
    HeatMapDisplay,
    HeatMapGalleryDisplay,
    grad_cam,
    integrated_gradients,
    occlusion_map,
)
from skpneumo.explanation.displays._captions import subject_of

from ..drawn_text import cut_off, overlapping


def as_rows(images):
    return np.asarray(images).reshape(len(images), -1)


NAMES = ["NORMAL", "PNEUMONIA"]


@pytest.fixture(scope="module", autouse=True)
def _settings_are_left_alone():
    settings = mpl.rcParams.copy()
    yield
    assert mpl.rcParams == settings


@pytest.fixture
def drawn(pipeline, tested):
    """Draw a display of a name on some axes."""
    paths, y = tested.filenames[:2], tested.target[:2]
    return {
        "heat maps": lambda ax: HeatMapDisplay.from_estimator(pipeline, paths, y, ax=ax),
        "gallery": lambda ax: HeatMapGalleryDisplay.from_estimator(
            pipeline, tested.filenames[::4], tested.target[::4], n_images=2, ax=ax
        ),
        "activations": lambda ax: ActivationMapsDisplay.from_estimator(pipeline, paths[:1], ax=ax),
        "curves": lambda ax: DeletionInsertionDisplay.from_estimator(
            pipeline, paths, {"hires_cam": grad_cam(pipeline, paths)}, ax=ax
        ),
    }


@pytest.mark.parametrize("name", ["heat maps", "gallery", "activations", "curves"])
def test_draws_on_the_axes_given_and_again(name, drawn):
    figure, axes = plt.subplots(1, 2, figsize=(16, 8), layout="constrained")
    display = drawn[name](axes[1])
    assert display.figure_ is figure
    assert display.ax_ is axes[1]
    figure.canvas.draw()
    assert display.plot() is display
    assert display.figure_ is not figure


def test_maps_lie_on_films_at_their_own_resolution(pipeline, tested):
    paths, y = tested.filenames[:2], tested.target[:2]
    display = HeatMapDisplay.from_estimator(pipeline, paths, y, target_names=NAMES)
    assert display.axes_.shape == (2, 3)
    source, overlay = display.axes_[0, 0].images[0], display.axes_[0, 1].images
    assert source.get_array().shape == display.sources[0].pixels.shape[:2] != (48, 48)
    assert overlay[0].get_array().shape == source.get_array().shape
    assert overlay[1].get_array().shape == (48, 48)
    assert tuple(overlay[1].get_extent()) == display.sources[0].place
    assert display.axes_[0, 1].get_xlim() == display.axes_[0, 0].get_xlim()


def test_captions_are_not_cut_off(pipeline, tested):
    display = HeatMapDisplay.from_estimator(pipeline, tested.filenames[:2], tested.target[:2])
    figure = display.figure_
    figure.canvas.draw()
    title = display.axes_[0, 0].title.get_window_extent(figure.canvas.get_renderer())
    assert title.y1 <= figure.bbox.y1
    assert title.x0 >= figure.bbox.x0


@pytest.mark.parametrize("name", ["heat maps", "gallery", "activations", "curves"])
def test_no_letters_are_cut_off_or_lie_on_others(name, drawn):
    figure = drawn[name](None).figure_
    assert cut_off(figure) == []
    assert overlapping(figure) == []


@pytest.mark.parametrize("size", [1e-4, 0.17, 12.3])
def test_ticks_of_the_colour_bar_keep_apart(size, pipeline, tested):
    maps = {"mine": size * np.linspace(-1, 1, 48 * 48).reshape(1, 48, 48)}
    display = HeatMapDisplay.from_estimator(pipeline, tested.filenames[:1], methods=maps)
    display.figure_.canvas.draw()
    low, high = display.bar_.ax.get_xlim()
    labels = [
        label.get_window_extent()
        for label, tick in zip(
            display.bar_.ax.get_xticklabels(), display.bar_.ax.get_xticks(), strict=True
        )
        if low <= tick <= high
    ]
    assert len(labels) >= 3
    assert all(left.x1 + 3 < right.x0 for left, right in pairwise(labels))


def test_captions_say_probability_threshold_and_truth(pipeline, tested):
    paths, y = tested.filenames[:1], tested.target[:1]
    display = HeatMapDisplay.from_estimator(pipeline, paths, y, target_names=NAMES)
    name, said, truth = display.axes_[0, 0].get_title().splitlines()
    assert paths[0].endswith(name)
    probability = pipeline.predict_proba(paths)[0, 1]
    assert said == f"p = {probability:.3f}, threshold 0.5"
    assert truth == f"truth: {NAMES[y[0]]}"
    other = HeatMapDisplay.from_estimator(pipeline, paths, target=0, target_names=NAMES)
    assert other.axes_[0, 0].get_title().splitlines()[1:] == [f"p = {1 - probability:.3f}"]
    assert other.bar_.ax.get_xlabel() == "evidence for NORMAL"


def test_all_maps_share_a_scale_on_which_zero_is_transparent(pipeline, tested):
    display = HeatMapDisplay.from_estimator(pipeline, tested.filenames[:2])
    overlays = [display.axes_[row, column].images[1] for row in range(2) for column in (1, 2)]
    [limits] = {overlay.get_clim() for overlay in overlays}
    assert limits == (-limits[1], limits[1])
    colours = overlays[0].get_cmap()
    nothing, against, towards = colours(0.5), colours(0.0), colours(1.0)
    assert nothing[3] < 0.05
    assert against[2] > against[0]
    assert towards[0] > towards[2]
    assert display.bar_.ax.get_xlabel() == "evidence for class 1"


def test_weak_evidence_looks_weak_beside_strong(pipeline, tested):
    weak = np.full((1, 48, 48), 0.03)
    display = HeatMapDisplay.from_estimator(
        pipeline, tested.filenames[:1], methods={"weak": weak, "strong": weak * 5 / 0.03}
    )
    opacity = [
        overlay.get_cmap()(overlay.norm(overlay.get_array()))[..., 3].max()
        for overlay in (ax.images[1] for ax in display.axes_[0, 1:])
    ]
    assert opacity[0] < 0.1 < 0.7 < opacity[1]


def test_integrated_gradients_are_summed_over_the_patch_that_occlusion_hides(pipeline, tested):
    display = HeatMapDisplay.from_estimator(
        pipeline, tested.filenames[:1], methods="integrated_gradients"
    )
    of_pixels = integrated_gradients(pipeline, tested.filenames[:1])
    drawn = display.maps["integrated_gradients"]
    assert drawn.shape == of_pixels.shape
    side = round(0.2 * of_pixels.shape[1])
    first = 24 - side // 2
    patch = of_pixels[0, first : first + side, first : first + side]
    assert np.isclose(drawn[0, 24, 24], patch.sum(), rtol=1e-3)


def test_given_maps_are_drawn(pipeline, tested):
    maps = {"mine": np.random.default_rng(0).normal(size=(2, 48, 48))}
    display = HeatMapDisplay.from_estimator(pipeline, tested.filenames[:2], methods=maps)
    assert display.axes_[0, 1].get_title() == "mine"
    assert np.array_equal(display.axes_[1, 1].images[1].get_array(), maps["mine"][1])


def test_input_that_does_not_match_is_refused(pipeline, small, noise, tested):
    with pytest.raises(ValueError, match=r"target_names has 3 names, .* 2 classes: \[0, 1\]"):
        HeatMapDisplay.from_estimator(pipeline, tested.filenames[:1], target_names=["a", "b", "c"])
    with pytest.raises(ValueError, match="has 3 classes"):
        HeatMapDisplay.from_estimator(small(classes=3), noise)
    with pytest.raises(ValueError, match=r"target=7 is not one of the classes"):
        HeatMapDisplay.from_estimator(pipeline, tested.filenames[:1], target=7)
    scores = make_pipeline(FunctionTransformer(as_rows), LinearSVC()).fit(noise, [0, 1, 0, 1, 0])
    for display in (HeatMapDisplay, HeatMapGalleryDisplay):
        with pytest.raises(ValueError, match="has no predict_proba"):
            display.from_estimator(scores, noise, [0, 1, 0, 1, 0])
    with pytest.raises(ValueError, match="Expected one image, got 2"):
        ActivationMapsDisplay.from_estimator(pipeline, tested.filenames[:2])


def test_the_gallery_has_a_row_for_each_outcome_the_surest_first(pipeline, tested):
    display = HeatMapGalleryDisplay.from_estimator(
        pipeline, tested.filenames, tested.target, n_images=3, target_names=NAMES
    )
    called, positive = pipeline.predict(tested.filenames) == 1, tested.target == 1
    assert display.counts == {
        "found": np.sum(positive & called),
        "missed": np.sum(positive & ~called),
        "false alarms": np.sum(~positive & called),
        "rightly cleared": np.sum(~positive & ~called),
    }
    assert display.axes_.shape == (sum(count > 0 for count in display.counts.values()), 3)
    probability = pipeline.predict_proba(tested.filenames)[:, 1]
    surest = f"{probability[positive & called].max():.3f}"
    assert display.axes_[0, 0].get_title().splitlines()[1] == f"p = {surest}, threshold 0.5"
    assert display.bar_.ax.get_ylabel() == "evidence for PNEUMONIA, by occlusion"
    assert display.axes_[0, 0].get_ylabel() == f"found\n3 of {display.counts['found']}"


def test_a_missing_outcome_is_mentioned_without_a_row(pipeline, tested, found):
    rows = np.r_[np.flatnonzero(found)[:2], np.flatnonzero(tested.target == 0)[:2]]
    display = HeatMapGalleryDisplay.from_estimator(
        pipeline, tested.filenames[rows], tested.target[rows]
    )
    assert display.counts["missed"] == 0
    assert "missed" in display.ax_.get_title()
    assert len(display.axes_) == sum(count > 0 for count in display.counts.values())
    assert all(ax.images for ax in display.axes_[:, 0])


def test_activations_are_a_row_for_each_layer(pipeline, tested):
    display = ActivationMapsDisplay.from_estimator(pipeline, tested.filenames[:1], n_maps=4)
    assert display.axes_.shape == (3, 5)
    maps = display.maps["block3_conv1_activation"][..., :]
    strongest = maps[..., maps.mean(axis=(0, 1)).argmax()]
    assert np.array_equal(display.axes_[2, 1].images[0].get_array(), strongest)
    assert display.axes_[2, 1].texts[0].get_text() == (
        "block3_conv1_activation: 4 of 32 maps, 12 × 12"
    )


def test_curves_are_drawn_with_their_areas(pipeline, tested, found):
    paths = tested.filenames[found][:3]
    maps = {"hires_cam": grad_cam(pipeline, paths), "occlusion": occlusion_map(pipeline, paths)}
    display = DeletionInsertionDisplay.from_estimator(pipeline, paths, maps, fill=80)
    for name, (deletion, insertion) in display.lines_.items():
        curves = display.curves[name]
        assert np.array_equal(deletion.get_ydata(), curves.deletion.mean(axis=0))
        assert insertion.get_label() == f"{name}, area {curves.insertion_area.mean():.3f}"


def test_no_caption_loses_its_figures(pipeline, tested):
    subject, _ = subject_of(pipeline, tested.filenames[:1], [1], None, NAMES)
    subject = replace(subject, threshold=0.123456)
    _, said, _ = subject.lines(0, "image.jpeg")
    assert shortened(said) == said


def test_names_can_be_an_array_and_a_single_method_a_string(pipeline, tested):
    display = HeatMapDisplay.from_estimator(
        pipeline,
        tested.filenames[:1],
        methods="hires_cam",
        target_names=np.array(NAMES),
    )
    assert list(display.maps) == ["hires_cam"]
    assert display.target_name == "PNEUMONIA"


def test_maps_and_labels_must_be_as_many_as_the_images(pipeline, tested):
    paths = tested.filenames[:2]
    for maps in (np.zeros((1, 48, 48)), np.zeros((2, 48))):
        with pytest.raises(ValueError, match=r"shape \(2, height, width\)"):
            HeatMapDisplay.from_estimator(pipeline, paths, methods={"mine": maps})
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        HeatMapDisplay.from_estimator(pipeline, paths, tested.target[:1])
    with pytest.raises(TypeError, match="single path"):
        ActivationMapsDisplay.from_estimator(pipeline, paths[0])


def test_a_gallery_needs_images_and_a_class(pipeline, small, noise, tested):
    with pytest.raises(ValueError, match=r"methods=\[\] would plot no map"):
        HeatMapDisplay.from_estimator(pipeline, tested.filenames[:1], methods=[])
    with pytest.raises(ValueError, match="n_images=0"):
        HeatMapGalleryDisplay.from_estimator(pipeline, tested.filenames, tested.target, n_images=0)
    with pytest.raises(ValueError, match=r"Pass the one .* as pos_label"):
        HeatMapGalleryDisplay.from_estimator(small(classes=3), noise, [0, 1, 2, 0, 1])


def test_a_figure_has_the_proportions_of_its_films(pipeline, tested):
    display = HeatMapDisplay.from_estimator(pipeline, tested.filenames[:1], methods="hires_cam")
    tall = replace(display.sources[0], pixels=np.zeros((300, 100, 1), dtype=np.uint8))
    (width, height), narrow = display.figure_size, HeatMapDisplay([tall], display.maps, [[]], "")
    assert narrow.figure_size[0] == width
    assert narrow.figure_size[1] > 2 * height
