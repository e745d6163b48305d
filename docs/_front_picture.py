"""Draws the picture of the front page: an opacity, and the evidence for it that a network found.

    python docs/_front_picture.py

It writes `docs/assets/opacity.png`. The network is that of the page about explanation; the image
is one of the test patients, whom it has not seen.
"""

from pathlib import Path

import matplotlib

matplotlib.use("agg")

import numpy as np
from skpneumo import (
    CNNClassifier,
    ImageLoader,
    ImageResampler,
    make_chest_xray,
    make_pipeline,
)
from skpneumo.explanation import HeatMapDisplay

TARGET = Path(__file__).parent / "assets" / "opacity.png"
# As a light box: the same on a light page and on a dark one.
BACKGROUND, INK = "#15181c", "#e8eaed"


def main() -> None:
    xrays = make_chest_xray(
        n_patients=200,
        images_per_patient=1,
        difficulty=0.1,
        test_fraction=0.4,
        random_state=0,
    )
    train, test = xrays.split == "train", xrays.split == "test"
    network = CNNClassifier(
        filters=(8, 16, 32),
        learning_rate=3e-3,
        batch_size=16,
        epochs=15,
        random_state=0,
    )
    model = make_pipeline(
        ImageResampler("over", random_state=0), ImageLoader(size=48), network
    )
    model.fit(xrays.filenames[train], xrays.target[train])

    patches = np.flatnonzero(test & (xrays.etiology == "bacteria"))
    probability = model.predict_proba(xrays.filenames[patches])[:, 1]
    chosen = patches[[np.argmax(probability)]]
    display = HeatMapDisplay.from_estimator(
        model, xrays.filenames[chosen], methods="occlusion"
    )

    figure = display.figure_
    figure.set_facecolor(BACKGROUND)
    titles = (
        "A synthetic X-ray",
        f"What the network saw: {probability.max():.0%} pneumonia",
    )
    for axes, title in zip(display.axes_[0], titles, strict=True):
        axes.set_title(title, color=INK, fontsize=9)
    for axes in figure.axes:
        if axes not in list(display.axes_[0]):
            figure.delaxes(axes)
    figure.set_size_inches(7.2, 3.3)
    figure.savefig(TARGET, dpi=100)
    print(f"{TARGET}: {TARGET.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
