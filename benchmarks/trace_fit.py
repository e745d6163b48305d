"""List the files of this package that a fit enters, in order.

Traces ``Pipeline.fit(paths, y)`` of an ImageLoader and a CNNClassifier with early stopping, in all
threads, and prints each file of the package with the first function that is entered; then how
often a network is built, and whether scikeras is used in the fit. Fails if a reader has more to
follow than the limits allow.

    python benchmarks/trace_fit.py
"""

import argparse
import sys
import threading
from pathlib import Path

from skpneumo import CNNClassifier, ImageLoader, make_chest_xray, make_pipeline

PACKAGE = Path(sys.modules["skpneumo"].__file__).parent
BUILDERS = {"build_cnn", "build_pretrained", "build_features", "build_head"}


class Trace:
    """Records the files that are entered while a function runs."""

    def __init__(self) -> None:
        self.entered: dict[str, str] = {}
        self.n_builds = 0
        self.through_scikeras = False

    def __call__(self, frame, event, argument) -> None:
        """Record an event of ``sys.setprofile``."""
        if event != "call":
            return
        file, function = Path(frame.f_code.co_filename), frame.f_code.co_name
        if PACKAGE in file.parents:
            self.entered.setdefault(file.relative_to(PACKAGE).as_posix(), function)
            self.n_builds += function in BUILDERS
        self.through_scikeras |= "scikeras" in file.parts

    def run(self, function, *arguments) -> None:
        """Call a function, traced in this thread and in threads that it starts."""
        threading.setprofile(self)
        sys.setprofile(self)
        try:
            function(*arguments)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)


def main() -> int:
    """Trace a fit, print its files, and compare them with the limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=24, help="files at most")
    options = parser.parse_args()
    xrays = make_chest_xray(n_patients=12, random_state=0)
    cnn = CNNClassifier(filters=(4, 8), epochs=3, early_stopping=True, random_state=0)
    trace = Trace()
    trace.run(make_pipeline(ImageLoader(size=32), cnn).fit, xrays.filenames, xrays.target)
    for i, (file, function) in enumerate(trace.entered.items(), start=1):
        print(f"{i:3} {file:45} {function}")
    print(f"{len(trace.entered)} files, at most {options.limit}")
    print(f"{trace.n_builds} builds of the network, at most 1")
    print(f"scikeras between fit and step: {'yes' if trace.through_scikeras else 'no'}")
    within = len(trace.entered) <= options.limit and trace.n_builds <= 1
    return 0 if within and not trace.through_scikeras else 1


if __name__ == "__main__":
    sys.exit(main())
