"""The same search on two worker processes of Dask, over the loopback interface."""

import os

import joblib
import numpy as np
import pytest

from skpneumo import CNNClassifier, ImageLoader, PatientKFold, Pipeline
from skpneumo.tuning import ResumableGridSearchCV

distributed = pytest.importorskip(
    "distributed", reason='needs pip install "skpneumo[distributed]"'
)

pytestmark = [
    pytest.mark.slow,
    # What Dask and its event loop leave open when a cluster closes is not ours to judge.
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=str(tmp_path_factory.mktemp("dask")),
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_two_workers_find_what_one_process_finds(client, xrays, tmp_path):
    # Inner functions: workers cannot import this module, so that these travel whole.
    def recall_and_process(estimator, X, y):
        """Score paths, and record which process has scored."""
        assert all(isinstance(path, str) for path in X)
        return {"recall": np.mean(estimator.predict(X)[y == 1] == 1), "process": os.getpid()}

    def process_and_programs():
        from skpneumo.classifiers.engine._compiled import training_programs

        return os.getpid(), len(training_programs._idle)

    cnn = CNNClassifier(
        filters=(), dense_units=(3,), epochs=1, precision="float32", random_state=0
    )
    pipe = Pipeline([("load", ImageLoader(size=8)), ("cnn", cnn)])

    def search(**options):
        return ResumableGridSearchCV(
            pipe,
            {"cnn__learning_rate": [0.1, 0.03, 0.01, 0.003]},
            cv=PatientKFold(2),
            refit=False,
            **options,
        )

    alone = search(scoring="recall").fit(xrays.filenames, xrays.target)
    with joblib.parallel_config(backend="dask"):
        shared = search(scoring=recall_and_process, store=tmp_path).fit(
            xrays.filenames, xrays.target
        )
        again = search(scoring=recall_and_process, store=tmp_path).fit(
            xrays.filenames, xrays.target
        )
    processes = {
        int(process)
        for fold in range(2)
        for process in shared.cv_results_[f"split{fold}_test_process"]
    }
    # Both took part, and each compiled one program for all its fits.
    assert set(client.run(process_and_programs).values()) == {(each, 1) for each in processes}
    assert len(processes) == 2
    np.testing.assert_allclose(
        shared.cv_results_["mean_test_recall"], alone.cv_results_["mean_test_score"]
    )
    assert again.n_restored_ == 8


def test_both_workers_score_batches(client, xrays, tmp_path):
    """As in the guide: parts of the paths are mapped, and the workers open the images."""
    cnn = CNNClassifier(
        filters=(), dense_units=(3,), epochs=1, precision="float32", random_state=0
    )
    model = Pipeline([("load", ImageLoader(size=8)), ("cnn", cnn)])
    model.fit(xrays.filenames, xrays.target)
    joblib.dump(model, tmp_path / "model.joblib")

    def score(paths):
        return joblib.load(tmp_path / "model.joblib").predict_proba(paths)[:, 1], os.getpid()

    parts = np.array_split(xrays.filenames, 8)
    scored, processes = zip(*client.gather(client.map(score, parts)), strict=True)
    assert len(set(processes)) == 2
    np.testing.assert_allclose(
        np.concatenate(scored), model.predict_proba(xrays.filenames)[:, 1], rtol=1e-5
    )
