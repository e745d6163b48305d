"""Tune a whole pipeline by recall.

Everything is one estimator, so one grid reaches all of it: the network, and the augmentation
inside it. `PatientKFold` keeps the X-rays of a child in one fold. Recall ranks the
candidates; the specificity beside it shows what each of them costs.
"""

import sys

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.model_selection import GridSearchCV

from skpneumo import (
    CNNClassifier,
    ImageAugmenter,
    ImageLoader,
    ImageResampler,
    PatientKFold,
    Pipeline,
    load_chest_xray,
    make_chest_xray,
    save_model,
)
from skpneumo.evaluation import specificity_scorer

if len(sys.argv) > 1:
    xrays = load_chest_xray(sys.argv[1], split="train")
    size, epochs, filters = 64, 10, [(16, 32), (32, 64, 128)]
else:
    xrays = make_chest_xray(n_patients=80, difficulty=0.0, random_state=0)
    size, epochs, filters = 32, 10, [(8, 16), (8, 16, 32)]

# %%
network = CNNClassifier(
    dropout=0.1,
    learning_rate=2e-3,
    epochs=epochs,
    early_stopping=True,
    augmentation=ImageAugmenter(rotation=10),
    random_state=0,
)
pipe = Pipeline(
    [
        ("balance", ImageResampler("over", random_state=0)),
        ("load", ImageLoader(size=size, n_jobs=2)),
        ("cnn", network),
    ]
)

# %%
# Four candidates, three folds. Those with the same layers share one compiled network.
search = GridSearchCV(
    pipe,
    {
        "cnn__filters": filters,
        "cnn__augmentation__rotation": [5, 15],
    },
    scoring={"recall": "recall", "specificity": specificity_scorer},
    refit="recall",
    cv=PatientKFold(3),
)
search.fit(xrays.filenames, xrays.target)

table = pd.DataFrame(search.cv_results_["params"])
table.columns = [name.rpartition("__")[2] for name in table]
for score in ("recall", "specificity"):
    table[score] = search.cv_results_[f"mean_test_{score}"]
print(
    table.sort_values("recall", ascending=False).to_string(
        index=False, float_format="{:.3g}".format
    )
)

# %%
# Each point is a candidate. The one that recall chooses is not always worth its false alarms.
figure, axes = plt.subplots(figsize=(5, 4), layout="constrained")
axes.scatter(table["specificity"], table["recall"], label="candidates")
chosen = table.loc[search.best_index_]
axes.scatter(chosen["specificity"], chosen["recall"], s=90, label="chosen")
axes.set(xlabel="specificity, mean of three folds", ylabel="recall, mean of three folds")
figure.legend(loc="outside upper center", ncols=2, frameon=False)
figure.savefig("candidates.png")

save_model(search.best_estimator_, "model.skpneumo")
