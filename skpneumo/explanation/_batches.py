"""Explain a batch of files for the command line."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from skpneumo.explanation._methods import maps_by
from skpneumo.explanation._model import decision_threshold, split_at_images
from skpneumo.explanation._regions import attribution_shares
from skpneumo.explanation._source_images import source_images
from skpneumo.explanation.displays import HeatMapDisplay
from skpneumo.explanation.displays._captions import Subject
from skpneumo.explanation.displays._heat_map import by_patch

__all__ = ["explain_batch"]


def explain_batch(
    estimator: Any,
    paths: Sequence[str],
    labels: Sequence[Any],
    probabilities: Sequence[float],
    methods: Sequence[str],
    names: dict[Any, str],
) -> list[tuple[list[float | None], HeatMapDisplay]]:
    """Explain files, one class at a time.

    Parameters
    ----------
    estimator : fitted classifier
        A pipeline from paths.
    paths : sequence of str
        Readable files.
    labels : sequence of labels
        The class to explain for each file.
    probabilities : sequence of float
        Probability of this class.
    methods : sequence of str
        Methods whose maps are plotted; shares are those of the first.
    names : dict of label to str
        Names of the classes.

    Returns
    -------
    explained : list of (shares, display)
        For each file, the shares of the evidence by region, None if there is no evidence, and a
        display that has not been plotted yet.
    """
    explained: dict[int, tuple[list[float | None], HeatMapDisplay]] = {}
    for label in dict.fromkeys(labels):
        numbers = [number for number, each in enumerate(labels) if each == label]
        files = [paths[number] for number in numbers]
        model, images = split_at_images(estimator, files)
        maps = {method: maps_by(method, model, images, label) for method in methods}
        drawn = {method: by_patch(method, each) for method, each in maps.items()}
        shares = attribution_shares(maps[methods[0]], images).round(4).astype(object)
        subject = Subject(
            names[label],
            np.array([probabilities[number] for number in numbers]),
            decision_threshold(estimator, label),
            None,
        )
        sources = source_images(estimator, files)
        rows = shares.where(shares.notna(), None).to_numpy().tolist()
        for i, (number, source, row) in enumerate(zip(numbers, sources, rows, strict=True)):
            display = HeatMapDisplay(
                [source],
                {method: each[i : i + 1] for method, each in drawn.items()},
                [subject.lines(i, source.name)],
                subject.name,
            )
            explained[number] = row, display
    return [explained[number] for number in range(len(paths))]
