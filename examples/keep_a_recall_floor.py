"""Choose an operating point with a floor under its recall.

Nobody chose a threshold of one half. `RecallFloorClassifier` chooses, on training patients only,
the threshold of highest specificity that keeps recall at or above a floor with a stated
confidence. With too few patients for that, it raises an error that says how many it needs.
"""

import sys

from skpneumo import (
    CNNClassifier,
    ImageLoader,
    ImageResampler,
    load_chest_xray,
    make_chest_xray,
    make_pipeline,
    patient_train_test_split,
)
from skpneumo.decision import RecallFloorClassifier
from skpneumo.evaluation import ScoreDistributionDisplay, evaluate

if len(sys.argv) > 1:
    xrays, floor = load_chest_xray(sys.argv[1], split="train"), 0.98
else:
    xrays, floor = make_chest_xray(n_patients=200, difficulty=0.0, random_state=0), 0.9

X_train, X_test, y_train, y_test = patient_train_test_split(
    xrays.filenames, xrays.target, test_size=0.3, random_state=0
)
# %%
pipeline = make_pipeline(
    ImageResampler("over", random_state=0),
    ImageLoader(size=32, n_jobs=2),
    CNNClassifier(
        filters=(8, 16, 32), learning_rate=3e-3, batch_size=16, epochs=15, random_state=0
    ),
)
screening = RecallFloorClassifier(pipeline, recall=floor, confidence=0.95, cv=3)
screening.fit(X_train, y_train)

# %%
# What the threshold guarantees, and what it costs.
print(f"threshold {screening.threshold_:.3f}")
print(f"recall of out-of-fold patients {screening.recall_:.3f}, at least {floor} guaranteed")
print(screening.guarantee_terms_)
print(f"their specificity {screening.specificity_:.3f}")

# %%
# The same on patients that neither the network nor the threshold has seen.
print(evaluate(screening, X_test, y_test, subgroups=None))

display = ScoreDistributionDisplay.from_estimator(
    screening, X_test, y_test, names=tuple(xrays.target_names)
)
display.figure_.savefig("scores.png")
