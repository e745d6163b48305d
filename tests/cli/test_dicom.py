"""The commands work on folders of DICOM, and on mixed ones."""

import csv
import io
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from skpneumo.cli import main

from ..loading.dicom_writing import write_dicom


@pytest.fixture
def mixed(xrays, tmp_path):
    """The collection with every other file as DICOM, named with and without a suffix."""
    paths = []
    for i, source in enumerate(xrays.filenames):
        path = tmp_path / "mixed" / os.path.relpath(source, xrays.root)
        path.parent.mkdir(parents=True, exist_ok=True)
        if i % 2:
            shutil.copy(source, path)
        else:
            path = path.with_suffix(".dcm" if i % 4 else "")
            grey = np.asarray(Image.open(source).convert("L"))
            write_dicom(path, 255 - grey, PhotometricInterpretation="MONOCHROME1")
        paths.append(str(path))
    return tmp_path / "mixed", paths


def rows_of(text):
    return {row["path"]: row for row in csv.DictReader(io.StringIO(text))}


def test_predict_has_a_row_for_each_file(model_file, xrays, mixed, capsys):
    root, paths = mixed
    assert main(["predict", str(model_file), *xrays.filenames]) == 0
    expected = rows_of(capsys.readouterr().out)
    cut, tomogram = root / "train/NORMAL/cut.dcm", root / "train/NORMAL/tomogram"
    write_dicom(cut, np.zeros((50, 50), np.uint16))
    cut.write_bytes(cut.read_bytes()[:-500])
    write_dicom(tomogram, np.zeros((50, 50), np.uint16), Modality="CT")
    assert main(["predict", str(model_file), str(root)]) == 1
    rows = rows_of(capsys.readouterr().out)
    assert set(rows) == {*paths, str(cut), str(tomogram)}
    assert "truncated within its pixel data" in rows[str(cut)]["error"]
    assert "of modality CT, not a radiograph" in rows[str(tomogram)]["error"]
    for source, path in zip(xrays.filenames, paths, strict=True):
        assert rows[path]["error"] == ""
        probability = float(rows[path]["probability"])
        # JPEGs are decoded at a part of their size.
        assert probability == pytest.approx(float(expected[source]["probability"]), abs=0.02)


def test_audit_explain_and_report_read_dicom_files(model_file, mixed, tmp_path, capsys):
    root, paths = mixed
    assert main(["audit", str(root)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{len(paths)} images (")
    assert err == ""
    arguments = ["explain", str(model_file), *paths[:2], "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    assert "2 figures" in capsys.readouterr().out
    assert main(["report", str(model_file), str(root), "--out", str(tmp_path / "x.html")]) == 0
