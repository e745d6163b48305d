"""Tune what keeps a network from overfitting.

Dropout, the L2 penalties of weights and activities, the largest norm of a unit's weights, the
number of convolutions, the batch size and the image size are tuned in one grid, because all of it
is one estimator. The whole grid has 432 candidates, which `GridSearchCV(pipe, GRID, ...)` would
try. A random search finds about as good a candidate much sooner.
"""

import sys

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.model_selection import RandomizedSearchCV

from skpneumo import PatientKFold, load_chest_xray, make_chest_xray, make_recipe
from skpneumo.evaluation import specificity_scorer

GRID = {
    "cnn__dropout": [0.0, 0.2, 0.4],
    "cnn__l2": [0.0, 1e-4, 1e-2],
    "cnn__activity_l2": [0.0, 1e-6],
    "cnn__max_norm": [None, 3.0],
    "cnn__convs_per_block": [1, 2],
    "cnn__batch_size": [16, 32, 64],
    "load__size": [64, 128],
}

# %%
if len(sys.argv) > 1:
    xrays = load_chest_xray(sys.argv[1], split="train")
    n_candidates, epochs = 30, 15
else:
    xrays = make_chest_xray(n_patients=60, difficulty=0.0, random_state=0)
    n_candidates, epochs = 4, 8
    GRID["load__size"] = [24, 32]

# %%
# Any recipe will do; its steps are always called "load" and "cnn".
pipe = make_recipe("cnn-conv-pool-dropout", epochs=epochs, random_state=0, n_jobs=2)
pipe.set_params(cnn__filters=(8, 16, 32), cnn__dense_units=(32,))

search = RandomizedSearchCV(
    pipe,
    GRID,
    n_iter=n_candidates,
    scoring={"recall": "recall", "specificity": specificity_scorer},
    refit="recall",
    cv=PatientKFold(3),
    random_state=0,
)
search.fit(xrays.filenames, xrays.target)

# %%
table = pd.DataFrame(search.cv_results_["params"])
table.columns = [name.rpartition("__")[2] for name in table]
for score in ("recall", "specificity"):
    table[score] = search.cv_results_[f"mean_test_{score}"]
print(table.sort_values("recall", ascending=False).round(3).to_string(index=False))

# %%
figure, axes = plt.subplots(figsize=(5, 4), layout="constrained")
for dropout, of_it in table.groupby("dropout"):
    axes.scatter(of_it["specificity"], of_it["recall"], label=f"dropout {dropout:g}")
axes.set(xlabel="specificity, mean of three folds", ylabel="recall, mean of three folds")
axes.set(xlim=(-0.05, 1.05), ylim=(-0.05, 1.05))
figure.legend(loc="outside upper center", ncols=2, frameon=False)
figure.savefig("candidates.png")
