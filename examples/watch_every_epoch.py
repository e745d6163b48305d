"""Watch every epoch of a search.

scikit-learn's callbacks reach each candidate and fold, with `n_jobs=2` in other processes too. A
`ScoringMonitor` on the network computes scores on the training images. Recall and false negatives
on the images that early stopping holds out have been measured already, so a scoring function can
simply read them.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.callback import ScoringMonitor
from sklearn.model_selection import GridSearchCV

from skpneumo import PatientKFold, load_chest_xray, make_chest_xray, make_recipe


# %%
# What is computed in each epoch.
def scores(network, images, y):
    """Recall in training; then what was measured on the images held out."""
    predicted = network.predict(images)
    return {
        "recall": np.mean(predicted[y == 1] == 1),
        "held-out recall": network.history_["val_recall"][-1],
        "false negatives": network.history_["val_false_negatives"][-1],
        "specificity": network.history_["val_specificity"][-1],
    }


# %%
if len(sys.argv) > 1:
    xrays = load_chest_xray(sys.argv[1], split="train")
    pipe = make_recipe("cnn-conv-pool-dropout", epochs=10, random_state=0, n_jobs=2)
else:
    xrays = make_chest_xray(n_patients=60, difficulty=0.0, random_state=0)
    pipe = make_recipe("dense-baseline", size=24, epochs=8, random_state=0, n_jobs=2)

# %%
monitor = ScoringMonitor(scoring=scores)
pipe.set_params(cnn__early_stopping=True, cnn__validation_fraction=0.2)
pipe["cnn"].set_callbacks(monitor)
search = GridSearchCV(pipe, {"cnn__dropout": [0.0, 0.3]}, scoring="recall", cv=PatientKFold(2))
search.fit(xrays.filenames, xrays.target)

# %%
log = monitor.get_logs().data_as_pandas
epochs = log[log.task_name == "epoch"].rename(columns={"task_id": "epoch"})
# Fits are numbered candidate by candidate, fold by fold; the last one is that of the winner.
epochs["fit"] = epochs.groupby("parent_task_id_path", sort=True).ngroup()
shown = ["fit", "epoch", "recall", "held-out recall", "false negatives", "specificity"]
print(epochs.sort_values(["fit", "epoch"])[shown].round(3).to_string(index=False))

# %%
# Recall alone would look perfect where a network calls all images positive.
figure, panels = plt.subplots(2, 1, sharex=True, figsize=(5.6, 5), layout="constrained")
for panel, metric in zip(panels, ["held-out recall", "specificity"], strict=True):
    for number, fit in epochs.sort_values("epoch").groupby("fit"):
        panel.plot(
            fit["epoch"] + 1, fit[metric], marker="osD^v"[number % 5], label=f"fit {number}"
        )
    panel.set(ylabel=metric.removeprefix("held-out "), ylim=(-0.05, 1.05))
panels[1].set_xlabel("epoch, on the images held out")
figure.legend(
    *panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=5, frameon=False
)
figure.savefig("epochs.png")
