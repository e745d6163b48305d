"""Every sentence of a table of metrics appears exactly if it is true."""

import re
import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skpneumo.decision import InputGate
from skpneumo.evaluation import (
    DominantPatientWarning,
    compare_predictions,
    evaluate,
    evaluate_predictions,
    stress_test,
)
from skpneumo.evaluation._sentences import SENTENCES
from skpneumo.loading import ImageArray

RNG = np.random.default_rng(0)
Y = np.arange(60) % 2
SCORE = np.clip(0.3 * Y + 0.7 * RNG.random(60), 0, 1)
IMAGES = ImageArray((RNG.random((60, 6, 6, 1)) * 100 + 100 * Y[:, None, None, None]).astype("u1"))


class OfImages(LogisticRegression):
    """A classifier of images."""

    def fit(self, X, y):
        return super().fit(np.asarray(X).reshape(len(X), -1), y)

    def predict(self, X):
        return super().predict(np.asarray(X).reshape(len(X), -1))

    def predict_proba(self, X):
        return super().predict_proba(np.asarray(X).reshape(len(X), -1))


def one_patient_with_most():
    groups = np.r_[np.zeros(31), np.arange(1, 30)]
    return evaluate_predictions(Y, SCORE, groups=groups, n_resamples=20)


def of_fits(n):
    fits = [LogisticRegression(C=c).fit(SCORE[:, None], Y) for c in (0.1, 1, 10)[:n]]
    return evaluate(fits, SCORE[:, None], Y, n_resamples=20)


def stressed():
    model = OfImages(max_iter=1000).fit(IMAGES, Y)
    return stress_test(model, IMAGES, Y, corruptions={"same": lambda image: image})


def gated():
    gate = InputGate(LogisticRegression(), false_alarm_rate=0.1)
    gate.fit(SCORE[:, None], Y, groups=range(60))
    return evaluate(gate, SCORE[:, None], Y, n_resamples=20)


# A way to every kind of table there is.
TABLES = {
    "one fit": lambda: of_fits(1),
    "three fits": lambda: of_fits(3),
    "labels alone": lambda: evaluate_predictions(Y, y_pred=SCORE > 0.5, n_resamples=20),
    "at a prevalence": lambda: evaluate_predictions(Y, SCORE, prevalence=0.1, n_resamples=20),
    "one patient with most": one_patient_with_most,
    "probabilities too low": lambda: evaluate_predictions(
        Y, SCORE / 9, threshold=0.05, n_resamples=20
    ),
    "probabilities too high": lambda: evaluate_predictions(
        Y, 1 - (1 - SCORE) / 9, threshold=0.95, n_resamples=20
    ),
    "two models": lambda: compare_predictions(Y, SCORE, SCORE[::-1]),
    "stressed": stressed,
    "gated": gated,
}
# The condition of each sentence: the tables of which it is true.
TRUE_OF = {
    "one fit": TABLES.keys() - {"three fits", "two models"},
    "two fits": {"two models"},
    "several fits": {"three fits"},
    "several rows": TABLES.keys(),
    "calibration error": {
        "one fit",
        "three fits",
        "at a prevalence",
        "one patient with most",
        "probabilities too low",
        "probabilities too high",
        "gated",
    },
    "wrong probabilities": {"probabilities too low", "probabilities too high"},
    "stated prevalence": {"at a prevalence"},
    "withheld": {"gated"},
    "dominant patient": {"one patient with most"},
    "drops": {"stressed"},
}


@pytest.fixture(scope="module")
def said():
    """Sentences of each table, from its notes and warnings."""
    found = {}
    for name, make in TABLES.items():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", DominantPatientWarning)
            frame = make()
        found[name] = [*frame.attrs["notes"], *(str(each.message) for each in caught)]
    return found


@pytest.mark.parametrize("sentence", SENTENCES)
def test_each_sentence_is_said_of_the_tables_of_which_it_is_true(sentence, said):
    assert TRUE_OF.keys() == SENTENCES.keys()
    start = SENTENCES[sentence].split("{")[0]
    for table in TABLES:
        expected = table in TRUE_OF[sentence]
        assert any(each.startswith(start) for each in said[table]) == expected, table


def test_nothing_else_is_said(said):
    starts = tuple(template.split("{")[0] for template in SENTENCES.values())
    assert all(each.startswith(starts) for sentences in said.values() for each in sentences)


def test_numbers_are_filled_in(said):
    assert "Each of the 16 figures" in " ".join(said["one fit"])
    assert "in 5 of 100 data sets" in " ".join(said["one fit"])
    assert "over 3 fits" in " ".join(said["three fits"])
    assert "31 of the 60 images" in " ".join(said["one patient with most"])
    for direction, least, most in (("low", 2, np.inf), ("high", 0, 0.5)):
        text = " ".join(said[f"probabilities too {direction}"])
        times = re.search(rf"too {direction}: the odds of being positive are (\S+) times", text)
        assert least < float(times[1]) < most
