"""Compare the time to decode DICOM files with pydicom alone.

    python benchmarks/dicom.py originals

pydicom alone means ``pixel_array``, ``apply_modality_lut`` and ``apply_voi_lut``, inverted for
MONOCHROME1, scaled to 8 bits and resized with Pillow, in as many threads. The files are made from
the JPEGs of the folder: unchanged (JPEG baseline), and as 12 bits with a window, uncompressed,
run-length encoded and in lossless JPEG 2000. Imports are not counted. The files are in the
system's file cache already.
"""

import argparse
import tempfile
import time
from io import BytesIO
from pathlib import Path
from typing import Any

from side_by_side import Row, in_turns, main, ratio, run, seconds

SIZE = 128
KINDS = {
    "JPEG": "JPEG baseline, 8 bits",
    "native": "uncompressed, 12 bits, window",
    "RLE": "run-length encoded, 12 bits, window",
    "JPEG2000": "lossless JPEG 2000, 12 bits, window",
}


def ours(paths: list[str], threads: int) -> float:
    from skpneumo import ImageLoader

    loader = ImageLoader(size=SIZE, cache=False, n_jobs=threads)
    loader.transform(paths[:1])  # which imports pydicom and its plugins
    return timed(lambda: loader.transform(paths)[..., 0])


def pydicom_alone(paths: list[str], threads: int) -> float:
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np
    from PIL import Image
    from pydicom import dcmread
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    def decode(path: str) -> Any:
        ds = dcmread(path)
        pixels = apply_voi_lut(apply_modality_lut(ds.pixel_array, ds), ds).astype(np.float32)
        pixels *= 255 / (2**ds.BitsStored - 1)
        if ds.PhotometricInterpretation == "MONOCHROME1":
            pixels = 255 - pixels
        image = Image.fromarray(pixels.astype(np.uint8))
        return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BILINEAR))

    decode(paths[0])
    with ThreadPoolExecutor(threads) as pool:
        return timed(lambda: np.stack(list(pool.map(decode, paths))))


def timed(load: Any) -> float:
    begin = time.perf_counter()
    images = load()
    elapsed = time.perf_counter() - begin
    # Readers with other results are not compared.
    assert images.shape[1:] == (SIZE, SIZE), images.shape
    assert 30 < images.mean() < 220, images.mean()
    return elapsed


def write(kind: str, source: Path, path: Path) -> str:
    """Write an X-ray as DICOM."""
    import numpy as np
    from PIL import Image
    from pydicom import uid
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate

    grey = Image.open(source).convert("L")
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.SOPClassUID, ds.SOPInstanceUID = uid.DigitalXRayImageStorageForPresentation, "1.2.3"
    ds.Modality, ds.PhotometricInterpretation, ds.SamplesPerPixel = "DX", "MONOCHROME2", 1
    ds.Columns, ds.Rows = grey.size
    ds.PixelRepresentation = 0
    if kind == "JPEG":
        ds.file_meta.TransferSyntaxUID = uid.JPEGBaseline8Bit
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8, 8, 7
        frame = BytesIO()
        grey.save(frame, "JPEG", quality=90)
        ds.PixelData = encapsulate([frame.getvalue()])
    else:
        ds.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
        ds.WindowCenter, ds.WindowWidth = 2048, 3800
        noise = np.random.default_rng(0).integers(0, 16, np.asarray(grey).shape, np.uint16)
        ds.PixelData = (np.asarray(grey, np.uint16) * 16 + noise).tobytes()
        ds["PixelData"].VR = "OW"
        if kind != "native":
            syntax = uid.RLELossless if kind == "RLE" else uid.JPEG2000Lossless
            ds.compress(syntax, encoding_plugin="pylibjpeg")
    ds.save_as(path, enforce_file_format=True)
    return str(path)


def measure(options: argparse.Namespace) -> list[Row]:
    sources = sorted(options.originals.rglob("*.jp*g"))[: options.images]
    if not sources:
        raise FileNotFoundError(f"There is no JPEG in {options.originals}.")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, described in KINDS.items():
            paths = [
                write(kind, source, Path(folder) / f"{kind}{i}.dcm")
                for i, source in enumerate(sources)
            ]
            job = {"paths": paths, "threads": options.threads}
            times = in_turns(
                options.repeat,
                {
                    f"{kind}: skpneumo": lambda _, job=job: run(ours, **job),
                    f"{kind}: pydicom": lambda _, job=job: run(pydicom_alone, **job),
                },
            )
            mine, theirs = times.values()
            rows.append(
                Row(
                    f"{len(paths)} DICOM files to {SIZE} px: {described}",
                    seconds(mine),
                    f"pydicom alone: {seconds(theirs)}",
                    ratio(theirs, mine),
                    "",
                )
            )
    return rows


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("originals", type=Path, help="folder of full-size JPEGs")
    arguments.add_argument("--images", type=int, default=60)
    arguments.add_argument("--threads", type=int, default=2)
    main(__doc__, measure, (ours, pydicom_alone), arguments, repeat=5)
