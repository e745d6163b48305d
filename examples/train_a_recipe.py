"""Train a recipe by its name.

`python train_a_recipe.py chest_xray --recipe cnn-50-50-75` trains the network of a published
study on your folder, as it was published; `--recipe robust` trains this package's recommendation,
and `--recipe DenseNet121` a backbone of Keras. Patients are split before anything else, and every
number has its interval. Without a folder it trains a small network on synthetic X-rays.
"""

import argparse

from skpneumo import (
    list_recipes,
    load_chest_xray,
    make_chest_xray,
    make_recipe,
    patient_train_test_split,
)
from skpneumo.evaluation import TrainingCurvesDisplay, evaluate

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("data", nargs="?", help="folder of X-rays; default: synthetic ones")
parser.add_argument("--recipe", help=f"{', '.join(list_recipes().index)}, or a backbone of Keras")
parser.add_argument("--size", type=int, help="side of the images; default: the recipe's")
parser.add_argument("--epochs", type=int, help="passes over them; default: the recipe's")
parser.add_argument("--weights", default="imagenet", help="of a backbone: a file, or none")
options = parser.parse_args()

# %%
if options.data:
    xrays = load_chest_xray(options.data, split="train")
    recipe = options.recipe or "robust"
else:
    xrays = make_chest_xray(n_patients=100, difficulty=0.0, random_state=0)
    recipe = options.recipe or "dense-baseline"

X_train, X_test, y_train, y_test = patient_train_test_split(
    xrays.filenames, xrays.target, test_size=0.3, random_state=0
)
# %%
model = make_recipe(
    recipe,
    size=options.size,
    epochs=options.epochs,
    weights=None if options.weights == "none" else options.weights,
    random_state=0,
    n_jobs=2,
)
model.fit(X_train, y_train)

# %%
published = list_recipes().published.get(recipe, "")
print(f"{recipe}{f', published {published}' if published else ''}; on patients never seen:")
print(evaluate(model, X_test, y_test, subgroups=None))

# %%
display = TrainingCurvesDisplay.from_estimator(model)
display.figure_.savefig("training.png")
