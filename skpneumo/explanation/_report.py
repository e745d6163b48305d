"""Examine whether a model looks at the lungs."""

import warnings
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import UndefinedMetricWarning

from skpneumo._html import fragment
from skpneumo._paths import carried_patients, filenames_of
from skpneumo._predictions import Predictions, predictions_of
from skpneumo._random import check_random_state
from skpneumo._sklearn import Interval, StrOptions, validate_params
from skpneumo._typing import ArrayLike
from skpneumo.evaluation import DominantPatientWarning, evaluate_predictions, why_useless
from skpneumo.explanation._deletion_insertion import deletion_insertion
from skpneumo.explanation._markup import remaining_table, verdict_html
from skpneumo.explanation._methods import METHODS, maps_by
from skpneumo.explanation._model import ImageModel, require_target, split_at_images
from skpneumo.explanation._randomization import map_similarity, with_random_weights
from skpneumo.explanation._region_swap import swap_effects
from skpneumo.explanation._regions import attribution_shares
from skpneumo.explanation._remaining import remaining_metrics
from skpneumo.explanation._verdict import MEASURES, judge, measures_of
from skpneumo.fitted import positive_label
from skpneumo.loading import ImageArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ExplanationReport", "explanation_report"]

_COMPARED_IMAGES = 16


@dataclass(frozen=True)
class ExplanationReport:
    """The result of :func:`explanation_report`.

    Attributes
    ----------
    frame : DataFrame
        A row for each image: path (if known), positive (the truth), probability, called (whether
        it was predicted positive), outcome ("TP", "FP", "FN", "TN"); text, lungs, corners, border,
        body, the shares of the evidence for the class in these regions; deletion_area,
        insertion_area; chest_effect and surroundings_effect, the difference in log odds between
        positive and negative donors of the chest, or of the surroundings; and similarity, the rank
        correlation of the map with that of the same network with random weights (NaN if it was not
        computed).
    measures : DataFrame
        A row for each measure of the model: measure, value, low and high of its 95 % interval, n
        and n_patients, the number of images and patients that it is a mean over.
    remaining : DataFrame
        AUC, recall and specificity on images without some of their parts. A row for each change
        and metric: images (the change: "as they are", "lungs blacked out", "lungs alone", "frame
        alone", "text painted out" or "text painted in"), metric, value, low and high of its 95 %
        interval.
    verdict : {"lungs", "shortcut", "undecided"}
        See :func:`explanation_report`.
    reasons : list of str
        Reasons for the verdict.
    method : str
        Method of the heat maps.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from skpneumo import ImageLoader, explanation_report, make_chest_xray, make_pipeline
    >>> xrays = make_chest_xray(n_patients=12, size=64, random_state=0)
    >>> as_rows = FunctionTransformer(lambda images: images.reshape(len(images), -1) / 255)
    >>> pipe = make_pipeline(ImageLoader(size=16), as_rows, GaussianNB(var_smoothing=100))
    >>> report = explanation_report(pipe.fit(xrays.X, xrays.target), xrays.X, xrays.target)
    >>> report.verdict in ("lungs", "shortcut", "undecided")
    True
    >>> report.measures.columns.tolist()
    ['measure', 'value', 'low', 'high', 'n', 'n_patients']
    """

    frame: "pd.DataFrame"
    measures: "pd.DataFrame"
    remaining: "pd.DataFrame"
    verdict: str
    reasons: list[str]
    method: str

    def summary(self) -> str:
        """Summarise the report as text.

        Returns
        -------
        text : str
            The verdict, its reasons, every measure, and AUC, recall and specificity without parts
            of the images, with their intervals.
        """
        lines = [f"{len(self.frame)} images, maps by {self.method}: {self.verdict}"]
        lines += [f"  {reason}" for reason in self.reasons]
        lines += ["", f"{'':36}{'value':>7}  {'95 % interval':<16}{'images':>7}{'patients':>10}"]
        for row in self.measures.itertuples():
            interval = f"[{row.low:.3f}, {row.high:.3f}]"
            lines.append(
                f"{MEASURES[row.measure]:36}{row.value:7.3f}  {interval:<16}"
                f"{row.n:>7}{row.n_patients:>10}"
            )
        table = remaining_table(self.remaining)
        lines += ["", f"{'metrics with':20}" + "".join(f"{name:>22}" for name in table)]
        lines += [
            f"{name:20}" + "".join(f"{cell:>22}" for cell in row)
            for name, row in zip(table.index, table.to_numpy(str), strict=True)
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<ExplanationReport: {self.verdict}, {len(self.frame)} images>"

    def _repr_html_(self) -> str:
        return fragment(verdict_html(self))


@validate_params(
    {
        "method": [StrOptions(set(METHODS))],
        "n_donors": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def explanation_report(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    pos_label: Any = None,
    method: str = "occlusion",
    n_donors: int = 2,
    random_state: int | np.random.RandomState | None = 0,
    batch_size: int = 256,
) -> ExplanationReport:
    """Test whether a model looks at the lungs, and how far its maps can be trusted.

    Parameters
    ----------
    estimator : fitted classifier with ``predict_proba``
        A pipeline from paths or images. Its last images must be chest images in which air is dark.
    X : array-like of length n_images
        Paths or images of patients that the model was not fitted on; at least two of each class,
        and preferably fifty.
    y : array-like of shape (n_images,)
        True labels.
    groups : array-like of shape (n_images,), default=None
        The patient of each image; read from the file names by default.
    pos_label : label, default=None
        The positive class; by default that of :func:`~skpneumo.evaluate`.
    method : str, default="occlusion"
        Method of the heat maps: "occlusion", which explains any classifier, "hires_cam",
        "grad_cam", "grad_cam++", "integrated_gradients" or "lime".
    n_donors : int, default=2
        Number of images of each class to exchange chest and surroundings with.
    random_state : int, RandomState instance or None, default=0
        Seed of the exchanges, the random weights and the bootstrap.
    batch_size : int, default=256
        Number of images at a time.

    Returns
    -------
    report : ExplanationReport

    Raises
    ------
    ValueError
        If ``method`` cannot explain the classifier, it has no ``predict_proba``, a class has fewer
        than two images, the numbers of labels and images differ, or ``pos_label`` is not a class,
        or missing for more than two.

    Warns
    -----
    UnknownPatientsWarning
        If neither ``groups`` nor ``X`` identifies the patients.

    Notes
    -----
    **The verdict.** The verdict is "shortcut" if one of these holds:

    - more than half of the evidence for the positive class lies in burnt-in text, corners and
      border, on average over the images predicted positive;
    - more than a quarter of the difference between the classes comes from outside the chest: if
      each image gets the chests of positive and of negative images, and then their surroundings,
      the effect of the surroundings on its log odds is more than a quarter of the total effect; or
    - the model separates the classes without lungs: the interval of its AUC lies above 0.8 with
      the lungs blacked out, or above 0.65 with the outer tenth alone.

    It is "undecided" if the intervals of both effects, of chests and of surroundings, reach down
    to zero, because then the model uses neither to separate the classes. It is also "undecided" if
    it would be "lungs", but the model decides no better than guessing
    (:func:`~skpneumo.evaluation.why_useless`). Otherwise it is "lungs".

    The first criterion looks at single images, the others at classes, so these also find a mark
    that only normal images have. The third also finds differences of the whole image, such as its
    exposure. None finds a shortcut within the lungs, such as a tube or an electrode.

    **Remaining metrics.** ``remaining`` has AUC, recall and specificity, at the same threshold,
    with the lungs blacked out, with the lungs alone, with the outer tenth alone, with burnt-in
    text painted out, and with the same text painted into two corners of every image. Removed parts
    have the value of the darkest pixel. The lungs are those of :func:`lung_field`, which differ
    from the true ones by a few percent; so an AUC of 0.8 is accepted without them. As a network
    has never seen images like these, low values do not prove that it uses the lungs; high values
    prove that it does not need them.

    **How far to trust the maps.** ``insertion - deletion``, between -1 and 1, shows whether the
    probability depends on the most important pixels of the map (:func:`deletion_insertion`);
    hidden pixels are those of the mean negative image. ``similarity``, between 0 and 1, compares
    with maps of the same network with random weights: a map that does not change explains nothing.
    It is computed for at most 16 images predicted positive, and only for networks.

    Intervals of the measures are percentiles of a bootstrap of patients; those of the remaining
    metrics are as in :func:`~skpneumo.evaluation.evaluate`. They do not include the randomness of
    training.

    Examples
    --------
    >>> from skpneumo import CNNClassifier, ImageLoader, make_chest_xray, make_pipeline
    >>> from skpneumo.explanation import explanation_report
    >>> xrays = make_chest_xray(n_patients=16, random_state=0)
    >>> pipe = make_pipeline(
    ...     ImageLoader(size=32), CNNClassifier(filters=(4, 8), epochs=1, random_state=0))
    >>> _ = pipe.fit(xrays.filenames, xrays.target)
    >>> report = explanation_report(pipe, xrays.filenames, xrays.target)
    >>> report.frame[["lungs", "deletion_area"]].shape == (len(xrays.target), 2)
    True
    """
    require_target(estimator, pos_label, name="pos_label")
    model, images = split_at_images(estimator, X)
    # Predicted from the images, so that files are read only once.
    predictions = predictions_of(
        model.predictor,
        ImageArray(model.to_input(images), filenames_of(X), carried_patients(X)),
        y,
        groups=groups,
        pos_label=positive_label(estimator, pos_label),
    )
    report, _ = explain_predictions(
        model,
        images,
        predictions,
        method=method,
        n_donors=n_donors,
        random_state=check_random_state(random_state),
        batch_size=batch_size,
    )
    return report


def require_both_classes(positive: NDArray[np.bool_]) -> None:
    """Raise if a class has too few images to exchange chests with."""
    for sign, name in ((True, "positive"), (False, "negative")):
        if np.count_nonzero(positive == sign) < 2:
            raise ValueError(
                f"y has {np.count_nonzero(positive == sign)} {name} images, but at least two of "
                "each class are needed, and preferably fifty. Add images."
            )


def explain_predictions(
    model: ImageModel,
    images: NDArray[Any],
    predictions: Predictions,
    *,
    method: str,
    random_state: np.random.RandomState,
    n_donors: int = 2,
    batch_size: int = 256,
    threshold: float | None = None,
) -> tuple[ExplanationReport, NDArray[np.float32]]:
    """Explain given predictions; return the report and the heat maps."""
    positive, called, target = predictions.positive, predictions.predicted, predictions.pos_label
    require_both_classes(positive)
    maps = maps_by(method, model, images, target)
    mean_negative = images[~positive].mean(axis=0)
    curves = deletion_insertion(
        model, images, maps, target=target, fill=mean_negative, batch_size=batch_size
    )
    chest, surroundings = swap_effects(
        model,
        images,
        positive,
        model.classes.tolist().index(target),
        n_donors=n_donors,
        random_state=random_state,
        batch_size=batch_size,
    )
    frame = _with_predictions(attribution_shares(maps, images), predictions)
    frame["deletion_area"] = curves.deletion_area
    frame["insertion_area"] = curves.insertion_area
    frame["chest_effect"] = chest
    frame["surroundings_effect"] = surroundings
    shown = np.flatnonzero(called)[:_COMPARED_IMAGES]
    frame["similarity"] = np.nan
    frame.loc[shown, "similarity"] = _similarity(
        model, images[shown], maps[shown], method, random_state, target
    )
    measures = measures_of(frame, predictions.patient, random_state)
    remaining = remaining_metrics(model, images, predictions, threshold)
    verdict, reasons = judge(measures, remaining)
    if useless := _why_useless(predictions):
        verdict = "undecided" if verdict == "lungs" else verdict
        reasons.append(f"the model is useless: {useless[0].lower()}{useless[1:].rstrip('.')}")
    return ExplanationReport(frame, measures, remaining, verdict, reasons, method), maps


def _with_predictions(shares: "pd.DataFrame", predictions: Predictions) -> "pd.DataFrame":
    """Put the predictions before the shares of the evidence."""
    positive, called = predictions.positive, predictions.predicted
    shares.insert(0, "positive", positive)
    shares.insert(1, "probability", predictions.score)
    shares.insert(2, "called", called)
    shares.insert(3, "outcome", _outcomes(positive, called))
    if predictions.filenames is not None:
        shares.insert(0, "path", predictions.filenames)
    return shares


def _why_useless(predictions: Predictions) -> str:
    """Explain why the model is useless, so that the verdict cannot be "lungs"; "" if it is not."""
    with warnings.catch_warnings():
        # Evaluations warn about undefined metrics and dominant patients.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        warnings.simplefilter("ignore", DominantPatientWarning)
        frame = evaluate_predictions(
            predictions.positive,
            y_pred=predictions.predicted,
            groups=predictions.patient,
            pos_label=True,
            subgroups=None,
        )
    return why_useless(frame)


def _outcomes(positive: NDArray[np.bool_], called: NDArray[np.bool_]) -> NDArray[np.object_]:
    right = np.where(positive == called, "T", "F").astype(object)
    return right + np.where(called, "P", "N").astype(object)


def _similarity(
    model: ImageModel,
    images: NDArray[Any],
    maps: NDArray[np.float32],
    method: str,
    rng: np.random.RandomState,
    target: Any,
) -> NDArray[np.float64] | float:
    if not len(images) or not model.is_of_networks:
        return np.nan
    random_network = with_random_weights(model, rng)
    return map_similarity(maps, maps_by(method, random_network, images, target))
