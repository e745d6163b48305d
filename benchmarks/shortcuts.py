"""Measure whether the audit finds planted shortcuts, and no others.

For each seed, synthetic X-rays are drawn: without a shortcut, and with one of each kind that
`make_chest_xray` plants. The audit of each must name the planted source, or none if there is none.

    python benchmarks/shortcuts.py --seeds 20

With a folder of images, it prints the measures of the audit there instead, and its time.

    python benchmarks/shortcuts.py chest_xray
"""

import argparse
import platform
import tempfile
import time
from typing import Any

from skpneumo import load_chest_xray, make_chest_xray
from skpneumo.audit import ImageAudit, _audit, audit_images
from skpneumo.audit._shortcuts import measure_shortcuts, source_of

# The sources of which one must be found.
PLANTED = {
    "ratio": {"width over height"},
    "text": {"upper right corner"},
    "border": {"outer tenth"},
    "exposure": {"mean grey level"},
    "device": {"device in the header", "JPEG tables"},
}


def found_in(audit: ImageAudit) -> set[str]:
    details = audit.findings.loc[audit.findings["kind"].eq("shortcut"), "detail"]
    return {source_of(detail) for detail in details}


def of_synthetic(n_seeds: int, n_patients: int) -> None:
    hits = dict.fromkeys(["none", *PLANTED], 0)
    for seed in range(n_seeds):
        for kind in hits:
            with tempfile.TemporaryDirectory() as folder:
                xrays = make_chest_xray(
                    folder,
                    n_patients=n_patients,
                    images_per_patient=1,
                    weights=(0.5, 0.3, 0.2),
                    size=(72, 110),
                    shortcuts=() if kind == "none" else kind,
                    random_state=seed,
                )
                audit = audit_images(
                    xrays.filenames, xrays.target, xrays.split, near_duplicates=False
                )
            found = found_in(audit)
            # All names of the planted source, because none of them is found by chance.
            hits[kind] += not found if kind == "none" else PLANTED[kind] <= found
            print(
                f"seed {seed}, planted {kind}: {', '.join(sorted(found)) or 'nothing'}", flush=True
            )
    print(f"\n| planted | to be found | right, of {n_seeds} seeds |\n| --- | --- | --- |")
    for kind, n in hits.items():
        named = ", ".join(sorted(PLANTED.get(kind, {"nothing"})))
        print(f"| {kind} | {named} | {n} |", flush=True)


def of_folder(folder: str, n_jobs: int) -> None:
    xrays = load_chest_xray(folder)
    seconds = []

    def timed(*arguments: Any) -> Any:
        begin = time.perf_counter()
        result = measure_shortcuts(*arguments)
        seconds.append(time.perf_counter() - begin)
        return result

    _audit.measure_shortcuts = timed
    begin = time.perf_counter()
    audit = audit_images(
        xrays.filenames, xrays.target, xrays.split, near_duplicates=False, n_jobs=n_jobs
    )
    wall = time.perf_counter() - begin
    found = found_in(audit)
    print(
        "| source | AUC | by chance | may be disease | finding |\n| --- | --- | --- | --- | --- |"
    )
    for row in audit.shortcuts.itertuples():
        print(
            f"| {row.source} | {row.auc:.3f} [{row.auc_low:.3f}, {row.auc_high:.3f}] "
            f"| {row.chance_low:.3f} to {row.chance_high:.3f} "
            f"| {'yes' if row.may_be_disease else 'no'} | {'yes' if row.source in found else ''} |"
        )
    n = audit.shortcuts.iloc[0]
    print(
        f"\n{n.n_images + n.n_others} images of {n.n_patients + n.n_other_patients} patients; "
        f"{wall:.0f} s, of them {seconds[0]:.0f} s for the shortcuts, on "
        f"{platform.processor() or platform.machine()}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", help="images to audit; by default synthetic ones")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--patients", type=int, default=80)
    parser.add_argument("--jobs", type=int, default=-1)
    options = parser.parse_args()
    if options.folder:
        of_folder(options.folder, options.jobs)
    else:
        of_synthetic(options.seeds, options.patients)
