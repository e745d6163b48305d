"""Damage image files, and count those that ImageLoader rejects, loads correctly or loads wrongly.

    python benchmarks/damaged_files.py --files 10000 --originals FOLDER

Each file is one of the originals, if a folder of JPEGs is given, or a synthetic radiograph in one
of several formats, with damage at a random position. An image is "wrong" if more than 5 % of its
pixels differ by more than 8 grey levels from the undamaged file; others that load are "right". The
damage is seeded, and limited by the number of files and by `--minutes`.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skpneumo.datasets import make_chest_xray
from skpneumo.loading import ImageLoader, UnreadableImagesError

SIZE = 128
OFF_BY = 8
SHARE = 0.05

# End marks after the pixels of formats that have one.
END = {"JPEG": b"\xff\xd9", "PNG": b"\0\0\0\0IEND\xaeB`\x82", "TIFF": b""}
# Never damages the signature, without which the file has another format.
SIGNATURE = 16

FORMATS = {
    "JPEG": ("JPEG", {"quality": 90}),
    "JPEG, intervals": ("JPEG", {"quality": 90, "restart_marker_rows": 1}),
    "JPEG, progressive": ("JPEG", {"quality": 90, "progressive": True}),
    "JPEG, colour": ("JPEG", {"quality": 85}),
    "PNG": ("PNG", {}),
    "PNG, 16 bits": ("PNG", {}),
    "TIFF": ("TIFF", {}),
    "TIFF, deflated": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "TIFF, LZW": ("TIFF", {"compression": "tiff_lzw"}),
    "TIFF, JPEG": ("TIFF", {"compression": "jpeg", "quality": 90}),
}

Rng = np.random.Generator


def truncate(data: bytes, end: bytes, rng: Rng) -> bytes:
    return data[: _place(data, rng)]


def truncate_and_end(data: bytes, end: bytes, rng: Rng) -> bytes:
    return data[: _place(data, rng)] + end


def zero_tail(data: bytes, end: bytes, rng: Rng) -> bytes:
    place = _place(data, rng)
    return data[:place] + bytes(len(data) - place)


def zero_tail_and_end(data: bytes, end: bytes, rng: Rng) -> bytes:
    place = _place(data, rng)
    return data[:place] + bytes(max(0, len(data) - place - len(end))) + end


def zero_block(data: bytes, end: bytes, rng: Rng) -> bytes:
    place, length = _block(data, rng)
    return data[:place] + bytes(length) + data[place + length :]


def remove_block(data: bytes, end: bytes, rng: Rng) -> bytes:
    place, length = _block(data, rng)
    return data[:place] + data[place + length :]


def repeat_block(data: bytes, end: bytes, rng: Rng) -> bytes:
    place, length = _block(data, rng)
    return data[: place + length] + data[place:]


def overwrite_block(data: bytes, end: bytes, rng: Rng) -> bytes:
    place, length = _block(data, rng)
    return data[:place] + rng.bytes(length) + data[place + length :]


def change_bytes(data: bytes, end: bytes, rng: Rng) -> bytes:
    damaged = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        place = _place(data, rng)
        damaged[place] ^= int(rng.integers(1, 256))
    return bytes(damaged)


DAMAGES: dict[str, Callable[[bytes, bytes, Rng], bytes]] = {
    "truncated": truncate,
    "truncated, end mark": truncate_and_end,
    "tail zeroed": zero_tail,
    "tail zeroed, end mark": zero_tail_and_end,
    "block zeroed": zero_block,
    "block removed": remove_block,
    "block repeated": repeat_block,
    "block overwritten": overwrite_block,
    "1 to 8 bytes changed": change_bytes,
}


def _place(data: bytes, rng: Rng) -> int:
    return int(rng.integers(min(SIGNATURE, len(data) - 1), len(data)))


def _block(data: bytes, rng: Rng) -> tuple[int, int]:
    place = _place(data, rng)
    return place, min(int(2 ** rng.uniform(2, 12)), len(data) - place)


def synthetic(folder: str, n: int) -> Iterator[tuple[str, str, bytes]]:
    """Yield n radiographs in each format: its name, Pillow's format and the file."""
    xrays = make_chest_xray(folder, n_patients=max(6, n), size=320, random_state=0)
    for path in xrays.filenames[:n]:
        with Image.open(path) as opened:
            grey = opened.convert("L")
        for name, (kind, options) in FORMATS.items():
            image = grey
            if name.endswith("colour"):
                image = Image.merge(
                    "RGB", [grey.point(lambda v, k=k: v * k // 9) for k in (9, 7, 5)]
                )
            if name.endswith("16 bits"):
                image = Image.fromarray(np.asarray(grey, np.uint16) * 257)
            file = BytesIO()
            image.save(file, kind, **options)
            yield name, kind, file.getvalue()


def load(path: Path, data: bytes, size: int = SIZE) -> NDArray[np.int16] | None:
    """Write the file and load it; None if it is rejected."""
    path.write_bytes(data)
    try:
        (image,) = ImageLoader(size=size, cache=False).transform([path])
    except UnreadableImagesError:
        return None
    return np.asarray(image, np.int16)


def outcome(image: NDArray[np.int16] | None, right: NDArray[np.int16]) -> str:
    if image is None:
        return "refused"
    return "wrong" if np.mean(abs(image - right) > OFF_BY) > SHARE else "right"


def fuzz(
    sources: list[tuple[str, str, bytes]],
    n_files: int,
    seed: int = 0,
    size: int = SIZE,
    seconds: float = float("inf"),
) -> Counter[tuple[str, str, str]]:
    """Damage n files and count (name of the format, damage, outcome)."""
    rng = np.random.default_rng(seed)
    counts: Counter[tuple[str, str, str]] = Counter()
    right: dict[int, NDArray[np.int16] | None] = {}
    until = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "damaged")
        for i in range(n_files):
            if time.monotonic() > until:
                break
            source = int(rng.integers(len(sources)))
            name, kind, data = sources[source]
            if source not in right:
                right[source] = load(path, data, size)
            expected = right[source]
            if expected is None:
                raise RuntimeError(f"undamaged {name} number {source} is refused")
            damage = list(DAMAGES)[i % len(DAMAGES)]
            damaged = DAMAGES[damage](data, END[kind], rng)
            if damaged != data:
                counts[name, damage, outcome(load(path, damaged, size), expected)] += 1
    return counts


def table(counts: Counter[tuple[str, str, str]]) -> str:
    """Make a table of the counts in Markdown, with sums over all formats of a kind."""
    kinds = {name: name.split(",")[0] for name, *_ in counts}
    lines = [
        "| format | damage | files | refused | loaded right | loaded wrong |",
        "|---|---|--|--|--|--|",
    ]

    def add(name: str, damage: str, chosen: Callable[[str, str], bool]) -> None:
        n = {
            result: sum(c for (a, b, r), c in counts.items() if r == result and chosen(a, b))
            for result in ("refused", "right", "wrong")
        }
        total = sum(n.values())
        if total:
            share = f"{n['wrong']} ({n['wrong'] / total:.1%})"
            lines.append(
                f"| {name} | {damage} | {total} | {n['refused']} | {n['right']} | {share} |"
            )

    for kind in sorted(set(kinds.values())):
        for damage in DAMAGES:
            add(kind, damage, lambda a, b, k=kind, d=damage: kinds[a] == k and b == d)
        add(kind, "all", lambda a, b, k=kind: kinds[a] == k)
    for name in sorted(kinds):
        add(name, "all", lambda a, b, n=name: a == n)
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000, help="how many to damage")
    parser.add_argument("--originals", type=Path, help="a folder of JPEGs")
    parser.add_argument("--most", type=int, default=100, help="of these")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sources = list(synthetic(folder, 6))
    if arguments.originals:
        paths = sorted(arguments.originals.rglob("*.jp*g"))[: arguments.most]
        sources += [("JPEG, originals", "JPEG", path.read_bytes()) for path in paths]
    begin = time.monotonic()
    counts = fuzz(sources, arguments.files, arguments.seed, seconds=60 * arguments.minutes)
    print(table(counts))
    print(f"\n{sum(counts.values())} files in {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
