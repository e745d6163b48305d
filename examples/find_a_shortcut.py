"""Find the model that uses a shortcut.

One network learns from images as they are, another from images that bear a white mark in a corner
wherever there is pneumonia, as where the machine of one ward burns it in. On new patients of the
same hospital accuracy favours the second. `explanation_report` distinguishes them.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from skpneumo import CNNClassifier, ImageLoader, load_chest_xray, make_chest_xray, make_pipeline
from skpneumo.explanation import HeatMapDisplay, explanation_report

if len(sys.argv) > 1:
    xrays = load_chest_xray(sys.argv[1])
else:
    xrays = make_chest_xray(
        n_patients=130, images_per_patient=1, difficulty=0.1, test_fraction=0.4, random_state=0
    )
y, train, test = xrays.target, xrays.split == "train", xrays.split == "test"


# %%
# One function trains a network, and measures where its evidence lies.
def judge(name: str, paths: np.ndarray) -> None:
    """Train a network on these images, and measure what it looks at."""
    model = make_pipeline(
        ImageLoader(size=32),
        CNNClassifier(
            filters=(8, 16, 32), learning_rate=3e-3, batch_size=16, epochs=15, random_state=0
        ),
    )
    model.fit(paths[train], y[train])
    print(f"Images {name}: accuracy {model.score(paths[test], y[test]):.3f}")
    print(explanation_report(model, paths[test], y[test], groups=xrays.groups[test]).summary())
    print()
    shown = np.flatnonzero(test & (y == 1))[:3]
    HeatMapDisplay.from_estimator(
        model, paths[shown], y[shown], target_names=xrays.target_names
    ).figure_.savefig(f"images {name}.png")


# %%
# The mark is white and lies in the upper left corner, outside the chest.
def with_mark(path: str, folder: str) -> str:
    """Copy an image and put a mark in its upper left corner."""
    with Image.open(path) as image:
        marked = image.convert("L")
    side = marked.width // 12
    marked.paste(255, (side // 2, side // 2, 3 * side // 2, 3 * side // 2))
    copy = Path(folder) / Path(path).name
    marked.save(copy)
    return str(copy)


# %%
# The first network looks at the lungs.
judge("as they are", xrays.filenames)

# %%
# The second one does not, although it is right more often.
with TemporaryDirectory() as folder:
    marked = xrays.filenames.copy()
    marked[y == 1] = [with_mark(path, folder) for path in marked[y == 1]]
    judge("marked where positive", marked)
