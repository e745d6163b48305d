"""How displays share the place of axes among panels."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from skpneumo._plotting import axes_for, divide, tick_labels
from skpneumo.evaluation import ErrorGalleryDisplay, plot_evaluation

Y = np.repeat([0, 1], 20)
SEPARATED = np.linspace(0, 1, 40)


def divided():
    ax = axes_for(None)
    panels = divide(ax, 2, 3)
    for panel in panels.ravel():
        panel.set_title("in two\nlines")
    ax.set_title("a note on what is not here")
    return ax.figure


def divided_into_a_high_and_a_low_row():
    ax = axes_for(None)
    panels = divide(ax, 2, 1, height_ratios=[3, 1])
    ax.figure.canvas.draw()
    high, low = (panel.bbox.height for panel in panels[:, 0])
    assert high > 2 * low
    panels[0, 0].set_title("a panel")
    ax.set_title("a note on what is not here")
    return ax.figure


def errors_of_one_kind():
    score = np.where(Y == 1, 0.9, 0.2)
    score[[0, 5]] = 0.8
    images = np.zeros((40, 8, 8, 1), dtype=np.uint8)
    return ErrorGalleryDisplay.from_predictions(images, Y, score).figure_


def without_errors():
    return plot_evaluation(Y, SEPARATED, n_resamples=20)


@pytest.mark.parametrize(
    "draw", [divided, divided_into_a_high_and_a_low_row, errors_of_one_kind, without_errors]
)
def test_a_note_has_room_above_the_titles_of_the_panels(draw):
    figure = draw()
    figure.canvas.draw()
    titles = [ax.title.get_window_extent() for ax in figure.axes if ax.get_title()]
    note, *panels = sorted(titles, key=lambda box: -box.y1)
    assert panels
    assert note.y1 <= figure.bbox.y1
    assert note.y0 >= max(panel.y1 for panel in panels)
    plt.close(figure)


@pytest.mark.parametrize(
    "name",
    ["Abnormal Abnormal Abnormal Abnormal", "a" * 100, "Cardiomegaly, " * 9, "one two"],
)
def test_a_tick_has_three_lines_and_both_ends_of_a_name(name):
    for width in (8, 15, 28):
        (label,) = tick_labels([name], width)
        lines = label.split("\n")
        assert len(lines) <= 3
        assert max(map(len, lines)) <= width
        assert label[0] == name[0]
        assert label[-1] == name.strip()[-1]
        assert ("…" in label) or label.replace("\n", " ").split() == name.split()


def test_ticks_of_names_that_differ_in_the_middle_are_numbered():
    names = [f"{'long ' * 12}{number} {'name ' * 12}" for number in range(2)]
    first, second = tick_labels([*names, "short"])[:2]
    assert first.endswith(" (1)")
    assert second == first.replace("(1)", "(2)")
    assert tick_labels(["a", "b"]) == ["a", "b"]
