"""Measure how often each interval contains the truth on clustered data.

Each cell defines how patients are drawn: their number, how similar their images are (intraclass
correlation), how many have pneumonia, and how good two models are. A patient has 1 to 5 images; in
the last cells one patient has 60 of 100. The models' scores are normal with a part that is the
patient's and one that is the image's, and the errors of the two models correlate at 0.7. Model A
has the right probabilities, model B has too extreme ones. The truth is computed once, from 400,000
independent images. For each cell, 500 data sets are drawn and evaluated, and it is counted how
often each interval contains the truth::

    nice -n 10 python benchmarks/coverage.py --results coverage.jsonl --log coverage.log

Each completed cell is a line of the file of results; when restarted, the program continues after
the last one. ``--table`` prints the table of the guide, and ``--write PAGE`` writes it between its
two marks on the page.
"""

import argparse
import json
import time
import warnings
from collections import defaultdict
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, logit
from scipy.stats import binomtest, norm

from skpneumo._predictions import Predictions
from skpneumo.evaluation._differences import DIFFERENCE_METRICS, estimate_differences
from skpneumo.evaluation._dominance import DominantPatientWarning
from skpneumo.evaluation._estimate import Settings
from skpneumo.evaluation._metric_estimates import METRICS, estimate_metrics
from skpneumo.evaluation._prevalence import estimate_at_prevalence

LEVEL = 0.95
N_DATA_SETS = 500
N_RESAMPLES = 200  # draws for the calibration error: its spread to 5 %
ELSEWHERE = 0.05  # the stated prevalence
SHARED = 0.7  # correlation of the errors of the two models
TOO_EXTREME = 1.5  # slope of model B's logits
NOT_INTERVALS = {"ece_by_chance"}
MARKS = "<!-- coverage: start -->", "<!-- coverage: end -->"


class Cell(NamedTuple):
    """Parameters of simulated data sets."""

    n_patients: int
    correlation: float
    prevalence: float
    auc_a: float
    auc_b: float
    dominated: bool = False

    @property
    def name(self) -> str:
        """Name of the cell in the results."""
        return json.dumps(list(self))


GOOD, NEAR_1 = (0.90, 0.87), (0.995, 0.985)
CELLS = [
    Cell(n, icc, prevalence, *aucs)
    for n, icc, prevalence, aucs in product(
        (30, 100, 400), (0.0, 0.4, 0.8), (0.25, 0.5, 0.75), (GOOD, NEAR_1)
    )
] + [Cell(41, icc, 0.5, *aucs, True) for icc in (0.0, 0.4, 0.8) for aucs in (GOOD, NEAR_1)]


def draw(rng: np.random.Generator, cell: Cell, sizes: np.ndarray) -> tuple[Predictions, ...]:
    """Draw predictions of both models for the images of one patient for each size."""
    patient = np.repeat(np.arange(len(sizes)), sizes)
    positive = (rng.random(len(sizes)) < cell.prevalence)[patient]
    both = []
    shared = rng.normal(size=len(sizes)), rng.normal(size=len(patient))
    for auc, slope in ((cell.auc_a, 1.0), (cell.auc_b, TOO_EXTREME)):
        own = rng.normal(size=len(sizes)), rng.normal(size=len(patient))
        of_patient, of_image = (
            np.sqrt(SHARED) * s + np.sqrt(1 - SHARED) * o for s, o in zip(shared, own, strict=True)
        )
        distance = np.sqrt(2) * norm.ppf(auc)
        score = distance * positive + np.sqrt(cell.correlation) * of_patient[patient]
        score += np.sqrt(1 - cell.correlation) * of_image
        right = distance * (score - distance / 2) + logit(cell.prevalence)
        probability = expit(slope * right)
        both.append(
            Predictions(positive, probability >= 0.5, probability, patient, None, 1, None, True)
        )
    return tuple(both)


def sizes_of(rng: np.random.Generator, cell: Cell) -> np.ndarray:
    """Draw the number of images of each patient."""
    if cell.dominated:
        return np.array([60] + [1] * (cell.n_patients - 1))
    return rng.integers(1, 6, cell.n_patients)


@cache
def true_values(prevalence: float, aucs: tuple[float, float]) -> list[dict[str, float]]:
    """Compute every metric of both models in the population."""
    cell = Cell(0, 0.0, prevalence, *aucs)
    models = draw(np.random.default_rng(0), cell, np.ones(400_000, dtype=int))
    metrics = [metric for metric in METRICS if metric != "calibration_slope"]
    found = []
    for model, slope in zip(models, (1.0, TOO_EXTREME), strict=True):
        settings = Settings(LEVEL, 2, 10, np.random.RandomState(0))
        values = {each.metric: each.value for each in estimate_metrics(model, metrics, settings)}
        values |= {
            each.metric: each.value
            for each in estimate_at_prevalence(model, ELSEWHERE, ELSEWHERE, LEVEL)
        }
        # Known exactly, while in a sample the error of right probabilities is not exactly 0.
        values["calibration_slope"] = 1 / slope
        if slope == 1:
            values |= {"calibration_intercept": 0.0, "ece": 0.0}
        found.append(values)
    return found


def count(cell: Cell, n_data_sets: int) -> dict[str, list[float]]:
    """Count how often each interval exists and contains the truth, and compute its mean width."""
    rng = np.random.default_rng([int(1e6 * each) for each in cell])
    truth_a, truth_b = true_values(cell.prevalence, (cell.auc_a, cell.auc_b))
    found: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0.0])

    def note(name: str, low: float, high: float, truth: float) -> None:
        if np.isnan(low):
            return  # undefined in this data set
        row = found[name]
        row[0] += 1
        row[1] += bool(low - 1e-9 <= truth <= high + 1e-9)
        row[2] += min(high - low, 1e3)

    for _ in range(n_data_sets):
        a, b = draw(rng, cell, sizes_of(rng, cell))
        settings = Settings(LEVEL, N_RESAMPLES, 10, np.random.RandomState(rng.integers(2**31)))
        for model, truth in ((a, truth_a), (b, truth_b)):
            rows = estimate_metrics(model, METRICS, settings)
            if a.positive.any() and not a.positive.all():
                rows += estimate_at_prevalence(model, ELSEWHERE, ELSEWHERE, LEVEL)
            for each in rows:
                if each.metric not in NOT_INTERVALS:
                    note(each.metric, each.low, each.high, truth[each.metric])
        for each in estimate_differences(a, b, DIFFERENCE_METRICS, LEVEL):
            metric = each.metric
            note(f"difference of {metric}", each.low, each.high, truth_a[metric] - truth_b[metric])
    return found


def run(path: Path, log: Path | None, n_data_sets: int) -> None:
    """Simulate the cells that are missing in the file of results."""
    warnings.simplefilter("ignore", DominantPatientWarning)
    done = {json.dumps(line["cell"]) for line in read(path)}
    for i, cell in enumerate(sorted(CELLS)):  # small, fast ones first
        if cell.name in done:
            continue
        start = time.perf_counter()
        line = {"cell": list(cell), "n_data_sets": n_data_sets, "found": count(cell, n_data_sets)}
        with path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        if log is not None:
            with log.open("a") as file:
                took = time.perf_counter() - start
                file.write(f"{i + 1} of {len(CELLS)}: {cell.name} in {took:.0f} s\n")


def read(path: Path) -> list[dict[str, Any]]:
    """Read the completed cells, without an incomplete line."""
    lines = path.read_text().splitlines() if path.exists() else []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


def table(lines: list[dict[str, Any]]) -> str:
    """Make a table of the mean, smallest and largest coverage of each interval."""
    columns = {
        "30 patients": lambda cell: cell.n_patients == 30,
        "100": lambda cell: cell.n_patients == 100,
        "400": lambda cell: cell.n_patients == 400,
        "one with 60 of 100 images": lambda cell: cell.dominated,
    }
    names = list(dict.fromkeys(name for line in lines for name in line["found"]))
    rows = ["| interval | " + " | ".join(columns) + " | least, and where |"]
    rows.append("|---" * (len(columns) + 2) + "|")
    for name in names:
        counts = {
            Cell(*line["cell"]): line["found"][name] for line in lines if name in line["found"]
        }
        entries = []
        for chosen in columns.values():
            shares = [hits / n for cell, (n, hits, _) in counts.items() if chosen(cell)]
            entries.append(f"{min(shares):.3f} to {max(shares):.3f}" if shares else "")
        cell, (n, hits, _) = min(counts.items(), key=lambda item: item[1][1] / item[1][0])
        interval = binomtest(int(hits), int(n)).proportion_ci(0.95, method="wilson")
        where = (
            "one patient with 60 of 100 images"
            if cell.dominated
            else (f"{cell.n_patients} patients")
        )
        least = (
            f"{hits / n:.3f} [{interval.low:.3f}, {interval.high:.3f}]: {where}, correlation "
            f"{cell.correlation:g}, prevalence {cell.prevalence:g}, AUC {cell.auc_a:g} and "
            f"{cell.auc_b:g}"
        )
        rows.append(f"| {name.replace('_', ' ')} | " + " | ".join(entries) + f" | {least} |")
    done = f"{len(lines)} of the {len(CELLS)} cells are in this table."
    return "\n".join([done, "", *rows])


def write(page: Path, text: str) -> None:
    """Write the table between its two marks."""
    start, end = MARKS
    before, rest = page.read_text(encoding="utf-8").split(start)
    after = rest.split(end)[1]
    page.write_text(f"{before}{start}\n{text}\n{end}{after}", encoding="utf-8")


def main() -> None:
    """Simulate, print or write, depending on the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("coverage.jsonl"))
    parser.add_argument("--log", type=Path)
    parser.add_argument("--data-sets", type=int, default=N_DATA_SETS)
    parser.add_argument("--table", action="store_true", help="print the table, simulate nothing")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the table to a page")
    arguments = parser.parse_args()
    if not (arguments.table or arguments.write):
        run(arguments.results, arguments.log, arguments.data_sets)
    text = table(read(arguments.results))
    if arguments.write:
        write(arguments.write, text)
    else:
        print(text)


if __name__ == "__main__":
    main()
