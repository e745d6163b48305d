"""Write the file that shows the current format: ``python tests/persistence/make_format_file.py``.

Run it once for each new format number, and never again for the same: the tests read the files of
all formats. Its provenance contains images and the model's predictions.
"""

from pathlib import Path

import numpy as np
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator

from skpneumo import CNNClassifier, ContrastEqualizer, Pipeline, RecallFloorClassifier
from skpneumo.persistence import save_model
from skpneumo.persistence._container import FORMAT


def main() -> None:
    path = Path(__file__).with_name(f"format-{FORMAT}.skpneumo")
    if path.exists():
        raise FileExistsError(f"{path} is the file of this format; it is not made again.")
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    X = rng.integers(0, 120, (60, 8, 8, 1), dtype=np.uint8)
    X[y == 1, 2:6, 2:6] += 60
    labels = np.array(["NORMAL", "PNEUMONIA"])[y]
    network = CNNClassifier(
        filters=(3,), dense_units=(2,), batch_norm=True, epochs=3, precision="float32",
        random_state=0,
    )  # fmt: skip
    other = CNNClassifier(
        filters=(), dense_units=(), epochs=2, precision="float32", random_state=1
    )
    both = VotingClassifier([("cnn", network), ("dense", other)], voting="soft")
    pipeline = Pipeline([("equalize", ContrastEqualizer()), ("cnn", both)]).fit(X, labels)
    model = RecallFloorClassifier(
        FrozenEstimator(pipeline), recall=0.8, confidence=0.8, calibration="isotonic"
    ).fit(X, labels, groups=np.arange(60))
    some = X[:6]
    provenance = {
        "images": some.tolist(),
        "probabilities": model.predict_proba(some).tolist(),
        "labels": model.predict(some).tolist(),
    }
    save_model(model, path, provenance=provenance)
    print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
