"""Quick start: train, evaluate with intervals, save.

The shortest sound path from a folder of X-rays to a model: patients are split before anything
else, the classes are balanced on paths, and every number that is printed has its interval.
"""

import sys

from skpneumo import (
    CNNClassifier,
    ImageAugmenter,
    ImageLoader,
    ImageResampler,
    load_chest_xray,
    make_chest_xray,
    make_pipeline,
    patient_train_test_split,
    save_model,
)
from skpneumo.evaluation import ImageGridDisplay, ThresholdDisplay, evaluate

if len(sys.argv) > 1:
    xrays = load_chest_xray(sys.argv[1], split="train")
else:
    xrays = make_chest_xray(n_patients=150, difficulty=0.0, random_state=0)

names = [xrays.target_names[label] for label in xrays.target]
ImageGridDisplay.from_images(xrays.filenames, names, n_images=8, n_columns=4)

# %%
# A child may have several X-rays. All of them go to the same part.
X_train, X_test, y_train, y_test = patient_train_test_split(
    xrays.filenames, xrays.target, test_size=0.3, random_state=0
)

# %%
# The classes are balanced on paths, so that only the selected files are read. The augmentation
# acts in training only.
model = make_pipeline(
    ImageResampler("over", random_state=0),
    ImageLoader(size=32, n_jobs=2),
    CNNClassifier(
        filters=(8, 16, 32),
        learning_rate=3e-3,
        batch_size=16,
        epochs=15,
        augmentation=ImageAugmenter(rotation=10, width_shift=0.1, height_shift=0.1),
        random_state=0,
    ),
)
model.fit(X_train, y_train)

# %%
# Every metric comes with its 95 % interval, in which patients count, not images.
print(evaluate(model, X_test, y_test, subgroups=None))

# %%
# What other thresholds would give. This is for inspection: choose one on training patients.
display = ThresholdDisplay.from_estimator(model, X_test, y_test)
display.figure_.savefig("thresholds.png")
save_model(model, "model.skpneumo")
