"""Measure the installed size of the package with its dependencies, and of each extra.

    python benchmarks/install_size.py

The sizes are those of the current environment, which must have the extras (`.[test]` has them).
Files are counted as installed, with their bytecode. The size of an extra is what it adds to the
package without extras, so two extras can count the same library.
"""

from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def needed(name: str, extra: str = "", found: dict[str, int] | None = None) -> dict[str, int]:
    """Get the bytes of a distribution and of all its requirements, by name."""
    found = {} if found is None else found
    try:
        installed = distribution(name)
    except PackageNotFoundError as error:
        raise SystemExit(f"{name} is not installed here; install the package with it.") from error
    key = canonicalize_name(name)
    if key in found and not extra:
        return found
    found[key] = sum(
        path.stat().st_size
        for path in (file.locate() for file in installed.files or ())
        if path.is_file()
    )
    for text in installed.requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or marker.evaluate({"extra": extra}):
            for each in requirement.extras or {""}:
                needed(requirement.name, each, found)
    return found


def main() -> None:
    base = needed("skpneumo")
    total = sum(base.values())
    print(f"without extras: {len(base)} packages, {total / 1e9:.1f} GB; the largest:")
    for name, size in sorted(base.items(), key=lambda item: -item[1])[:4]:
        print(f"  {name}: {size / 1e9:.2f} GB")
    for extra in distribution("skpneumo").metadata.get_all("Provides-Extra"):
        added = {n: s for n, s in needed("skpneumo", extra).items() if n not in base}
        print(f"[{extra}]: {len(added)} more packages, {sum(added.values()) / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
