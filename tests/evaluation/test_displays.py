"""Displays: computed values, drawings, and axes."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from PIL import Image
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from skpneumo import ImageAugmenter, ImageLoader, ImageResampler
from skpneumo._plotting import CYCLE, plain, shortened
from skpneumo.decision import RecallFloorClassifier
from skpneumo.evaluation import (
    AugmentationDisplay,
    ClassDistributionDisplay,
    ErrorGalleryDisplay,
    ImageGridDisplay,
    ModelComparisonDisplay,
    PixelIntensityDisplay,
    ScoreDistributionDisplay,
    ThresholdDisplay,
    TrainingCurvesDisplay,
    compare_predictions,
    evaluate_predictions,
    plot_evaluation,
)
from skpneumo.evaluation._intervals import wilson_interval

from ..drawn_text import cut_off, overlapping

RNG = np.random.default_rng(0)
Y = np.repeat([0, 1], [30, 50])
SCORE = np.clip(0.45 * Y + 0.55 * RNG.random(80), 0, 1)
IMAGES = RNG.integers(0, 256, (80, 16, 16, 1), dtype=np.uint8)
HISTORY = {
    "loss": [0.7, 0.5, 0.4, 0.35],
    "val_loss": [0.6, 0.45, 0.5, 0.55],
    "val_recall": [0.7, 0.95, 0.9, 0.9],  # of 40 positive images
    "val_auc": [0.8, 0.9, 0.92, 0.91],
    "val_false_negatives": [12.0, 2.0, 4.0, 4.0],
}


@pytest.fixture(autouse=True)
def drawn_off_screen():
    """Close the figures of a test, and check that matplotlib's settings are unchanged."""
    plt.close("all")
    settings = mpl.rcParams.copy()
    yield
    plt.close("all")
    assert mpl.rcParams == settings


class Trained(LogisticRegression):
    """Classifier with a history, like a network."""

    def fit(self, X, y):
        self.history_ = HISTORY
        return super().fit(X, y)


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


DISPLAYS = {
    "augmentation": lambda ax: AugmentationDisplay.from_estimator(
        ImageAugmenter(brightness=0.5), IMAGES, n_versions=2, ax=ax
    ),
    "classes": lambda ax: ClassDistributionDisplay.from_labels(Y, Y[20:], ax=ax),
    "errors": lambda ax: ErrorGalleryDisplay.from_predictions(IMAGES, Y, SCORE, ax=ax),
    "images": lambda ax: ImageGridDisplay.from_images(IMAGES, Y, ax=ax),
    "intensities": lambda ax: PixelIntensityDisplay.from_images(IMAGES, Y, ax=ax),
    "models": lambda ax: ModelComparisonDisplay.from_predictions(
        Y, {"a": SCORE, "b": 1 - SCORE}, n_resamples=20, ax=ax
    ),
    "scores": lambda ax: ScoreDistributionDisplay.from_predictions(Y, SCORE, ax=ax),
    "threshold": lambda ax: ThresholdDisplay.from_predictions(Y, SCORE, threshold=0.4, ax=ax),
    "training": lambda ax: TrainingCurvesDisplay(HISTORY).plot(ax=ax),
}


@pytest.mark.parametrize("name", DISPLAYS)
def test_draws_on_the_axes_given(name):
    figure, axes = plt.subplots(1, 2, figsize=(16, 5), layout="constrained")
    display = DISPLAYS[name](axes[1])
    assert display.figure_ is figure
    assert display.ax_ is axes[1]
    assert plt.get_fignums() == [figure.number]
    figure.canvas.draw()


@pytest.mark.parametrize("name", DISPLAYS)
def test_draws_on_a_new_figure_and_again(name):
    display = DISPLAYS[name](None)
    first = display.figure_
    assert display.plot() is display
    assert display.figure_ is not first
    assert len(plt.get_fignums()) == 2


@pytest.mark.parametrize("name", DISPLAYS)
def test_nothing_is_cut_off(name):
    figure = DISPLAYS[name](None).figure_
    figure.canvas.draw()
    drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert min(drawn.x0, drawn.y0) >= -0.02
    assert drawn.x1 <= width + 0.02
    assert drawn.y1 <= height + 0.02


@pytest.mark.parametrize("name", ["augmentation", "errors", "images", "training"])
def test_panels_need_a_place_in_a_grid(name):
    figure = plt.figure()
    ax = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    with pytest.raises(ValueError, match=r"Make them with plt\.subplots"):
        DISPLAYS[name](ax)


def test_training_curves_show_false_negatives_of_each_epoch():
    display = TrainingCurvesDisplay(HISTORY).plot()
    loss, metrics, missed = display.axes_
    assert [bar.get_height() for bar in missed.patches] == HISTORY["val_false_negatives"]
    recall, auc = [line.get_label() for line in metrics.lines]
    assert (recall, auc) == ("recall, 95 % interval (40 images)", "AUC")
    assert loss.lines[0].get_ydata().tolist() == HISTORY["loss"]
    assert loss.get_legend().get_texts()[-1].get_text() == "lowest, epoch 2"
    assert missed.get_legend().get_texts()[-1].get_text() == "fewest: 2 of 40 images"
    [band] = metrics.collections
    low, high = wilson_interval(0.95, 40, 0.95)
    at_second = band.get_paths()[0].vertices
    at_second = at_second[at_second[:, 0] == 2, 1]
    assert (at_second.min(), at_second.max()) == pytest.approx((low, high))


@pytest.mark.parametrize(
    "history",
    [
        {"val_recall": [0.7, 0.9], "val_false_negatives": [12, 3]},  # of three classes, say
        {"val_recall": [1.0, 1.0], "val_false_negatives": [0, 0]},
        {"val_recall": [0.7, 0.9]},
    ],
)
def test_training_curves_do_not_show_unknown_numbers(history):
    display = TrainingCurvesDisplay({"loss": [0.7, 0.5], **history}).plot()
    metrics = display.axes_[1]
    assert len(metrics.collections) == 0
    assert legend_of(metrics) == ["recall"]
    assert not any(" of " in text for ax in display.axes_[2:] for text in legend_of(ax))


def test_training_of_one_epoch_is_seen_and_has_whole_epochs():
    display = TrainingCurvesDisplay({name: each[:1] for name, each in HISTORY.items()}).plot()
    loss, metrics, missed = display.axes_
    for panel in display.axes_:
        low, high = panel.get_xlim()
        assert [tick for tick in panel.get_xticks() if low <= tick <= high] == [1]
    lines = [*loss.lines, *metrics.lines, *loss.get_legend().get_lines()]
    assert {line.get_marker() for line in lines} == {"o"}
    assert missed.lines[0].get_marker() == "None"


def test_training_curves_omit_missing_metrics():
    display = TrainingCurvesDisplay({"loss": [0.5, 0.4]}).plot()
    assert [ax.get_title() for ax in display.axes_] == ["loss in training"]
    assert display.axes_[0].get_legend() is None


def test_training_curves_find_the_history_inside():
    X, y = RNG.random((20, 2)), np.repeat([0, 1], 10)
    pipeline = make_pipeline(FunctionTransformer(), Trained())
    search = GridSearchCV(pipeline, {"trained__C": [1.0]}, cv=2).fit(X, y)
    for fitted in (Trained().fit(X, y), pipeline.fit(X, y), search):
        assert TrainingCurvesDisplay.from_estimator(fitted).history.keys() == HISTORY.keys()
    with pytest.raises(
        TypeError, match="Neither LogisticRegression nor its classifier has a history_"
    ):
        TrainingCurvesDisplay.from_estimator(LogisticRegression().fit(X, y))


def test_class_distribution_before_and_after():
    sampler = ImageResampler("under", random_state=0)
    display = ClassDistributionDisplay.from_estimator(
        sampler, IMAGES, Y, target_names=["NORMAL", "PNEUMONIA"]
    )
    assert {name: counts.tolist() for name, counts in display.counts.items()} == {
        "before": [30, 50],
        "after": [30, 30],
    }
    assert [bar.get_height() for bar in display.bars_[1]] == [30, 30]
    assert [text.get_text() for text in display.ax_.get_xticklabels()] == ["NORMAL", "PNEUMONIA"]
    assert {text.get_text() for text in display.ax_.texts} == {"30", "50"}
    with pytest.raises(ValueError, match="target_names has 1 names"):
        ClassDistributionDisplay.from_labels(Y, target_names=["NORMAL"])


def test_pixel_intensities_are_shares_of_pixels():
    images = np.zeros((3, 4, 4, 1), dtype=np.uint8)
    images[1:, :2] = 255
    display = PixelIntensityDisplay.from_images(images, ["dark", "half", "half"], n_bins=2)
    assert display.histograms["dark"].tolist() == [[1, 0]]
    assert display.histograms["half"].tolist() == [[0.5, 0.5]] * 2
    assert display.lines_[1].get_label() == "half (2 images)"
    with pytest.raises(ValueError, match="got float64 of shape"):
        PixelIntensityDisplay.from_images(images / 255)


def test_images_come_from_paths(xrays):
    grid = ImageGridDisplay.from_images(xrays.filenames, xrays.etiology, n_images=4)
    titles = [ax.get_title() for ax in grid.axes_.flat]
    assert {title.splitlines()[0] for title in titles} == {"normal", "bacteria", "virus"}
    assert titles[0].splitlines()[1].endswith(".jpeg")
    assert grid.axes_[0, 0].images[0].get_cmap().name == "gray"
    levels = PixelIntensityDisplay.from_images(xrays.filenames[:4])
    assert levels.histograms["images"].shape == (4, 64)
    augmented = AugmentationDisplay.from_estimator(
        ImageAugmenter(contrast=0.5), xrays.filenames, n_images=2, n_versions=1
    )
    assert augmented.versions.shape[:2] == (2, 1)


@pytest.fixture
def twelve_bits(tmp_path):
    """White files of 12 bits in 16, which do not say so."""
    paths = [str(tmp_path / f"person{i}_virus_{i}.png") for i in range(4)]
    for path in paths:
        Image.fromarray(np.full((8, 8), 4095, np.uint16)).save(path)
    return paths


@pytest.mark.parametrize(
    "images_of",
    [
        lambda X, loader: ImageGridDisplay.from_images(X, loader=loader).images,
        lambda X, loader: (
            AugmentationDisplay.from_estimator(
                ImageAugmenter(), X, n_versions=1, loader=loader
            ).originals
        ),
        lambda X, loader: (
            ErrorGalleryDisplay.from_predictions(
                X, [0, 0, 1, 1], [0.9, 0.9, 0.1, 0.1], loader=loader
            ).misses
        ),
    ],
)
def test_the_loader_says_which_value_of_files_is_white(images_of, twelve_bits):
    assert images_of(twelve_bits, ImageLoader(size=16, white=4095)).min() == 255
    assert images_of(twelve_bits, None).max() == 16


def test_files_are_drawn_as_the_estimator_reads_them(twelve_bits):
    levels = PixelIntensityDisplay.from_images(
        twelve_bits, n_bins=2, loader=ImageLoader(white=4095)
    )
    assert np.array_equal(levels.histograms["images"], [[0, 1]] * 4)
    rows = FunctionTransformer(lambda images: images.reshape(len(images), -1))
    model = make_pipeline(ImageLoader(size=8, white=4095), rows, LogisticRegression())
    model.fit(twelve_bits, [0, 0, 1, 1])
    gallery = ErrorGalleryDisplay.from_estimator(model, twelve_bits, [0, 0, 1, 1], threshold=1)
    assert gallery.misses.min() == 255


def test_image_grid_gives_a_rare_class_its_share():
    rare = np.where(np.arange(80) < 5, "rare", "common")
    display = ImageGridDisplay.from_images(IMAGES, rare, n_images=10)
    labels = [lines[0] for lines in display.captions]
    assert labels == ["common"] * 5 + ["rare"] * 5


def test_image_grid_hides_what_is_left_over_and_keeps_exposure():
    dark = np.full((3, 8, 8, 1), 40, dtype=np.uint8)
    display = ImageGridDisplay(dark).plot(n_columns=2)
    assert [ax.axison for ax in display.axes_.flat] == [True, True, True, False]
    assert display.axes_[0, 0].images[0].get_clim() == (0, 255)
    assert ImageGridDisplay(np.zeros((1, 8, 8, 3), dtype=np.uint8)).plot().axes_.shape == (1, 1)


def test_rows_of_features_cannot_be_drawn():
    with pytest.raises(ValueError, match=r"Cannot draw X of shape \(80, 3\)"):
        ImageGridDisplay.from_images(np.zeros((80, 3)))


def test_augmentation_shows_the_original_first():
    display = AugmentationDisplay.from_estimator(
        ImageAugmenter(brightness=0.5), IMAGES, n_images=2, n_versions=3
    )
    shown = display.axes_[0, 0].images[0].get_array()
    assert np.array_equal(shown, IMAGES[0, ..., 0])
    assert not np.array_equal(display.versions[0, 0], display.versions[0, 1])
    again = AugmentationDisplay.from_estimator(
        ImageAugmenter(brightness=0.5), IMAGES, n_images=2, n_versions=3
    )
    assert np.array_equal(display.versions, again.versions)


def test_threshold_curves_agree_with_evaluate():
    patient = np.arange(80) // 2
    display = ThresholdDisplay.from_predictions(Y, SCORE, threshold=0.4, groups=patient)
    frame = evaluate_predictions(
        Y, SCORE, groups=patient, threshold=0.4, n_resamples=20
    ).set_index("metric")
    at = np.flatnonzero(display.thresholds == 0.4)[0]
    for metric, curve in display.curves.items():
        expected = frame.loc[metric, ["value", "low", "high", "n", "n_patients"]].to_list()
        assert curve[:, at].tolist() == pytest.approx(expected)
        assert display.points_[metric].get_ydata()[0] == pytest.approx(expected[0])
    recall, specificity = display.curves["recall"][0], display.curves["specificity"][0]
    assert (np.diff(recall) <= 0).all()
    assert (np.diff(specificity) >= 0).all()
    for row, said in zip(
        frame.loc[list(display.curves)].itertuples(), legend_of(display.ax_), strict=True
    ):
        figure = f"{row.value:.3f} [{row.low:.3f}, {row.high:.3f}]"
        name = "recall of class 1" if row.Index == "recall" else row.Index
        assert said == f"{name} {figure} ({row.n} images, {row.n_patients} patients)"


def test_threshold_above_all_scores_names_undefined_metrics():
    display = ThresholdDisplay.from_predictions(Y, SCORE, threshold=np.inf)
    assert legend_of(display.ax_)[2] == ("precision undefined: no image is predicted positive")


def test_threshold_band_is_wide_where_recall_is_one():
    display = ThresholdDisplay.from_predictions(Y, SCORE)
    value, low, high, n, n_patients = display.curves["recall"][:, 0]
    assert (n, n_patients) == (50, 50)
    assert legend_of(display.ax_) == [
        "recall of class 1 (50 images, 50 patients)",
        "specificity (30 images, 30 patients)",
        "precision",
    ]
    assert (value, high) == (1, 1)
    assert low < 0.95
    assert display.points_ == {}


def test_recall_is_labelled_with_its_class():
    names = np.array(["NORMAL", "PNEUMONIA"])[Y]
    curves = ThresholdDisplay.from_predictions(names, SCORE)
    assert legend_of(curves.ax_)[0].startswith("recall of PNEUMONIA (")
    figure = plot_evaluation(names, SCORE, n_resamples=20)
    labels = [label for ax in figure.axes for label in (ax.get_xlabel(), ax.get_ylabel())]
    assert {"recall of PNEUMONIA", "recall of PNEUMONIA (sensitivity)"} <= set(labels)


def test_threshold_of_many_scores_is_drawn_at_some():
    score = RNG.random(3000)
    display = ThresholdDisplay.from_predictions(RNG.integers(0, 2, 3000), score, threshold=0.123)
    assert len(display.thresholds) < 600
    assert 0.123 in display.thresholds


def test_scores_without_probabilities():
    logits = np.log((SCORE + 0.01) / (1.01 - SCORE))
    curves = ThresholdDisplay.from_predictions(Y, logits, threshold=0.0)
    assert curves.thresholds.min() == logits.min()
    shown = ScoreDistributionDisplay.from_predictions(Y, logits, threshold=0.0)
    assert shown.ax_.get_xlabel() == "predicted score of class 1"


def test_scores_between_0_and_1_of_a_decision_function_are_no_probabilities():
    class Shrunk(LinearSVC):
        def decision_function(self, X):
            return np.clip(0.5 + super().decision_function(X) / 100, 0.1, 0.9)

    X, y = POINTS
    drawn = ScoreDistributionDisplay.from_estimator(Shrunk().fit(X, y), X, y)
    assert drawn.ax_.get_xlabel() == "predicted score of class 1"
    assert drawn.bars_[0][0].get_x() > 0  # not over the scale of probabilities
    of_probabilities = ScoreDistributionDisplay.from_estimator(linear().fit(X, y), X, y)
    assert of_probabilities.ax_.get_xlabel() == "predicted probability of class 1"


def test_score_distribution_up_and_down():
    names = np.array(["NORMAL", "PNEUMONIA"])[Y]
    display = ScoreDistributionDisplay.from_predictions(names, SCORE, threshold=0.4)
    upper, lower = ([bar.get_height() for bar in bars] for bars in display.bars_)
    assert sum(upper) == pytest.approx(100)
    assert sum(lower) == pytest.approx(-100)
    assert display.ax_.get_xlabel() == "predicted probability of PNEUMONIA"
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["threshold 0.4", "PNEUMONIA (50 images)", "NORMAL (30 images)"]


def linear():
    return make_pipeline(FunctionTransformer(), LogisticRegression())


POINTS = SCORE[:, None], Y
# Each with the threshold at which it decides.
NESTS = {
    "search over a recall floor over a pipeline": (
        lambda: GridSearchCV(
            RecallFloorClassifier(linear(), recall=0.6, confidence=0.6, cv=2), {}, cv=2
        ),
        lambda model: model.best_estimator_.threshold_,
    ),
    "fixed": (lambda: FixedThresholdClassifier(linear(), threshold=0.35), lambda _: 0.35),
    "fixed in a pipeline": (
        lambda: make_pipeline(FixedThresholdClassifier(linear(), threshold=0.35)),
        lambda _: 0.35,
    ),
    "tuned": (
        lambda: TunedThresholdClassifierCV(linear(), cv=2),
        lambda model: model.best_threshold_,
    ),
    "frozen tuned": (
        lambda: FrozenEstimator(TunedThresholdClassifierCV(linear(), cv=2).fit(*POINTS)),
        lambda model: model.estimator.best_threshold_,
    ),
    "calibrated, ensemble": (
        lambda: CalibratedClassifierCV(linear(), cv=2, ensemble=True),
        lambda _: 0.5,
    ),
    "calibrated, one": (
        lambda: CalibratedClassifierCV(linear(), cv=2, ensemble=False),
        lambda _: 0.5,
    ),
    "calibrated, auto": (
        lambda: CalibratedClassifierCV(linear(), cv=2, ensemble="auto"),
        lambda _: 0.5,
    ),
    "voting": (
        lambda: VotingClassifier([("a", linear()), ("b", linear())], voting="soft"),
        lambda _: 0.5,
    ),
    "stacking": (lambda: StackingClassifier([("a", linear())], cv=2), lambda _: 0.5),
    "voting over thresholds": (
        lambda: VotingClassifier(
            [("a", FixedThresholdClassifier(linear(), threshold=0.9))], voting="soft"
        ),
        lambda _: 0.5,
    ),
    "sign": (lambda: make_pipeline(LinearSVC()), lambda _: 0.0),
}


@pytest.mark.filterwarnings("ignore::skpneumo.datasets.UnknownPatientsWarning")
@pytest.mark.parametrize("nest", NESTS)
@pytest.mark.parametrize("display", [ThresholdDisplay, ScoreDistributionDisplay])
def test_threshold_in_use_is_drawn_from_any_depth_of_nesting(display, nest):
    make, threshold = NESTS[nest]
    model = make().fit(*POINTS)
    drawn = display.from_estimator(model, *POINTS)
    assert drawn.threshold == threshold(model)
    vertical = [line.get_xdata()[0] for line in drawn.ax_.lines if len({*line.get_xdata()}) == 1]
    assert drawn.threshold in vertical
    assert display.from_estimator(model, *POINTS, threshold=0.6).threshold == 0.6


def test_threshold_that_does_not_give_the_decisions_is_not_drawn():
    class Cautious(LogisticRegression):
        def predict(self, X):
            return np.ones(len(X), dtype=int)

    model = Cautious().fit(*POINTS)
    fixed = FixedThresholdClassifier(linear(), threshold=0.35, pos_label=0).fit(*POINTS)
    for display in (ThresholdDisplay, ScoreDistributionDisplay):
        assert display.from_estimator(model, *POINTS).threshold is None
        assert display.from_estimator(fixed, *POINTS, pos_label=1).threshold is None
        assert display.from_estimator(fixed, *POINTS).threshold == 0.35  # of class 0


def test_training_curves_of_several_networks_must_be_drawn_one_by_one():
    voting = VotingClassifier([("a", Trained()), ("b", Trained())]).fit(*POINTS)
    with pytest.raises(TypeError, match="2 classifiers, each with its own history_"):
        TrainingCurvesDisplay.from_estimator(voting)
    one = CalibratedClassifierCV(Trained(), cv=2, ensemble=False).fit(*POINTS)
    assert TrainingCurvesDisplay.from_estimator(one).history.keys() == HISTORY.keys()


def test_estimators_are_drawn_with_their_threshold():
    X = SCORE[:, np.newaxis]
    model = LogisticRegression().fit(X, Y)
    model.threshold_ = 0.3
    for display in (
        ThresholdDisplay.from_estimator(model, X, Y),
        ScoreDistributionDisplay.from_estimator(model, X, Y),
    ):
        assert display.threshold == 0.3
    assert ThresholdDisplay.from_estimator(model, X, Y, threshold=0.6).threshold == 0.6


def test_model_comparison_draws_values_and_intervals():
    scores = {"good": SCORE, "poor": np.clip(SCORE + 0.4 * RNG.random(80) - 0.2, 0, 1)}
    display = ModelComparisonDisplay.from_predictions(
        Y, scores, metrics=["f1", "roc_auc"], n_resamples=50
    )
    frame = display.evaluations["good"].set_index("metric")
    drawn = display.points_["roc_auc"].lines[0].get_xdata()
    assert drawn[0] == frame.loc["roc_auc", "value"]
    low, high = display.points_["f1"].lines[2][0].get_segments()[0][:, 0]
    assert [low, high] == pytest.approx(frame.loc["f1", ["low", "high"]].to_list())
    written = [text.get_text() for text in display.ax_.texts]
    size = "({n:.0f} images, {n_patients:.0f} patients)".format(**frame.loc["f1"])
    assert f"{frame.loc['f1', 'value']:.3f} [{low:.3f}, {high:.3f}] {size}" in written
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == ["good", "poor"]


@pytest.mark.parametrize(("scores", "metrics"), [({}, "f1"), ({"a": SCORE}, [])])
def test_model_comparison_without_models_is_refused(scores, metrics):
    with pytest.raises(ValueError, match=r"nothing to plot\. Pass at least one"):
        ModelComparisonDisplay.from_predictions(Y, scores, metrics=metrics)


def extents(ax):
    ax.figure.canvas.draw()
    return ax.get_legend().get_window_extent(), ax.get_window_extent()


@pytest.mark.parametrize("threshold", [0.05, 0.5, 0.95])
def test_threshold_does_not_run_through_the_legend(threshold):
    ax = ScoreDistributionDisplay.from_predictions(Y, SCORE, threshold=threshold).ax_
    legend, inside = extents(ax)
    assert legend.y0 >= inside.y1 - 1


@pytest.mark.parametrize("name", [*DISPLAYS, "standard"])
def test_no_legend_covers_curves_or_labels(name):
    if name == "standard":
        figure = plot_evaluation(Y, SCORE, n_resamples=20)
    else:
        figure = DISPLAYS[name](None).figure_
    for ax in figure.axes:
        if ax.get_legend():
            legend, inside = extents(ax)
            assert legend.y1 <= inside.y0 or legend.y0 >= inside.y1 - 1
            assert not legend.overlaps(ax.xaxis.label.get_window_extent())


@pytest.mark.parametrize("name", [*DISPLAYS, "standard"])
def test_no_letters_are_cut_off_or_lie_on_others(name):
    if name == "standard":
        figure = plot_evaluation(Y, SCORE, n_resamples=20)
    else:
        figure = DISPLAYS[name](None).figure_
    assert cut_off(figure) == []
    assert overlapping(figure) == []


@pytest.mark.parametrize("length", [30, 120])
def test_long_names_of_classes_and_models_leave_room_for_the_axes(length):
    text = (
        "No Lung Opacity, Not Normal, Effusion, Nodule, Cardiomegaly or Pneumothorax, and more "
        * 2
    )
    names = [text[:length], f"X{text}"[:length]]
    y = np.array(names)[Y]
    for figure in (
        plot_evaluation(y, SCORE, pos_label=names[1], n_resamples=20),
        ThresholdDisplay.from_predictions(y, SCORE, threshold=0.4, pos_label=names[1]).figure_,
        ScoreDistributionDisplay.from_predictions(y, SCORE, pos_label=names[1]).figure_,
        ClassDistributionDisplay.from_labels(y).figure_,
        PixelIntensityDisplay.from_images(IMAGES, y).figure_,
        ModelComparisonDisplay.from_predictions(
            Y, dict(zip(names, (SCORE, 1 - SCORE), strict=True)), n_resamples=20
        ).figure_,
    ):
        assert cut_off(figure) == []
        assert overlapping(figure) == []


def test_letters_that_are_cut_off_or_lie_on_others_are_found():
    figure, ax = plt.subplots()
    ax.set_title("a title that is wider than its figure " * 3)
    ax.text(0.5, 0.5, "one")
    ax.text(0.5, 0.5, "other")
    assert len(cut_off(figure)) == 1
    assert overlapping(figure) == [("one", "other")]


def test_model_comparison_writes_paired_differences_from_the_first():
    scores = {"a": SCORE, "b": 1 - SCORE}
    display = ModelComparisonDisplay.from_predictions(Y, scores, metrics="roc_auc")
    row = compare_predictions(Y, 1 - SCORE, SCORE).set_index("metric").loc["roc_auc"]
    texts = [text.get_text() for text in display.ax_.texts]
    assert "from" not in texts[0]
    assert f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}] from a" in texts[1]
    frames_alone = ModelComparisonDisplay(display.evaluations, "roc_auc").plot()
    assert all("from" not in text.get_text() for text in frames_alone.ax_.texts)


def test_model_comparison_of_estimators():
    X = SCORE[:, np.newaxis]
    models = {f"C = {c}": LogisticRegression(C=c).fit(X, Y) for c in (1.0, 10.0)}
    display = ModelComparisonDisplay.from_estimators(models, X, Y, n_resamples=20)
    assert list(display.evaluations) == ["C = 1.0", "C = 10.0"]
    with pytest.raises(ValueError, match=r"no row for metric 'dice' and subgroup 'all'"):
        ModelComparisonDisplay(display.evaluations, "dice").plot()


def test_error_gallery_has_the_worst_first():
    y, score = np.array([0, 0, 0, 1, 1, 1]), np.array([0.6, 0.1, 0.9, 0.4, 0.05, 0.8])
    display = ErrorGalleryDisplay.from_predictions(IMAGES[:6], y, score)
    assert np.array_equal(display.misses, IMAGES[[4, 3]])
    assert np.array_equal(display.false_alarms, IMAGES[[2, 0]])
    assert display.miss_captions[0] == ["image 4", "class 1, p = 0.050"]
    assert display.axes_[0, 0].get_ylabel() == "2 of 2 misses"
    few = ErrorGalleryDisplay.from_predictions(IMAGES[:6], y, score, n_images=1)
    assert few.axes_[1, 0].get_ylabel() == "1 of 2 false alarms"


def test_error_gallery_without_errors():
    display = ErrorGalleryDisplay.from_predictions(IMAGES[:2], [0, 1], [0.1, 0.9])
    assert display.ax_.get_title() == "There are no misses and no false alarms."
    assert display.axes_.size == 0
    display.figure_.canvas.draw()


def test_error_gallery_has_no_empty_row():
    display = ErrorGalleryDisplay.from_predictions(IMAGES[:3], [0, 1, 0], [0.1, 0.9, 0.8])
    assert display.ax_.get_title() == "There are no misses."
    assert display.axes_.shape == (1, 1)
    assert display.axes_[0, 0].get_ylabel() == "1 of 1 false alarms"


def test_error_gallery_of_a_pipeline_from_paths(xrays):
    model = make_pipeline(
        ImageLoader(size=8),
        FunctionTransformer(lambda images: np.asarray(images).reshape(len(images), -1) / 255),
        LogisticRegression(C=1e-3),
    ).fit(xrays.filenames, xrays.target)
    display = ErrorGalleryDisplay.from_estimator(model, xrays.filenames, xrays.target)
    wrong = model.predict(xrays.filenames) != xrays.target
    assert display.n_misses + display.n_false_alarms == wrong.sum() > 0
    captions = display.miss_captions + display.false_alarm_captions
    assert all(name.endswith(".jpeg") for name, _ in captions)


@pytest.mark.parametrize("kind", ["probabilities", "scores"])
def test_standard_set(kind):
    score = SCORE if kind == "probabilities" else 10 * SCORE - 5
    figure = plot_evaluation(
        np.array(["NORMAL", "PNEUMONIA"])[Y],
        score,
        threshold=None if kind == "probabilities" else 0,
        n_resamples=20,
    )
    figure.canvas.draw()
    note, *titles = [ax.get_title() for ax in figure.axes]
    expected = [
        "confusion matrix: 80 images",
        "shares of the true class",
        "ROC",
        "precision and recall",
        "detection error tradeoff",
        "calibration",
    ]
    if kind == "scores":  # no empty panel, but a line
        expected.pop()
    assert titles == expected
    assert note == (
        "" if kind == "probabilities" else "no calibration curve, which needs probabilities"
    )
    matrix = next(ax for ax in figure.axes if "confusion" in ax.get_title())
    counts = [int(text.get_text()) for text in matrix.texts]
    called = SCORE >= 0.5
    expected = [sum((t == Y) & (called == p)) for t in (0, 1) for p in (False, True)]
    assert counts == expected
    assert [text.get_text() for text in matrix.get_xticklabels()] == ["NORMAL", "PNEUMONIA"]


def test_letters_in_a_confusion_matrix_contrast_with_any_colour_of_its_cells():
    score = np.where(np.arange(80) % 10 < 4, 1 - Y, Y)  # shares in the middle of the colours
    figure = plot_evaluation(Y, score, n_resamples=20)
    figure.canvas.draw()
    for panel in (ax for ax in figure.axes if ax.images):
        (image,) = panel.images
        cells = image.cmap(image.norm(image.get_array())).reshape(-1, 4)
        for cell, text in zip(cells, panel.texts, strict=True):
            dark, light = sorted([luminance(cell), luminance(text.get_color())])
            assert (light + 0.05) / (dark + 0.05) >= 4.5  # of the W3C, for letters of any size


def luminance(color):
    """Compute the relative luminance of a colour, as the W3C defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return np.dot([0.2126, 0.7152, 0.0722], linear)


def test_standard_set_prints_every_value_with_its_interval():
    figure = plot_evaluation(Y, SCORE, groups=np.arange(80) // 2, n_resamples=20)
    legends = [ax.get_legend() for ax in figure.axes if ax.get_legend()]
    texts = [text.get_text() for legend in legends for text in legend.get_texts()]
    figures = [text for text in texts if "[" in text]
    assert len(figures) == 3
    assert all(text.endswith("(80 images, 40 patients)") for text in figures)
    shares = next(ax for ax in figure.axes if "shares" in ax.get_title())
    specificity, false_alarms, misses, recall = (text.get_text() for text in shares.texts)
    for text in (specificity, false_alarms):
        assert text.endswith("]\n(30 images,\n15 patients)")
    for text in (recall, misses):
        assert text.endswith("]\n(50 images,\n25 patients)")
    det = next(ax for ax in figure.axes if "tradeoff" in ax.get_title())
    assert legend_of(det) == ["80 images, 40 patients"]
    # Legends are in lower case, but for abbreviations and classes.
    words = [text.split()[0] for text in texts]
    assert [word for word in words if word[0].isupper()] == ["AUC", "AP"]
    assert words.count("perfectly") == 1


@pytest.mark.parametrize("score", [Y, Y * 0.5 + 0.25], ids=["certain", "ranked"])
def test_error_tradeoff_of_a_perfect_model_is_a_line_with_an_explanation(score):
    figure = plot_evaluation(Y, score, n_resamples=20)
    figure.canvas.draw()
    note, *titles = [ax.get_title() for ax in figure.axes]
    assert note == "no DET curve, as some threshold makes no error"
    assert len(titles) == 5
    assert "detection error tradeoff" not in titles


def test_standard_set_needs_both_classes():
    with pytest.raises(ValueError, match="all labels in y_true are 1"):
        plot_evaluation([1, 1], [0.2, 0.9])


def test_displays_of_scores_need_scores():
    from sklearn.svm import NuSVC

    class Labels(NuSVC):
        """Classifier with labels only."""

        decision_function = property()

    X = SCORE[:, np.newaxis]
    model = Labels().fit(X, Y)
    for display in (ThresholdDisplay, ScoreDistributionDisplay):
        with pytest.raises(ValueError, match="neither predict_proba nor a decision_function"):
            display.from_estimator(model, X, Y)
    with pytest.raises(ValueError, match="the classifier only predicts labels"):
        ErrorGalleryDisplay.from_estimator(model, X, Y)


@pytest.mark.parametrize("number", [0, -1, 1.5, None])
@pytest.mark.parametrize(
    ("name", "plot"),
    [
        (
            "n_images",
            lambda n: ErrorGalleryDisplay.from_predictions(IMAGES, Y, SCORE, n_images=n),
        ),
        ("n_images", lambda n: ImageGridDisplay.from_images(IMAGES, n_images=n)),
        (
            "n_images",
            lambda n: AugmentationDisplay.from_estimator(ImageAugmenter(), IMAGES, n_images=n),
        ),
        (
            "n_versions",
            lambda n: AugmentationDisplay.from_estimator(ImageAugmenter(), IMAGES, n_versions=n),
        ),
        ("n_columns", lambda n: ImageGridDisplay(IMAGES[:2]).plot(n_columns=n or 0)),
        ("n_bins", lambda n: PixelIntensityDisplay.from_images(IMAGES, n_bins=n)),
        (
            "n_bins",
            lambda n: ScoreDistributionDisplay.from_predictions(Y, SCORE).plot(n_bins=n),
        ),
    ],
)
def test_nothing_to_draw_is_refused_by_name(name, plot, number):
    with pytest.raises(ValueError, match=f"^{name}=.*: expected a whole number of at least 1"):
        plot(number)


@pytest.mark.parametrize("X", [IMAGES[:0], []])
def test_an_empty_collection_is_refused_as_such(X):
    for draw in (
        ImageGridDisplay.from_images,
        PixelIntensityDisplay.from_images,
        lambda X: AugmentationDisplay.from_estimator(ImageAugmenter(), X),
    ):
        with pytest.raises(ValueError, match=r"^X is empty"):
            draw(X)
    with pytest.raises(ValueError, match=r"^images is empty"):
        ImageGridDisplay(X).plot()


@pytest.mark.parametrize("X", [IMAGES[:4], ["a.png"] * 4])
def test_what_is_no_loader_is_refused_before_files_are_read(X):
    for draw in (
        ImageGridDisplay.from_images,
        PixelIntensityDisplay.from_images,
        lambda X, **options: AugmentationDisplay.from_estimator(ImageAugmenter(), X, **options),
        lambda X, **options: ErrorGalleryDisplay.from_predictions(
            X, [0, 1, 0, 1], [0.9, 0.1, 0.9, 0.1], **options
        ),
    ):
        with pytest.raises(TypeError, match=r"^loader='x' is not an ImageLoader"):
            draw(X, loader="x")


@pytest.mark.parametrize("threshold", [50, -1, np.nan, "0.5", [0.5]])
@pytest.mark.parametrize("display", [ThresholdDisplay, ScoreDistributionDisplay])
def test_a_threshold_on_another_scale_is_refused(display, threshold):
    for plot in (
        lambda: display.from_predictions(Y, SCORE, threshold=threshold),
        lambda: display.from_estimator(linear().fit(*POINTS), *POINTS, threshold=threshold),
    ):
        with pytest.raises((ValueError, TypeError), match="threshold"):
            plot()


def test_long_names_keep_both_ends():
    name = "a-very-long-name-of-a-chest-x-ray-file-0001.jpeg"
    short = shortened(name, 20)
    assert len(short) == 20
    assert short.startswith("a-very")
    assert short.endswith("0001.jpeg")


def test_colours_differ_in_grey_by_something_else_too():
    assert len(set(CYCLE)) == len(CYCLE)
    display = ThresholdDisplay.from_predictions(Y, SCORE)
    styles = {line.get_linestyle() for line in display.lines_.values()}
    assert len(styles) == 3


PRICES = np.array(["$1 & $2", r"\$_{\frac$"])
HOSTILE = {
    "classes": lambda names: ClassDistributionDisplay.from_labels(names),
    "errors": lambda names: ErrorGalleryDisplay.from_predictions(
        IMAGES, names, 1 - SCORE, pos_label=PRICES[1]
    ),
    "images": lambda names: ImageGridDisplay.from_images(IMAGES, names),
    "intensities": lambda names: PixelIntensityDisplay.from_images(IMAGES, names),
    "models": lambda names: ModelComparisonDisplay.from_predictions(
        Y, dict.fromkeys(PRICES, SCORE), n_resamples=20
    ),
    "scores": lambda names: ScoreDistributionDisplay.from_predictions(
        names, SCORE, pos_label=PRICES[1]
    ),
    "standard": lambda names: plot_evaluation(names, SCORE, pos_label=PRICES[1], n_resamples=20),
}


@pytest.mark.parametrize("parse_math", [True, False])
@pytest.mark.parametrize("name", HOSTILE)
def test_names_with_dollar_signs_are_drawn_unchanged(name, parse_math):
    with mpl.rc_context({"text.parse_math": parse_math}):
        drawn = HOSTILE[name](PRICES[Y])
        figure = getattr(drawn, "figure_", drawn)
        figure.canvas.draw()
        shown = [text._preprocess_math(text.get_text()) for text in figure.findobj(mpl.text.Text)]
    assert not any(is_math for _, is_math in shown)
    for each in PRICES:
        assert any(each in text for text, _ in shown), (each, shown)


def test_names_that_are_not_utf_8_are_drawn():
    ImageGridDisplay(IMAGES[:1], [["person\udce9.png"]]).plot().figure_.canvas.draw()
    assert plain("\udce9") == r"\udce9"


@pytest.mark.parametrize("labels", [["a", None, "b"], ["a", np.nan, "b"], ["a", 1, "b"]])
@pytest.mark.parametrize(
    "draw",
    [
        lambda labels: ClassDistributionDisplay.from_labels(labels),
        lambda labels: ImageGridDisplay.from_images(IMAGES[:3], labels),
        lambda labels: PixelIntensityDisplay.from_images(IMAGES[:3], labels),
    ],
)
def test_labels_that_are_missing_or_mixed_are_refused(draw, labels):
    with pytest.raises(ValueError, match=r"NaN or None in 1 of 3 labels|labels that are text"):
        draw(labels)


@pytest.mark.parametrize("names", [["a"], ["a", "b", "c"]])
def test_names_are_two(names):
    with pytest.raises(ValueError, match=f"^names has {len(names)} names"):
        ScoreDistributionDisplay.from_predictions(Y, SCORE, names=names)
    with pytest.raises(ValueError, match=f"^names has {len(names)} names"):
        plot_evaluation(Y, SCORE, names=names)


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("white", [1.0, 255.0, 255])
def test_grey_levels_of_any_kind_of_number_are_drawn_alike(white, n_channels):
    kind = np.float32 if isinstance(white, float) else np.uint8
    images = np.full((1, 8, 8, n_channels), white / 5, dtype=kind)
    images[:, 0] = white
    drawn = ImageGridDisplay(images).plot().axes_[0, 0].images[0]
    grey = drawn.to_rgba(drawn.get_array())[4, 4, :3]
    np.testing.assert_allclose(grey, 51 / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("highest", "expected"),
    [
        ([1.0, 1.02], (0.2, 1.02)),
        ([0.5, 4.0], (0.2, 4.0)),
        ([1.0, 0.4], (0, 1)),
        ([9, 90], (0, 255)),
    ],
)
def test_float_images_of_a_figure_have_one_scale(highest, expected):
    images = np.full((2, 8, 8, 1), 0.2)
    images[:, 0, 0, 0] = highest
    figures = [
        ImageGridDisplay(images),
        AugmentationDisplay(images, images[:, np.newaxis]),
        ErrorGalleryDisplay(images[:1], images[1:], [[]], [[]], 1, 1),
    ]
    for display in figures:
        drawn = [panel.images[0] for panel in display.plot().axes_.flat]
        assert {image.get_clim() for image in drawn} == {expected}


def test_training_curves_without_epochs_or_numbers():
    with pytest.raises(ValueError, match="no epochs"):
        TrainingCurvesDisplay({"loss": []}).plot()
    display = TrainingCurvesDisplay({"loss": [1, 2], "val_loss": [np.nan, np.nan]}).plot()
    assert legend_of(display.axes_[0]) == ["training", "validation"]


# Of the oldest matplotlib, about error bars that are all NaN.
@pytest.mark.filterwarnings("ignore:Conversion of an array with ndim > 0:DeprecationWarning")
def test_warnings_of_a_display_are_shown_for_the_line_that_calls_it():
    with pytest.warns(UndefinedMetricWarning) as caught:
        ModelComparisonDisplay.from_predictions([1, 1], {"a": [0.2, 0.9]}, groups=[0, 1])
    assert caught[0].filename == __file__
