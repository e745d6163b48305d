"""A model file records its training images and patients without revealing their names."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skpneumo.cli._collections import rows_of
from skpneumo.cli._training_record import TrainingRecord, _hashed


def record_of(xrays, rows):
    return TrainingRecord.of(rows_of(xrays, rows), n_updates=5, hold_out=0.2, useless="")


def test_images_and_patients_are_recognised_under_other_names(xrays, tmp_path):
    train = xrays.split == "train"
    record = record_of(xrays, train)
    for part, expected in ((train, True), (xrays.split == "test", False)):
        found = record.seen(xrays.filenames[part], xrays.X["patient"][part])
        assert (found.image == expected).all()
        assert (found.patient == expected).all()
    copy = shutil.copy(xrays.filenames[train][0], tmp_path / "renamed.jpeg")
    found = record.seen([str(copy)], None)
    assert (found.image.tolist(), found.patient.tolist()) == ([True], [False])
    other_image = pd.Series([xrays.groups[train][0]])
    found = record.seen([str(tmp_path / "nowhere.jpeg")], other_image)
    assert (found.image.tolist(), found.patient.tolist()) == ([False], [True])
    assert found.either.tolist() == [True]


def test_unknown_patients_never_match(xrays):
    unknown = rows_of(xrays, np.arange(4))
    unknown.X["patient"] = None
    record = TrainingRecord.of(unknown, n_updates=1, hold_out=0, useless="")
    assert record.patients == []
    assert not record.seen(["x"], pd.Series([None])).either.any()
    # Whether a patient was among them cannot be told, neither of one who is known nor of others.
    assert record.seen(["x", "y"], pd.Series(["ann", None])).unknown.all()
    known = record_of(xrays, np.arange(4))
    assert known.seen(["x", "y"], pd.Series(["ann", None])).unknown.tolist() == [False, True]
    assert known.seen(["x"], None).unknown.all()


def test_the_record_contains_no_names_and_is_reproducible(xrays):
    rows = np.arange(10)
    record = record_of(xrays, rows)
    text = json.dumps(record.as_dict())
    for name in [*xrays.groups[rows], *(Path(path).name for path in xrays.filenames[rows])]:
        assert str(name) not in text
    assert TrainingRecord.from_dict(json.loads(text)) == record == record_of(xrays, rows)
    assert TrainingRecord.from_dict({}) is None


def test_records_of_two_models_do_not_reveal_shared_patients(xrays):
    first, second = record_of(xrays, np.arange(10)), record_of(xrays, np.arange(11))
    assert not set(first.patients) & set(second.patients)
    assert not set(first.images) & set(second.images)


def test_patients_are_recognised_as_other_tables_write_them(xrays):
    train = rows_of(xrays, np.arange(2))
    train.X["patient"] = ["007", "P-1"]
    record = TrainingRecord.of(train, n_updates=1, hold_out=0, useless="")
    written = pd.Series(["7", "p 1", "7.0", "70", "P1"])
    assert record.seen(["x"] * 5, written).patient.tolist() == [True, True, True, False, False]


def test_a_record_with_names_as_they_are_is_read(xrays):
    record = record_of(xrays, np.arange(4))
    name = "normal-IM-0115"
    old = replace(record, patients=[_hashed(name, record.salt)])
    assert old.seen(["x"], pd.Series([name])).patient.all()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_and_devices_are_not_opened(xrays, tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.jpeg")
    (tmp_path / "device.jpeg").symlink_to(os.devnull)
    record = record_of(xrays, xrays.split == "train")
    monkeypatch.setattr("builtins.open", lambda *_: pytest.fail("it would wait for a writer"))
    found = record.seen([str(tmp_path / f"{name}.jpeg") for name in ("pipe", "device")], None)
    assert not found.image.any()
