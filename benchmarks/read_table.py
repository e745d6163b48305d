"""Read, split and audit for patients a table as long as that of NIH ChestX-ray14.

112,120 rows of synthetic names and patients in that naming scheme, with empty files; no image is
opened. The output is processor seconds, which do not depend on other load, and clock seconds.

    python benchmarks/read_table.py
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from skpneumo import audit_images, load_image_table, patient_train_test_split

N_ROWS, N_PATIENTS, N_FOLDERS = 112_120, 30_805, 12


def write_collection(root: Path) -> Path:
    """Write the files and the table."""
    rng = np.random.default_rng(0)
    patients = np.sort(rng.integers(1, N_PATIENTS + 1, N_ROWS))
    names = [f"{patient:08d}_{i % 1000:03d}.png" for i, patient in enumerate(patients)]
    for folder in range(N_FOLDERS):
        (root / f"images_{folder + 1:03d}" / "images").mkdir(parents=True)
    for i, name in enumerate(names):
        (root / f"images_{i * N_FOLDERS // N_ROWS + 1:03d}" / "images" / name).touch()
    findings = rng.choice(["No Finding", "Effusion|Pneumonia", "Mass"], N_ROWS)
    table = root / "table.csv"
    pd.DataFrame(
        {"Image Index": names, "Finding Labels": findings, "Patient ID": patients}
    ).to_csv(table, index=False)
    return table


def now() -> tuple[float, float]:
    """Get processor seconds of this process, and clock seconds."""
    return time.process_time(), time.perf_counter()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        table = write_collection(Path(folder))
        times = [now()]
        xrays = load_image_table(
            table,
            path="Image Index",
            label="Finding Labels",
            patient="Patient ID",
            positive="Pneumonia",
        )
        times.append(now())
        rows = np.arange(N_ROWS)
        _, test, _, _ = patient_train_test_split(
            rows, xrays.target, groups=xrays.groups, random_state=0
        )
        times.append(now())
        split = np.where(np.isin(rows, test), "test", "train")
        audit = audit_images(xrays.X, xrays.target, split, groups=xrays.groups, open_files=False)
        times.append(now())
    assert not audit.findings["kind"].eq("patient_across_splits").any()
    steps = np.diff(times, axis=0)
    for step, (processor, clock) in zip(
        ("read", "split", "audit", "all"), [*steps, steps.sum(axis=0)], strict=True
    ):
        print(f"{step:6}{processor:6.1f} s of the processor,{clock:6.1f} s of the clock")


if __name__ == "__main__":
    main()
