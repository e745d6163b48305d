"""Compare ways to balance the classes.

Three times as many PNEUMONIA as NORMAL images make a network find pneumonia everywhere. Three
remedies are compared with none, by recall and specificity on the same patient-grouped folds:
leaving out PNEUMONIA paths, repeating NORMAL paths, and weighting the loss. Paths are resampled
before a file is read, so images that are left out are never opened.
"""

import sys

import matplotlib.pyplot as plt
from sklearn.base import clone
from sklearn.model_selection import cross_validate

from skpneumo import (
    CNNClassifier,
    ImageLoader,
    ImageResampler,
    PatientKFold,
    load_chest_xray,
    make_chest_xray,
    make_pipeline,
)
from skpneumo.evaluation import specificity_scorer

if len(sys.argv) > 1:
    xrays = load_chest_xray(sys.argv[1], split="train")
else:
    xrays = make_chest_xray(n_patients=75, difficulty=0.0, random_state=0)

# %%
loader = ImageLoader(size=32, n_jobs=2)
cnn = CNNClassifier(filters=(8, 16, 32), learning_rate=3e-3, epochs=10, random_state=0)
weighted = clone(cnn).set_params(class_weight="balanced")
candidates = {
    "as they are": make_pipeline(loader, cnn),
    "fewer PNEUMONIA": make_pipeline(ImageResampler("under", random_state=0), loader, cnn),
    "NORMAL repeated": make_pipeline(ImageResampler("over", random_state=0), loader, cnn),
    "weighted loss": make_pipeline(loader, weighted),
}
scoring = {"recall": "recall", "specificity": specificity_scorer}


# %%
# A mean plus a standard deviation may lie above 1; the highest fold does not.
def to_extremes(scores):
    """How far the lowest and the highest fold are from the mean."""
    return [[scores.mean() - scores.min()], [scores.max() - scores.mean()]]


# %%
figure, axes = plt.subplots(figsize=(5.6, 4), layout="constrained")
print(f"{'balance':18}{'recall':>8}{'+-':>7}{'specificity':>14}{'+-':>7}   (over 3 folds)")
for name, pipeline in candidates.items():
    scores = cross_validate(
        pipeline, xrays.filenames, xrays.target, scoring=scoring, cv=PatientKFold(3)
    )
    recall, specificity = scores["test_recall"], scores["test_specificity"]
    print(
        f"{name:18}{recall.mean():8.3f}{recall.std():7.3f}"
        f"{specificity.mean():14.3f}{specificity.std():7.3f}"
    )
    axes.errorbar(
        specificity.mean(),
        recall.mean(),
        xerr=to_extremes(specificity),
        yerr=to_extremes(recall),
        marker="o",
        capsize=3,
        label=name,
    )
axes.set(xlabel="specificity, mean and range of 3 folds", ylabel="recall")
figure.legend(loc="outside upper center", ncols=2, frameon=False)
figure.savefig("resamplers.png")
