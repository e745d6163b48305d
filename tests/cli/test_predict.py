import csv
import io
import json
import os
import shutil
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
from PIL import Image
from sklearn.dummy import DummyClassifier
from sklearn.preprocessing import FunctionTransformer

from skpneumo import ImageLoader, load_model, make_pipeline, save_model
from skpneumo.cli import main
from skpneumo.cli._journal import Journal
from skpneumo.cli._labels import class_names, labels_at, labels_of
from skpneumo.cli.predict import predict


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def damaged(tmp_path, xrays):
    """Two good files with three bad ones between them."""
    text = tmp_path / "text.jpeg"
    text.write_text("not an image")
    cut = tmp_path / "cut.jpeg"
    with open(xrays.filenames[0], "rb") as file:
        cut.write_bytes(file.read()[:400])
    return [xrays.filenames[0], str(text), "missing.jpeg", str(cut), xrays.filenames[1]]


def test_rows_are_the_predictions_of_the_model(model_file, xrays, capsys):
    assert predict(model_file, *xrays.filenames, batch_size=7) == 0
    rows = rows_of(capsys.readouterr().out)
    assert list(rows[0]) == ["path", "probability", "label", "error"]
    assert [row["path"] for row in rows] == xrays.filenames.tolist()
    model = load_model(model_file)
    expected = model.predict_proba(xrays.filenames)[:, 1]
    assert [float(row["probability"]) for row in rows] == pytest.approx(expected, abs=2e-6)
    names = [xrays.target_names[label] for label in model.predict(xrays.filenames)]
    assert [row["label"] for row in rows] == names
    assert {row["error"] for row in rows} == {""}


def test_json_lines_hold_the_same(model_file, xrays, capsys):
    paths = xrays.filenames[:3]
    predict(model_file, *paths)
    table = rows_of(capsys.readouterr().out)
    predict(model_file, *paths, format="jsonl")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["path"] for line in lines] == list(paths)
    assert [line["probability"] for line in lines] == [float(row["probability"]) for row in table]
    assert {line["error"] for line in lines} == {None}


def test_bad_files_are_rows_with_their_error_and_status_1(model_file, damaged, capsys):
    assert predict(model_file, *damaged) == 1
    out, err = capsys.readouterr()
    rows = rows_of(out)
    assert [row["path"] for row in rows] == damaged
    assert [bool(row["error"]) for row in rows] == [False, True, True, True, False]
    assert [bool(row["label"]) for row in rows] == [True, False, False, False, True]
    assert "3 of 5 files" in err


def test_bad_files_change_nothing_for_the_good_ones(model_file, damaged, capsys):
    predict(model_file, damaged[0], damaged[-1], format="jsonl")
    alone = capsys.readouterr().out.splitlines()
    predict(model_file, *damaged, format="jsonl")
    among_bad_ones = capsys.readouterr().out.splitlines()
    assert [among_bad_ones[0], among_bad_ones[4]] == alone


def test_files_that_are_too_dark_have_their_error_whatever_is_in_their_batch(
    model_file, xrays, tmp_path, capsys
):
    dark = [str(tmp_path / f"12 bits in 16 {number}.png") for number in range(2)]
    for number, path in enumerate(dark):
        stored = np.random.RandomState(0).randint(0, 4096 >> number, (40, 40)).astype(np.uint16)
        Image.fromarray(stored).save(path)
    black = tmp_path / "black.png"
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(black)
    files = [xrays.filenames[0], dark[0], dark[1], str(black), xrays.filenames[1]]
    errors = []
    for size in ("1", "2", "128"):
        assert main(["predict", str(model_file), *files, "--batch-size", size]) == 1
        rows = rows_of(capsys.readouterr().out)
        assert [bool(row["label"]) for row in rows] == [True, False, False, True, True]
        errors.append([row["error"] for row in rows])
    assert errors[0] == errors[1] == errors[2]
    assert ["another kind of pixel" in text for text in errors[0]] == [
        False,
        True,
        True,
        False,
        False,
    ]
    assert errors[0][1] != errors[0][2]


def test_withheld_images_have_only_the_reason_and_status_1(
    gated_model_file, xrays, upside_down, damaged, capsys
):
    assert predict(gated_model_file, *xrays.filenames[:3]) == 0
    paths = [xrays.filenames[0], upside_down, damaged[1]]
    assert predict(gated_model_file, *paths) == 1
    out, err = capsys.readouterr()
    rows = rows_of(out[out.rindex("path,") :])
    assert list(rows[0]) == ["path", "probability", "label", "withheld", "error"]
    assert [bool(row["label"]) for row in rows] == [True, False, False]
    assert [bool(row["probability"]) for row in rows] == [True, False, False]
    assert [bool(row["withheld"]) for row in rows] == [False, True, False]
    assert "upside down" in rows[1]["withheld"]
    assert [bool(row["error"]) for row in rows] == [False, False, True]
    assert "1 of 3 images are unlike the training images" in err
    # A threshold of the command line decides about the others alone.
    assert predict(gated_model_file, *paths[:2], threshold=0) == 1
    rows = rows_of(capsys.readouterr().out)
    assert [row["label"] for row in rows] == ["PNEUMONIA", ""]


def test_a_gate_that_warns_lets_the_answer_stand(gated_model_file, upside_down, tmp_path, capsys):
    model = load_model(gated_model_file)
    model.on_outlier = "warn"
    save_model(model, tmp_path / "model.skpneumo")
    assert predict(tmp_path / "model.skpneumo", upside_down) == 1
    printed = capsys.readouterr()
    assert "predicted all the same" in printed.err
    (row,) = rows_of(printed.out)
    assert row["label"]
    assert "upside down" in row["withheld"]


def test_withheld_rows_count_when_a_run_continues(
    gated_model_file, xrays, upside_down, tmp_path, capsys, monkeypatch
):
    module = sys.modules["skpneumo.cli.predict"]
    predicted_rows, batches = module.predicted_rows, []

    def interrupted(model, batch, threshold):
        if batches:
            raise KeyboardInterrupt
        batches.append(batch)
        return predicted_rows(model, batch, threshold)

    run = [gated_model_file, upside_down, xrays.filenames[0]]
    out = tmp_path / "rows.csv"
    monkeypatch.setattr(module, "predicted_rows", interrupted)
    with pytest.raises(KeyboardInterrupt):
        predict(*run, out=out, batch_size=1)
    monkeypatch.setattr(module, "predicted_rows", predicted_rows)
    assert predict(*run, out=out, batch_size=1) == 1
    assert "1 of 2 images" in capsys.readouterr().err
    assert [bool(row["withheld"]) for row in rows_of(out.read_text())] == [True, False]


def test_folders_are_searched(model_file, xrays, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    folder = os.path.commonpath(xrays.filenames.tolist())
    assert predict(model_file, folder) == 0
    assert {row["path"] for row in rows_of(capsys.readouterr().out)} == set(xrays.filenames)
    assert predict(model_file, str(tmp_path / "empty")) == 1
    (row,) = rows_of(capsys.readouterr().out)
    assert "folder" in row["error"]


def test_paths_come_from_standard_input(model_file, xrays, capsys, monkeypatch):
    monkeypatch.setattr(
        "sys.stdin", io.StringIO("\ufeff" + "\n".join(xrays.filenames[:3]) + "\n\n")
    )
    assert main(["predict", str(model_file), "-"]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert [row["path"] for row in rows] == xrays.filenames[:3].tolist()


def test_output_goes_to_a_file(model_file, xrays, tmp_path, capsys):
    predict(model_file, xrays.filenames[0])
    printed = capsys.readouterr().out
    out = tmp_path / "out.csv"
    assert main(["predict", str(model_file), xrays.filenames[0], "-o", str(out)]) == 0
    assert capsys.readouterr().out == ""
    assert out.read_text() == printed


@pytest.mark.parametrize(("threshold", "label"), [(0.0, "PNEUMONIA"), (1.0, "NORMAL")])
def test_threshold_decides_the_label(model_file, xrays, threshold, label, capsys):
    predict(model_file, *xrays.filenames, threshold=threshold)
    assert {row["label"] for row in rows_of(capsys.readouterr().out)} == {label}


def test_threshold_of_the_model_is_kept(model_file, xrays, tmp_path, capsys):
    from sklearn.frozen import FrozenEstimator
    from sklearn.model_selection import FixedThresholdClassifier

    model = FixedThresholdClassifier(FrozenEstimator(load_model(model_file)), threshold=0.999)
    model.fit(xrays.filenames, xrays.target)
    joblib.dump(model, tmp_path / "strict.joblib")
    predict(tmp_path / "strict.joblib", *xrays.filenames)
    names = [xrays.target_names[label] for label in model.predict(xrays.filenames)]
    assert [row["label"] for row in rows_of(capsys.readouterr().out)] == names


@pytest.mark.parametrize(
    "options",
    [
        {"threshold": 0.0, "response_method": "decision_function"},
        {"threshold": 0.3, "pos_label": 0},
    ],
)
def test_label_is_what_the_model_predicts(options, xrays, tmp_path, capsys):
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import FixedThresholdClassifier

    flat = FunctionTransformer(_flat)
    # Strong regularisation, so that all probabilities are near one half.
    classifier = LogisticRegression(C=1e-8, class_weight="balanced")
    inner = make_pipeline(ImageLoader(size=(8, 8)), flat, classifier)
    model = FixedThresholdClassifier(inner, **options).fit(xrays.filenames, xrays.target)
    joblib.dump(model, tmp_path / "model.joblib")
    assert predict(tmp_path / "model.joblib", *xrays.filenames) == 0
    names = [xrays.target_names[label] for label in model.predict(xrays.filenames)]
    assert [row["label"] for row in rows_of(capsys.readouterr().out)] == names


def _flat(images):
    return np.asarray(images).reshape(len(images), -1).astype(float)


def test_rows_do_not_replace_the_model(model_file, xrays, capsys):
    before = Path(model_file).read_bytes()
    arguments = ["predict", str(model_file), xrays.filenames[0], "-o", str(model_file), "--force"]
    assert main(arguments) == 1
    assert "the same file" in capsys.readouterr().err
    assert Path(model_file).read_bytes() == before


def test_three_classes_have_a_column_each(three_class_model_file, xrays, capsys):
    predict(three_class_model_file, *xrays.filenames[:4])
    rows = rows_of(capsys.readouterr().out)
    columns = [f"probability_{name}" for name in ("NORMAL", "BACTERIA", "VIRUS")]
    assert list(rows[0]) == ["path", *columns, "label", "error"]
    for row in rows:
        assert sum(float(row[column]) for column in columns) == pytest.approx(1, abs=1e-5)
        assert row["label"] in ("NORMAL", "BACTERIA", "VIRUS")
    with pytest.raises(ValueError, match="two classes"):
        predict(three_class_model_file, xrays.filenames[0], threshold=0.5)


def test_odd_file_names_survive(model_file, xrays, tmp_path):
    odd = os.path.join(os.fsencode(tmp_path), b'a "b", \xff.jpeg')
    try:
        with open(xrays.filenames[0], "rb") as source, open(odd, "wb") as target:
            target.write(source.read())
    except OSError:
        pytest.skip("the file system refuses names that are not UTF-8")
    out = tmp_path / "out.csv"
    assert predict(model_file, os.fsdecode(odd), out=out) == 0
    with open(out, encoding="utf-8", errors="surrogateescape", newline="") as file:
        (row,) = csv.DictReader(file)
    assert os.fsencode(row["path"]) == odd


PROGRAM = "import sys; from skpneumo.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture(scope="module")
def file_without_network(xrays, tmp_path_factory):
    """A model that a process loads without TensorFlow, whose import takes seconds."""
    model = make_pipeline(ImageLoader(size=16), DummyClassifier(strategy="prior"))
    path = tmp_path_factory.mktemp("model") / "model.joblib"
    joblib.dump(model.fit(xrays.filenames, xrays.target), path)
    return path


def test_a_closed_pipe_is_not_an_error(file_without_network, xrays):
    program = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(
        [*program, "predict", str(file_without_network), "-", "--batch-size", "1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        run.stdin.write(f"{xrays.filenames[0]}\n" * 3)
        run.stdin.flush()
        assert run.stdout.readline() == "path,probability,label,error\n"
        run.stdout.close()
        run.stdin.write(f"{xrays.filenames[0]}\n" * 3)
        run.stdin.close()
        said = run.stderr.read().splitlines()
        assert [line for line in said if "is a pickle" not in line] == []
        assert run.wait() == 141


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is an empty file, not a model."),
        (b"path,label\n", "is text, not a model."),
        ({"weights": [1, 2]}, "contains a dict"),
        ("unfitted", "not been fitted"),
        ("regressor", "contains a LinearRegression"),
    ],
)
def test_a_file_that_is_not_a_model_is_named(content, said, xrays, tmp_path, capsys):
    from sklearn.linear_model import LinearRegression, LogisticRegression

    path = tmp_path / "model.joblib"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        others = {"unfitted": LogisticRegression(), "regressor": LinearRegression()}
        joblib.dump(others[content] if isinstance(content, str) else content, path)
    assert main(["predict", str(path), xrays.filenames[0]]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert str(path) in err
    # Where it is a pickle, it is said that loading runs what is in it.
    assert ("is a pickle" in err) == (not isinstance(content, bytes))


@pytest.mark.parametrize("name", ["missing.joblib", ""])
def test_a_missing_model_is_named(name, xrays, tmp_path, capsys):
    assert main(["predict", str(tmp_path / name), xrays.filenames[0]]) == 1
    assert str(tmp_path) in capsys.readouterr().err


def test_nothing_is_overwritten_unless_forced(model_file, xrays, tmp_path, capsys):
    out = tmp_path / "mine.jpeg"
    out.write_bytes(b"precious")
    arguments = ["predict", str(model_file), str(xrays.filenames[0]), "-o", str(out)]
    assert main(arguments) == 1
    assert "exists already" in capsys.readouterr().err
    assert out.read_bytes() == b"precious"
    assert main([*arguments, "--force"]) == 0
    assert out.read_text().startswith("path,")


@pytest.mark.parametrize("given", ["\ufffdPNG\n\0\0\0\n", "one.png\0two.png\0"])
def test_standard_input_that_is_no_list_of_paths_is_refused(
    given, model_file, monkeypatch, capsys
):
    piped = io.BufferedReader(io.BytesIO(given.encode()))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(piped, encoding="utf-8"))
    assert main(["predict", str(model_file), "-", "--batch-size", "1"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "Standard input is no list of paths" in err


def test_null_bytes_after_the_beginning_of_standard_input_are_refused(
    model_file, monkeypatch, capsys
):
    monkeypatch.setattr("sys.stdin", StringIO("one.png\ntwo\0.png\n"))
    assert main(["predict", str(model_file), "-"]) == 1
    assert "Standard input is no list of paths" in capsys.readouterr().err


def test_no_paths_on_standard_input(model_file, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", StringIO(""))
    assert main(["predict", str(model_file), "-"]) == 1
    assert "no paths on standard input" in capsys.readouterr().err


def test_classes_have_their_names_of_training():
    model = SimpleNamespace(classes_=np.array([0, 1]))
    assert class_names(model) == ["NORMAL", "PNEUMONIA"]
    model.target_names_ = ["healthy", "COVID"]
    assert labels_of(np.array([0, 1]), model).tolist() == ["healthy", "COVID"]
    assert labels_at(0.5, np.array([[0.9, 0.1], [0.1, 0.9]]), model).tolist() == [
        "healthy",
        "COVID",
    ]


def test_the_suffix_of_the_file_determines_its_format(model_file, xrays, tmp_path):
    pyarrow = pytest.importorskip("pyarrow.parquet", reason='pip install "skpneumo[parquet]"')
    missing = tmp_path / "missing.jpeg"
    tables = {}
    for name in ("out.csv", "out.jsonl", "out.parquet"):
        assert predict(model_file, *xrays.filenames[:3], str(missing), out=tmp_path / name) == 1
    with open(tmp_path / "out.csv", newline="") as file:
        tables["csv"] = list(csv.DictReader(file))
    with open(tmp_path / "out.jsonl") as file:
        tables["jsonl"] = [json.loads(line) for line in file]
    tables["parquet"] = pyarrow.read_table(tmp_path / "out.parquet").to_pylist()
    assert tables["parquet"] == tables["jsonl"]
    assert tables["csv"] == [
        {name: "" if value is None else str(value) for name, value in row.items()}
        for row in tables["jsonl"]
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "out.csv",
        "out.jsonl",
        "out.parquet",
    ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_device_is_named(model_file, xrays, capsys):
    assert main(["predict", str(model_file), xrays.filenames[0], "--out", "/dev/full"]) == 1
    assert "No space left on device: '/dev/full'. Make room" in capsys.readouterr().err


def test_parquet_without_pyarrow_or_a_file_is_refused_at_once(
    model_file, xrays, tmp_path, monkeypatch, capsys
):
    arguments = ["predict", str(model_file), xrays.filenames[0]]
    assert main([*arguments, "--format", "parquet"]) == 1
    assert "--out" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main([*arguments, "-o", str(tmp_path / "out.parquet")]) == 1
    assert 'pip install "skpneumo[parquet]"' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_parquet_stores_what_a_gate_and_an_error_say(tmp_path):
    pyarrow = pytest.importorskip("pyarrow.parquet", reason='pip install "skpneumo[parquet]"')
    columns = ["path", "probability_A", "probability_B", "label", "withheld", "error"]
    rows = [
        ["a.png", 0.25, 0.75, "B", None, None],
        ["b.png", None, None, None, "upside down", None],
        ["\udcff.png", None, None, None, None, "no file '\udcff.png'"],
    ]
    journal = Journal(tmp_path / "out.parquet", {}, from_scratch=False)
    journal.add(rows, [None] * len(rows))
    journal.finish("parquet", columns)
    written = pyarrow.read_table(tmp_path / "out.parquet").to_pylist()
    rows[2][0], rows[2][-1] = "\\udcff.png", "no file '\\udcff.png'"
    assert [list(row.values()) for row in written] == rows


def test_parquet_stores_names_that_are_not_utf_8(model_file, tmp_path):
    pyarrow = pytest.importorskip("pyarrow.parquet", reason='pip install "skpneumo[parquet]"')
    odd = os.fsdecode(os.path.join(os.fsencode(tmp_path), b"\xff.jpeg"))
    assert predict(model_file, odd, out=tmp_path / "out.parquet") == 1
    (row,) = pyarrow.read_table(tmp_path / "out.parquet").to_pylist()
    assert row["path"].endswith("\\udcff.jpeg")


def break_off(model_file, files, out, monkeypatch, after):
    """Run until some batches of two are predicted, as if the process was killed."""
    from skpneumo.cli import predict as command

    rows, n_batches = command.predicted_rows, []

    def count(*arguments):
        if len(n_batches) == after:
            raise KeyboardInterrupt
        n_batches.append(1)
        return rows(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(sys.modules["skpneumo.cli.predict"], "predicted_rows", count)
        with pytest.raises(KeyboardInterrupt):
            predict(model_file, *files, out=out, batch_size=2)


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
@pytest.mark.parametrize("torn", [b"", b'["half a row'])
def test_an_interrupted_run_continues_where_it_stopped(
    name, torn, model_file, damaged, tmp_path, monkeypatch, capsys
):
    files = damaged * 2
    expected, out = tmp_path / f"whole-{name}", tmp_path / name
    assert predict(model_file, *files, out=expected, batch_size=2) == 1
    break_off(model_file, files, out, monkeypatch, after=2)
    assert not out.exists()
    with open(f"{out}.part", "ab") as journal:
        journal.write(torn)
    predicted = []
    rows = sys.modules["skpneumo.cli.predict"].predicted_rows
    monkeypatch.setattr(
        sys.modules["skpneumo.cli.predict"],
        "predicted_rows",
        lambda model, batch, threshold: predicted.extend(batch) or rows(model, batch, threshold),
    )
    capsys.readouterr()
    assert predict(model_file, *files, out=out, batch_size=3) == 1
    err = capsys.readouterr().err
    assert "continuing after 4 rows" in err
    assert "6 of 10 files" in err
    assert predicted == files[4:]
    assert out.read_bytes() == expected.read_bytes()
    assert not os.path.exists(f"{out}.part")


def test_a_run_is_only_continued_by_the_same_command(
    model_file, three_class_model_file, xrays, tmp_path, monkeypatch
):
    files, out = list(xrays.filenames[:6]), tmp_path / "out.csv"
    break_off(model_file, files, out, monkeypatch, after=2)
    journal = (tmp_path / "out.csv.part").read_bytes()
    for wrong, said in [
        (lambda: predict(model_file, *files, out=out, threshold=0.9), "another threshold"),
        (lambda: predict(three_class_model_file, *files, out=out), "another model and columns"),
        (lambda: predict(model_file, *files[::-1], out=out), "other files: number 1 was"),
        (lambda: predict(model_file, *files[:3], out=out), "number 4 .* there are fewer files"),
    ]:
        with pytest.raises(FileExistsError, match=rf"(?s)\.csv\.part contains.*{said}.*--force"):
            wrong()
        assert (tmp_path / "out.csv.part").read_bytes() == journal
    assert predict(model_file, *files[:3], out=out, force=True) == 0
    assert len(rows_of(out.read_text())) == 3


def test_a_run_continues_on_files_whose_permissions_have_changed(
    model_file, damaged, tmp_path, monkeypatch
):
    out = tmp_path / "out.csv"
    break_off(model_file, damaged, out, monkeypatch, after=2)
    os.chmod(damaged[1], 0o600)
    assert predict(model_file, *damaged, out=out) == 1
    assert len(rows_of(out.read_text())) == len(damaged)


def test_rows_of_files_that_have_changed_are_not_continued(
    model_file, damaged, tmp_path, monkeypatch
):
    out = tmp_path / "out.csv"
    break_off(model_file, damaged, out, monkeypatch, after=2)
    shutil.copy(damaged[0], damaged[1])  # the damaged file is replaced by a good one
    with pytest.raises(
        FileExistsError, match=r"have changed since, the first of them .*text.jpeg"
    ):
        predict(model_file, *damaged, out=out)
    assert predict(model_file, *damaged, out=out, force=True) == 1
    assert rows_of(out.read_text())[1]["error"] == ""


def test_a_closed_standard_output_is_said(model_file, xrays, monkeypatch, capsys):
    monkeypatch.setattr("sys.__stdout__", None)
    monkeypatch.setattr("sys.stdout", None)
    assert main(["predict", str(model_file), xrays.filenames[0]]) == 1
    assert "Standard output is closed. Name a file with --out." in capsys.readouterr().err
    monkeypatch.setattr("sys.stdout", None)
    assert main(["evaluate", str(model_file), xrays.root]) == 0


def test_a_hyphen_as_output_is_standard_output(model_file, xrays, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert predict(model_file, xrays.filenames[0], out=Path("-")) == 0
    assert len(rows_of(capsys.readouterr().out)) == 1
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("name", ["x.xlsx", "x.JSON", "x.tsv", "x.onnx"])
def test_no_file_is_called_what_it_is_not(name, model_file, xrays, tmp_path):
    with pytest.raises(ValueError, match=r"command writes \.csv, .* with --format"):
        predict(model_file, xrays.filenames[0], out=tmp_path / name)
    assert predict(model_file, xrays.filenames[0], out=tmp_path / name, format="csv") == 0


def test_no_image_or_table_is_overwritten(model_file, xrays, tmp_path, capsys):
    image = shutil.copy(xrays.filenames[0], tmp_path / "x.csv")
    with pytest.raises(FileExistsError, match="is an image, which is never overwritten"):
        predict(model_file, image, out=Path(image), force=True)
    table = tmp_path / "list.csv"
    table.write_text(f"path\n{image}\n")
    options = ["--table", str(table), "--force"]
    for command in (
        *(["predict", str(model_file)], ["evaluate", str(model_file)], ["fit"], ["tune"]),
        *(["report", str(model_file)], ["card", str(model_file)], ["audit"]),
    ):
        assert main([*command, *options, "--out", str(table)]) == 1
        assert "--table and --out are the same file" in capsys.readouterr().err
    assert table.read_text() == f"path\n{image}\n"


def test_an_unrelated_file_is_not_read_as_a_journal(model_file, xrays, tmp_path):
    part = tmp_path / "out.csv.part"
    part.write_bytes(b"\x00 mine\n")
    with pytest.raises(FileExistsError, match=r"out\.csv\.part"):
        predict(model_file, xrays.filenames[0], out=tmp_path / "out.csv")
    assert part.read_bytes() == b"\x00 mine\n"


@pytest.mark.parametrize("written", [0, 1, 100])
def test_a_run_begins_again_after_a_part_of_its_header(
    written, model_file, xrays, tmp_path, monkeypatch
):
    """As a full disk leaves it."""
    out, files = tmp_path / "out.csv", xrays.filenames[:2]
    break_off(model_file, files, out, monkeypatch, after=0)
    part = tmp_path / "out.csv.part"
    part.write_bytes(part.read_bytes()[:written])
    assert predict(model_file, *files, out=out) == 0
    assert len(rows_of(out.read_text())) == 2


@pytest.mark.skipif(os.name != "posix", reason="links of POSIX")
@pytest.mark.parametrize("force", [False, True])
def test_rows_are_never_written_through_a_link(force, model_file, xrays, tmp_path):
    victim, part = tmp_path / "victim", tmp_path / "out.csv.part"
    victim.write_text("precious")
    for name in (".out.csv.new", "out.csv.new", "out.csv.part"):
        (tmp_path / name).symlink_to(victim)
    with pytest.raises(FileExistsError, match=r"a link.*out\.csv\.part"):
        predict(model_file, xrays.filenames[0], out=tmp_path / "out.csv", force=force)
    part.unlink()
    assert predict(model_file, xrays.filenames[0], out=tmp_path / "out.csv") == 0
    assert victim.read_text() == "precious"


def test_names_are_not_formulas_in_a_spreadsheet(model_file, xrays, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    name = "=cmd|' calc'!A0.jpeg"
    shutil.copy(xrays.filenames[0], name)
    assert predict(model_file, name, out=Path("out.csv")) == 0
    capsys.readouterr()
    assert predict(model_file, name) == 0
    for table in (Path("out.csv").read_text(), capsys.readouterr().out):
        assert [row["path"] for row in rows_of(table)] == [f"'{name}"]
    assert predict(model_file, name, out=Path("out.jsonl")) == 0
    assert json.loads(Path("out.jsonl").read_text())["path"] == name


def test_two_processes_do_not_write_the_same_rows(model_file, xrays, tmp_path, capsys):
    fcntl = pytest.importorskip("fcntl", reason="no such locks on Windows")
    part = tmp_path / "out.csv.part"
    with open(part, "ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        for force in (False, True):
            with pytest.raises(FileExistsError, match=r"Another process is writing to .*\.part"):
                predict(model_file, xrays.filenames[0], out=tmp_path / "out.csv", force=force)
    assert predict(model_file, xrays.filenames[0], out=tmp_path / "out.csv") == 0
    assert not part.exists()


def test_a_killed_run_continues(file_without_network, xrays, tmp_path):
    out = tmp_path / "out.csv"
    files = "\n".join(xrays.filenames)
    options = ["predict", str(file_without_network), "-", "-o", str(out)]
    arguments = [sys.executable, "-c", PROGRAM, *options]
    with subprocess.Popen(
        [*arguments, "--batch-size", "1"], stdin=subprocess.PIPE, text=True
    ) as run:
        run.stdin.write("\n".join(xrays.filenames[:5]) + "\n")
        run.stdin.flush()
        while not os.path.exists(f"{out}.part") or count_lines(f"{out}.part") < 4:
            assert run.poll() is None
            time.sleep(0.05)
        run.kill()
    again = subprocess.run(arguments, input=files, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert "continuing after" in again.stderr
    assert [row["path"] for row in rows_of(out.read_text())] == xrays.filenames.tolist()


def count_lines(path):
    with open(path, "rb") as file:
        return sum(1 for _ in file)
