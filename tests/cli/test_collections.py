"""Commands read folders and tables, whole or in part, and report every file."""

import csv
import io
import os
import shutil
import socket
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import joblib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skpneumo import load_model, make_chest_xray
from skpneumo.cli import entrypoint, main
from skpneumo.cli._collections import read_collection, read_training_data
from skpneumo.cli._collections_for_models import OtherPositiveError, read_for
from skpneumo.cli._evaluated_split import read_evaluated_split
from skpneumo.cli._options import FOLDER_ALONE, CollectionOptions
from skpneumo.cli._xray_files import files_to_read

from ..loading.dicom_writing import write_dicom

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")

TINY = ["--recipe", "dense-baseline", "--size", "16", "--epochs", "1"]
READS_NONE = {"cache", "doctor", "export", "serve"}


@pytest.fixture(scope="module")
def table(xrays, tmp_path_factory):
    """A table of the X-rays as of a hospital, with the options to read it."""
    file = tmp_path_factory.mktemp("table") / "list.csv"
    findings = np.where(xrays.target == 1, "Effusion|Pneumonia", "No Finding")
    pd.DataFrame(
        {"file": xrays.filenames, "findings": findings, "case": xrays.groups, "age": 5}
    ).to_csv(file, index=False, sep=";")
    options = ["--path", "file", "--label", "findings", "--patient", "case"]
    return ["--table", str(file), *options, "--positive", "Pneumonia"]


@pytest.mark.parametrize("command", sorted(set(entrypoint.COMMANDS) - READS_NONE))
def test_every_command_that_takes_a_folder_takes_a_table(command, capsys):
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    options = ("table", "path", "label", "patient", "split", "part", "positive", "hold-out")
    for option in (*options, "patient-pattern"):
        assert f"--{option} " in shown


@pytest.mark.filterwarnings("ignore::skpneumo.decision.FewPatientsWarning")
def test_a_model_from_a_table_is_judged_by_the_patients_held_out(table, tmp_path, xrays, capsys):
    model = str(tmp_path / "model.joblib")
    assert main(["fit", *table, "--hold-out", "0.3", "--out", model, *TINY]) == 0
    trained = capsys.readouterr().out
    # What is next is written as it is to be typed.
    assert f"skpneumo report {model} {' '.join(table[:-2])} --hold-out 0.3\n" in trained
    assert joblib.load(model).target_names_ == ["No Finding", "Pneumonia"]
    # What the illness is, the model knows.
    assert main(["evaluate", model, *table[:-2], "--hold-out", "0.3"]) == 0
    judged = capsys.readouterr().out
    assert "recall of Pneumonia" in judged
    n_trained, n_judged = (int(text.split(" X-rays")[0].split()[-1]) for text in (trained, judged))
    assert n_trained + n_judged == len(xrays.target)
    assert main(["predict", model, *table, "--hold-out", "0.3"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == n_judged
    assert {row["label"] for row in rows} <= {"No Finding", "Pneumonia"}
    assert main(["audit", "--model", model, *table[:-2]]) in (0, 3)
    assert "No Finding" in capsys.readouterr().out


def test_rows_of_a_table_become_rows(table, model_file, xrays, capsys):
    assert main(["predict", str(model_file), *table[:4]]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["path"] for row in rows] == xrays.filenames.tolist()
    assert main(["predict", str(model_file), "a.jpeg", "b.jpeg", *table[:4]]) == 1
    assert "name one folder" in capsys.readouterr().err


def test_the_same_share_holds_out_the_same_patients(table, xrays):
    options = CollectionOptions(
        table=Path(table[1]), path="file", label="findings", patient="case",
        positive=("Pneumonia",), hold_out=0.3,
    )  # fmt: skip
    rest, held_out = (
        read_collection(None, options, "train", side) for side in ("rest", "held out")
    )
    assert not set(rest.groups) & set(held_out.groups)
    assert len(rest.target) + len(held_out.target) == len(xrays.target)
    assert rest.X["path"].tolist() == rest.filenames.tolist()
    both = read_collection(None, options, "all", "both")
    assert set(both.filenames[both.split == "test"]) == set(held_out.filenames)


def test_of_a_collection_with_splits_patients_of_the_training_split_are_held_out(xrays):
    rest, held_out, both = (
        read_collection(Path(xrays.root), CollectionOptions(hold_out=0.3), usual, side)
        for usual, side in (("train", "rest"), ("test", "held out"), ("all", "both"))
    )
    assert set(rest.split) == set(held_out.split) == {"train"}
    assert not set(rest.groups) & set(held_out.groups)
    train = set(xrays.filenames[xrays.split == "train"])
    assert set(rest.filenames) | set(held_out.filenames) == set(both.filenames) == train
    assert set(both.filenames[both.split == "test"]) == set(held_out.filenames)


def copies(names, tmp_path, xrays):
    """Make a folder for each name, with images of the negative class in the first."""
    for place, name in enumerate(names):
        (tmp_path / name).mkdir()
        for file in xrays.filenames[xrays.target == int(place > 0)][:12]:
            shutil.copy(file, tmp_path / name)
    return tmp_path


def test_by_default_a_fifth_is_held_out_where_nothing_else_is(tmp_path):
    xrays = make_chest_xray(
        tmp_path / "x", n_patients=60, val_fraction=0, test_fraction=0, random_state=0
    )
    folder = Path(xrays.root) / "train"
    data = read_training_data(folder, FOLDER_ALONE, hold_out_anyway=True)
    assert data.share == 0.2
    assert 0.1 < len(data.held_out.target) / len(xrays.target) < 0.3
    assert not set(data.held_out.groups) & set(data.train.groups)
    again = read_collection(folder, CollectionOptions(hold_out=0.2), "test", "held out")
    assert again.filenames.tolist() == data.held_out.filenames.tolist()
    for options, anyway in ((FOLDER_ALONE, False), (CollectionOptions(hold_out=0.0), True)):
        assert read_training_data(folder, options, hold_out_anyway=anyway).held_out is None
    assert read_training_data(Path(xrays.root), FOLDER_ALONE, hold_out_anyway=True).share == 0


@pytest.mark.parametrize("command", [["fit"], ["tune"]])
def test_folders_that_are_not_classes_are_refused(command, tmp_path, xrays, capsys):
    folder = copies(["NORMAL", "documents"], tmp_path, xrays)
    assert main([*command, str(folder), "--out", str(tmp_path / "m.joblib"), *TINY[2:]]) == 1
    err = capsys.readouterr().err
    assert "'documents' is not a known class" in err
    assert '--positive "documents"' in err
    assert '--leave-out "documents"' in err
    asked_for = CollectionOptions(positive=("documents",))
    assert read_training_data(folder, asked_for).train.target_names == ["NORMAL", "documents"]


def test_a_fraction_that_leaves_no_image_is_refused_by_name(xrays):
    for side in ("rest", "held out", "both"):
        with pytest.raises(
            ValueError, match=r"--hold-out 0\.999 would hold out all of \d+ images"
        ):
            read_collection(Path(xrays.root), CollectionOptions(hold_out=0.999), "train", side)


def test_of_folders_of_other_findings_one_or_several_are_positive(tmp_path, xrays):
    folder = copies(["NORMAL", "Hernia", "Mass"], tmp_path, xrays)
    with pytest.raises(ValueError, match='--positive "Mass", or several of them'):
        read_training_data(folder, FOLDER_ALONE)
    for positive, name in ((("Mass",), "Mass"), (("Mass", "Hernia"), "Hernia or Mass")):
        data = read_training_data(folder, CollectionOptions(positive=positive))
        assert data.train.target_names[1] == name


def test_files_to_predict_need_no_positive_class(tmp_path, xrays):
    folder = copies(["Mass", "Hernia"], tmp_path, xrays)
    for options in (CollectionOptions(hold_out=0.2), CollectionOptions(part="all")):
        listed = list(files_to_read([str(folder)], options))
        assert listed
        assert {Path(file).parent.name for file in listed} == {"Mass", "Hernia"}


def test_files_held_out_to_predict_are_those_to_evaluate(table, tmp_path, xrays):
    """The model knows its positive class, on which the stratified patients depend."""
    folder = copies(["NORMAL", "Hernia", "Mass"], tmp_path, xrays)
    collections = {
        "Pneumonia": (None, CollectionOptions(
            table=Path(table[1]), path="file", label="findings", patient="case", hold_out=0.3,
        )),
        "Mass": (folder, CollectionOptions(hold_out=0.3)),
        "Hernia": (folder, CollectionOptions(hold_out=0.3)),
    }  # fmt: skip
    for positive, (source, options) in collections.items():
        asked = replace(options, positive=(positive,))
        trained_on = read_collection(source, replace(asked, hold_out=None), "all", "both")
        model = SimpleNamespace(target_names_=trained_on.target_names, classes_=np.arange(2))
        files = [] if source is None else [str(source)]
        for given in (options, asked):
            listed = list(files_to_read(files, given, model=model))
            assert listed == list(read_for(model, source, asked, "test", "held out").filenames)


@pytest.mark.parametrize("command", ["evaluate", "report", "card", "predict", "explain"])
def test_another_positive_class_than_that_of_the_model_is_refused(
    command, model_file, xrays, tmp_path, monkeypatch, capsys
):
    """The patients held out depend on it, so that others would have been seen in training."""
    monkeypatch.chdir(tmp_path)
    typed = [command, str(model_file), xrays.root, "--hold-out", "0.3", "--positive", "normal"]
    assert main(typed) == 1
    assert "--positive normal contradicts the model, whose positive class is PNEUMONIA" in (
        capsys.readouterr().err
    )
    assert list(tmp_path.iterdir()) == []


def test_files_are_not_held_out_by_another_positive_class(tmp_path, xrays):
    folder = copies(["NORMAL", "Hernia", "Mass"], tmp_path, xrays)
    options = CollectionOptions(hold_out=0.3, positive=("Hernia",))
    of_mass = SimpleNamespace(target_names_=["not Mass", "Mass"], classes_=np.arange(2))
    with pytest.raises(OtherPositiveError, match="Hernia contradicts"):
        files_to_read([str(folder)], options, model=of_mass)
    of_others = SimpleNamespace(target_names_=["healthy", "COVID"], classes_=np.arange(2))
    listed = files_to_read([str(folder)], options, model=of_others)
    assert listed == list(read_collection(folder, options, "all", "held out").filenames)


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_positive_class_that_a_model_of_three_lacks_is_refused(
    command, three_class_model_file, xrays, capsys
):
    typed = [command, str(three_class_model_file), xrays.root, "--part", "all"]
    assert main([*typed, "--positive", "PNEUMONIA"]) == 1
    assert "'PNEUMONIA' is none of the classes 'NORMAL'" in capsys.readouterr().err


def test_the_folder_above_is_advised_where_it_holds_classes(tmp_path, xrays):
    for name, advised in {"NORMAL": True, "pictures": False}.items():
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(xrays.filenames[0], folder)
        with pytest.raises(ValueError, match="no class folders") as raised:
            read_collection(folder, FOLDER_ALONE, "train", "rest")
        assert ("folder above" in str(raised.value)) == advised


def test_parts_of_folders_and_tables(xrays, tmp_path):
    folder = Path(xrays.root)
    for options in (CollectionOptions(split="test"), CollectionOptions(part="test")):
        assert set(read_collection(folder, options, "train", "rest").split) == {"test"}
    assert set(read_collection(folder, FOLDER_ALONE, "train", "rest").split) == {"train"}
    frame = pd.DataFrame({"path": xrays.filenames, "label": xrays.target, "split": xrays.split})
    frame.to_csv(tmp_path / "t.csv", index=False)
    options = CollectionOptions(table=tmp_path / "t.csv")
    assert set(read_collection(None, options, "test", "rest").split) == {"test"}
    options = CollectionOptions(table=tmp_path / "t.csv", split="split", part="val")
    assert set(read_collection(None, options, "test", "rest").split) == {"val"}
    options = CollectionOptions(table=tmp_path / "t.csv", part="Validation")
    assert set(read_collection(None, options, "test", "rest").split) == {"val"}
    assert set(read_collection(folder, CollectionOptions(part="VAL"), "", "rest").split) == {"val"}
    options = CollectionOptions(table=tmp_path / "t.csv", part="holdout")
    with pytest.raises(ValueError, match=r"no split 'holdout'; its splits are 'test', 'train'"):
        read_collection(None, options, "test", "rest")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--label", "finding"], "--label is for tables"),
        (["--drop-incomplete"], "--drop-incomplete is for tables"),
        (["--positive", "flu"], "none of the classes"),
        (["--table", "nowhere.csv"], "no table 'nowhere.csv'"),
        (["--split", "val", "--part", "test"], "--split val and --part test both name the split"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, said, xrays, capsys):
    assert main(["audit", xrays.root, *options]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["predict", "MODEL", "ROOT", "--patient", "case"], "--patient is for tables"),
        (["predict", "MODEL", "--table", "T", "--leave-out", "x"], "are for folders, not for a"),
        (["explain", "MODEL", "ROOT", "--label", "x"], "--label is for tables"),
        (["fit", "ROOT", "--no-gate", "--gate-false-alarms", "0.1"], "--no-gate leaves out"),
        (["fit", "ROOT", "--labels", "etiology", "--positive", "VIRUS"], "Leave one of them out"),
        (["report", "MODEL", "ROOT", "--split", "val", "--part", "test"], "both name the split"),
        (["audit", "ROOT", "--names-only", "--model", "MODEL"], "--names-only opens no image"),
    ],
)
def test_options_that_would_be_ignored_are_refused(
    typed, said, model_file, xrays, table, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    meant = {"MODEL": str(model_file), "ROOT": xrays.root, "T": table[1]}
    assert main([meant.get(word, word) for word in typed]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "positive"),
    [
        (["normal", "Pneumonia"], ()),
        (["0", "1"], ()),
        (["No Finding", "Opacity"], ("opacity",)),
        (["not pneumonia", "pneumonia"], ()),
    ],
)
def test_the_classes_of_a_table_may_be_written_in_another_way(
    names, positive, model_file, xrays, tmp_path
):
    labels = np.array(names)[xrays.target]
    frame = pd.DataFrame({"path": xrays.filenames, "label": labels, "patient": xrays.groups})
    frame.to_csv(tmp_path / "t.csv", index=False)
    options = CollectionOptions(table=tmp_path / "t.csv", positive=positive)
    read = read_for(load_model(model_file), None, options, "test", "held out")
    assert read.target.tolist() == xrays.target.tolist()
    assert (read.target_names, read.positive) == (["NORMAL", "PNEUMONIA"], ["PNEUMONIA"])


def test_classes_of_a_model_are_not_exchanged(model_file, xrays, tmp_path):
    labels = np.array(["NORMAL", "COVID"])[xrays.target]
    pd.DataFrame({"path": xrays.filenames, "label": labels}).to_csv(tmp_path / "t.csv")
    for positive in ((), ("COVID",), ("NORMAL",)):
        options = CollectionOptions(table=tmp_path / "t.csv", positive=positive)
        with pytest.raises(ValueError, match="classes of the model are NORMAL, PNEUMONIA"):
            read_for(load_model(model_file), None, options, "test", "held out")


def test_joined_classes_are_not_the_negative_class_of_a_model(model_file, xrays, tmp_path):
    labels = np.resize(["BACTERIA", "NORMAL", "VIRUS"], len(xrays.target))
    frame = pd.DataFrame({"path": xrays.filenames, "label": labels, "patient": xrays.filenames})
    frame.to_csv(tmp_path / "t.csv", index=False)
    options = CollectionOptions(table=tmp_path / "t.csv", positive=("VIRUS",))
    with pytest.raises(ValueError, match=r"has not VIRUS, VIRUS\. Evaluate it on .* classes\.$"):
        read_for(load_model(model_file), None, options, "test", "held out")


def test_a_split_to_report_on_may_be_written_in_another_way(model_file, xrays):
    model = load_model(model_file)
    for part in ("Validation", "VAL"):
        read = read_evaluated_split(model, Path(xrays.root), CollectionOptions(part=part))
        assert set(read.xrays.split) == {"val"}


def test_an_unclear_positive_class_is_asked_for(xrays, tmp_path, capsys):
    for folder, files in {"COVID": xrays.filenames[:3], "TB": xrays.filenames[-3:]}.items():
        (tmp_path / folder).mkdir()
        for file in files:
            shutil.copy(file, tmp_path / folder)
    assert main(["fit", str(tmp_path), "--out", str(tmp_path / "m.joblib"), *TINY]) == 1
    assert '--positive "TB"' in capsys.readouterr().err
    assert main(["audit", str(tmp_path), "--names-only"]) in (0, 3)
    xrays = read_collection(tmp_path, CollectionOptions(positive=("COVID",)), "all", "rest")
    assert xrays.target_names == ["TB", "COVID"]


def test_an_audit_of_names_alone_opens_nothing(xrays, table, monkeypatch, capsys):
    monkeypatch.setattr("skpneumo.audit._audit.read_images", None)
    assert main(["audit", xrays.root, "--names-only"]) == 0
    out = capsys.readouterr().out
    assert "the images themselves: --names-only was given" in out
    assert "suspect labels: `skpneumo audit` looks for them with --model" in out
    assert main(["audit", *table, "--names-only", "--hold-out", "0.3"]) == 0
    assert "train" in capsys.readouterr().out


def encoded(form):
    stream = BytesIO()
    Image.new("L", (32, 32), 99).save(stream, form)
    return stream.getvalue()


JPEG = encoded("JPEG")
IMAGES = dict.fromkeys(["a.jpeg", "b.jfif", "c.jpe", "d", "e.webp"], JPEG) | {
    "f.png": encoded("PNG"),
    "g.tiff": encoded("TIFF"),
    "h.scan": encoded("TIFF"),
}
DAMAGED = {"i.jpeg": JPEG[:200], "j.png": b"no image"}
PIXELS = 64 * np.arange(32 * 32, dtype=np.uint16).reshape(32, 32)
# Radiographs, and what DICOM has besides: by what its header says, the reason for each.
RADIOGRAPHS = {"s.dcm": {}, "IM000001": {"PhotometricInterpretation": "MONOCHROME1"}}
NO_RADIOGRAPHS = {
    "t.dcm": ({"NumberOfFrames": 3}, "contains 3 images"),
    "CT000001": ({"Modality": "CT"}, "not a radiograph"),
}
STRANGERS = {"k.webp": encoded("WEBP"), "l.bmp": encoded("BMP"), "m.gif": encoded("GIF"),
             "n.jp2": encoded("JPEG2000"), "o.csv": b"a,b\n", "p": b"", "q.pdf": b"%PDF-1.7",
             "r.zip": b"PK\3\4", "DICOMDIR": bytes(128) + b"DICM1.2.840.10008.1.3.10"}  # fmt: skip
LITTER = ["._a.jpeg", "Thumbs.db", "s_thumb.jpg", ".DS_Store"]


@pytest.fixture
def every_kind(tmp_path, monkeypatch):
    """A collection with files of 30 kinds in one of its classes."""
    root = tmp_path / "xrays"
    odd, normal = root / "PNEUMONIA", root / "NORMAL"
    odd.mkdir(parents=True), normal.mkdir()
    (normal / "z.jpeg").write_bytes(JPEG)
    for name, content in (IMAGES | DAMAGED | STRANGERS | dict.fromkeys(LITTER, JPEG)).items():
        (odd / name).write_bytes(content)
    described = RADIOGRAPHS | {name: each for name, (each, _) in NO_RADIOGRAPHS.items()}
    for name, elements in described.items():
        write_dicom(odd / name, PIXELS, **elements)
    (odd / "broken").symlink_to("nowhere")
    os.mkfifo(odd / "pipe")
    monkeypatch.chdir(odd)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        yield root


SKIPPED = {*STRANGERS, "broken", "pipe", "socket"}


@pytest.mark.filterwarnings("ignore::skpneumo.datasets.UnknownPatientsWarning")
def test_every_file_is_reported_exactly_once(every_kind, model_file, capsys):
    from skpneumo.datasets import SkippedFilesWarning, load_chest_xray

    images, damaged = {*IMAGES, *RADIOGRAPHS}, {*DAMAGED, *NO_RADIOGRAPHS}
    everything = {*images, *damaged, *SKIPPED, *LITTER}
    assert everything == {path.name for path in (every_kind / "PNEUMONIA").iterdir()}
    with pytest.warns(SkippedFilesWarning, match=f"Skipped {len(SKIPPED)} files"):
        xrays = load_chest_xray(every_kind, patient_pattern=r"(\w+)[^/]*$")
    read = {Path(path).name for path in xrays.filenames[xrays.target == 1]}
    assert read == images | damaged
    assert {Path(path).name for path in xrays.skipped["path"]} == SKIPPED
    assert f"leave them behind: {len(LITTER)} items" in xrays.DESCR

    table = every_kind.parent / "findings.csv"
    assert main(["audit", str(every_kind), "--csv", str(table)]) == 3
    findings = pd.read_csv(table).assign(name=lambda frame: frame["path"].map(os.path.basename))
    assert set(findings.query("kind == 'skipped'")["name"]) == SKIPPED
    unreadable = findings.query("kind in ('unreadable', 'truncated')")
    assert set(unreadable["name"]) == damaged

    capsys.readouterr()
    assert main(["predict", str(model_file), str(every_kind)]) == 1
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    errors = {Path(row["path"]).name: row["error"] for row in rows}
    assert len(rows) == len(errors) == len(everything) - len(LITTER) + 1
    assert {name for name, error in errors.items() if not error} == {*images, "z.jpeg"}
    assert all(reason in errors[name] for name, (_, reason) in NO_RADIOGRAPHS.items())
    assert errors["k.webp"] == "skipped: a WebP image, which is not read"
    assert errors["pipe"] == "skipped: a pipe, socket or device"


def test_output_files_of_commands_are_not_reported_as_unknown(model_file, xrays, tmp_path, capsys):
    shutil.copy(xrays.filenames[0], tmp_path)
    out = tmp_path / "rows.csv"
    assert main(["predict", str(model_file), str(tmp_path), "--out", str(out)]) == 0
    assert len(out.read_text().splitlines()) == 2


@pytest.fixture
def foreign_names(xrays, tmp_path):
    """A collection in which the names of a file and a patient are not UTF-8."""
    root = tmp_path / "xrays"
    for path, split, name in zip(xrays.filenames, xrays.split, xrays.target, strict=True):
        if split == "test":
            folder = root / xrays.target_names[name]
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder)
    odd = root / "PNEUMONIA" / os.fsdecode(b"\xe9t\xe9.jpeg")
    try:
        shutil.copy(xrays.filenames[-1], odd)
    except OSError:
        pytest.skip("the file system refuses names that are not UTF-8")
    return str(root)


@pytest.mark.filterwarnings("ignore::skpneumo.datasets.UnknownPatientsWarning")
@pytest.mark.parametrize(
    "command",
    [
        ["audit", "{root}", "--csv", "{out}"],
        ["audit", "{root}", "--out", "{out}"],
        ["evaluate", "{model}", "{root}", "--out", "{out}"],
        ["predict", "{model}", "{root}", "--out", "{out}"],
        pytest.param(["report", "{model}", "{root}", "--out", "{out}"], marks=pytest.mark.slow),
        ["explain", "{model}", "{odd}", "--out", "{out}", "--method", "hires_cam"],
        ["fit", "{root}", "--out", "{out}", *TINY],
    ],
    ids=lambda command: f"{command[0]}{command[-2]}",
)
def test_names_that_are_not_utf_8_work_in_every_command(
    command, foreign_names, model_file, tmp_path, capsys
):
    (odd,) = (os.fspath(path) for path in Path(foreign_names).rglob("*t*.jpeg") if _is_odd(path))
    names = {"root": foreign_names, "model": model_file, "out": tmp_path / "out", "odd": odd}
    status = main([part.format(**names) for part in command])
    assert status in (0, 3), capsys.readouterr().err
    assert (tmp_path / "out").exists()


def _is_odd(path):
    return not path.name.isascii()


def test_a_model_of_three_classes_and_what_is_positive(three_class_model_file, xrays):
    model = load_model(three_class_model_file)
    folder = Path(xrays.root)
    read = read_for(model, folder, FOLDER_ALONE, "test", "held out")
    assert read.positive == ["BACTERIA", "VIRUS"]
    options = CollectionOptions(positive=("virus",))
    assert read_for(model, folder, options, "test", "held out").positive == ["VIRUS"]


def test_training_knows_where_there_are_patients_to_evaluate_on(xrays, tmp_path):
    assert read_training_data(Path(xrays.root), FOLDER_ALONE).source == str(xrays.root)
    assert not read_training_data(Path(xrays.root), CollectionOptions(part="all")).source
    shutil.copytree(Path(xrays.root, "train"), tmp_path / "alone")
    assert not read_training_data(tmp_path / "alone", FOLDER_ALONE).source


@pytest.mark.filterwarnings("ignore:The class PNEUMONIA has no images")
def test_images_of_one_class_are_refused_before_training(xrays, tmp_path, capsys):
    shutil.copytree(Path(xrays.root, "train", "NORMAL"), tmp_path / "NORMAL")
    assert main(["fit", str(tmp_path), "--out", str(tmp_path / "m.skpneumo"), *TINY]) == 1
    said = capsys.readouterr()
    assert "are of the class NORMAL. Add images of another class" in said.err
    assert "Training robust" not in said.out


def test_a_model_and_a_folder_of_other_classes(xrays, tmp_path, model_file, capsys):
    for name in ("a", "b"):
        shutil.copytree(Path(xrays.root, "train", "NORMAL"), tmp_path / name)
    assert main(["evaluate", str(model_file), str(tmp_path)]) == 1
    assert "classes of the model are NORMAL, PNEUMONIA, in this order, but " in (
        err := capsys.readouterr().err
    )
    assert " has a, b. " in err
