"""Malicious files raise errors that name the fault, before memory is allocated."""

import io
import json
import os
import shutil
import struct
import sys
import zipfile

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skpneumo import load_model, read_provenance, save_model
from skpneumo._machine import peak_memory, reset_peak_memory


@pytest.fixture(scope="module")
def files(tmp_path_factory, models_on_images, model_from_paths, rows):
    folder = tmp_path_factory.mktemp("files")
    save_model(models_on_images["network"], folder / "network.skpneumo", provenance={"a": 1})
    save_model(models_on_images["backbone"], folder / "backbone.skpneumo")
    save_model(model_from_paths, folder / "pipeline.skpneumo")
    save_model(LogisticRegression().fit(*rows), folder / "linear.skpneumo")
    return folder


@pytest.fixture
def copy_of(files, tmp_path):
    def copy(name):
        return shutil.copy(files / f"{name}.skpneumo", tmp_path / "model.skpneumo")

    return copy


def object_of(content, kind):
    (found,) = [
        each for each in content["model.json"]["objects"] if each["type"].endswith(f".{kind}")
    ]
    return found


def set_argument(name, value):
    """Change an argument of a network, in the structure of a file."""

    def change(content):
        network = next(
            o for o in content["model.json"]["objects"] if "network_spec_" in o["state"]
        )
        (_, parts) = network["state"]["network_spec_"]["record"]
        arguments = dict(parts["dict"])["arguments"]
        pairs = [each["tuple"] for each in arguments["tuple"]]
        for pair in pairs:
            if pair[0] == name:
                pair[1] = value
                return
        arguments["tuple"].append({"tuple": [name, value]})

    return change


# The archive


def test_a_change_of_any_byte_is_noticed(copy_of):
    """After a change of any byte, the file is refused or the model is the same."""
    path = copy_of("linear")
    data = bytearray(path.read_bytes())
    expected = load_model(path).coef_
    rng = np.random.default_rng(0)
    n_refused = 0
    for place in rng.choice(len(data), 150, replace=False):
        changed = data.copy()
        changed[place] ^= 1 << rng.integers(8)
        path.write_bytes(changed)
        try:
            model = load_model(path)
        except ValueError:
            n_refused += 1
        else:
            np.testing.assert_array_equal(model.coef_, expected)
    assert n_refused > 75


@pytest.mark.parametrize("n_bytes", [0, 1, 21, 22, 500, -1])
def test_a_part_of_a_file_is_refused(copy_of, n_bytes):
    path = copy_of("linear")
    path.write_bytes(path.read_bytes()[:n_bytes])
    for read in (load_model, read_provenance):
        with pytest.raises(ValueError, match=r"not a \.skpneumo file, or is incomplete"):
            read(path)


def test_paths_that_are_not_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "none.skpneumo")
    with pytest.raises(ValueError, match="not a regular file"):
        load_model(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="not a regular file"):  # and is not waited for
        load_model(tmp_path / "pipe")


def archive_of(members, **options):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", **options) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return data.getvalue()


def zip64_of(data, n_entries):
    """Append a longer directory that replaces the short one."""
    end = data[-22:]
    size, offset = struct.unpack("<LL", end[12:20])
    record = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, n_entries, n_entries, size, offset
    )
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(data) - 22, 1)
    return data[:-22] + record + locator + end


MEMBERS = [("manifest.json", "{}"), ("model.json", "{}"), ("arrays.safetensors", "")]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (archive_of(MEMBERS[:2]), "has the members"),
        (archive_of([*MEMBERS, ("../../evil", "")]), "has the members"),
        (archive_of([*MEMBERS, ("a", ""), ("b", "")]), "5 entries"),
        (archive_of([(f"{i}.json", "") for i in range(70_000)]), "entries of"),
        (archive_of(MEMBERS, compression=zipfile.ZIP_DEFLATED), "compressed"),
        (zip64_of(archive_of(MEMBERS), 10**6), "directory"),
        (archive_of([MEMBERS[0], ("model.json", " " * 4_000_001), MEMBERS[2]]), "4000001 bytes"),
        (archive_of(MEMBERS), "unknown format None"),
    ],
    ids=["short", "path", "more", "many", "bomb", "zip64", "long", "empty"],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_of_another_kind_is_refused(tmp_path, data, reason):
    path = tmp_path / "model.skpneumo"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=reason):
        load_model(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_decompression_bomb_needs_no_memory(tmp_path):
    """100 MB of zeros, in 98 kB."""
    path = tmp_path / "model.skpneumo"
    members = [MEMBERS[0], MEMBERS[1], ("arrays.safetensors", bytes(10**8))]
    path.write_bytes(archive_of(members, compression=zipfile.ZIP_DEFLATED))
    assert path.stat().st_size < 10**5
    reset_peak_memory()
    before = peak_memory()
    with pytest.raises(ValueError, match="compressed"):
        load_model(path)
    assert peak_memory() - before < 10 * 2**20


def test_a_later_format_says_so(copy_of, rewrite):
    def change(content):
        content["manifest.json"] |= {"format": 7}

    path = rewrite(copy_of("linear"), change)
    with pytest.raises(ValueError, match=r"format 7 of skpneumo .*Upgrade skpneumo"):
        load_model(path)


@pytest.mark.parametrize("name", ["model.json", "arrays.safetensors", "provenance.json"])
def test_digests_are_checked(copy_of, name):
    path = copy_of("network")
    with zipfile.ZipFile(path) as archive:
        members = {each: archive.read(each) for each in archive.namelist()}
    members[name] = members[name][:-1] + b"\n"
    path.write_bytes(archive_of(members.items()))
    with pytest.raises(ValueError, match=f"{name} does not match its digest"):
        load_model(path)


# JSON


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 200 + "]" * 200, "200 nested levels"),
        ("[" * 100_000, "nested levels"),
        ("[" + "[]," * 200_000 + "[]]", "entries of JSON"),
        ('{"objects": [], "objects": []}', "repeated"),
        ('{"objects": NaN}', "not a number of JSON"),
        ('{"objects": [' + "9" * 5000 + "]}", "cannot be read"),
        ('"' + '\\"' * 10**6, "cannot be read"),
        ("\udcff", "cannot be read"),
        ("[]", "no objects"),
        ('{"objects": []}', "not an estimator"),
        ('{"objects": [1]}', "a malformed object"),
        ('{"objects": [], "model": {"object": 0}}', "does not exist"),
        ('{"objects": [], "model": {"object": -1}}', "does not exist"),
    ],
)  # fmt: skip
def test_other_json_is_refused(copy_of, rewrite, text, reason):
    def change(content):
        content["model.json"] = text.encode("utf-8", "surrogateescape")

    path = rewrite(copy_of("linear"), change)
    with pytest.raises(ValueError, match=reason):
        load_model(path)


# Types, functions and values


FOREIGN = [
    {"type": "os.system", "parameters": {"command": "touch made"}},
    {"type": "subprocess.Popen", "parameters": {"args": "touch made", "shell": True}},
    {"type": "skpneumo.persistence.load_model", "parameters": {"path": "model"}},
    {"type": "sklearn.ensemble.RandomForestClassifier", "parameters": {}},
    {"type": ["os"], "parameters": {}},
    {"type": "skpneumo.build_cnn", "parameters": {"input_shape": [1, 1, 1]}},
]


@pytest.mark.parametrize("entry", FOREIGN, ids=json.dumps)
def test_unknown_types_are_named(copy_of, rewrite, entry, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    path = rewrite(copy_of("linear"), lambda c: c["model.json"]["objects"].insert(0, entry))
    with pytest.raises(ValueError, match=r"known types|is not a type"):
        load_model(path)
    assert not (tmp_path / "made").exists()


VALUES = [
    ({"function": "os.system"}, "'os.system', which is not among"),
    ({"function": "skpneumo.CNNClassifier"}, "not a function"),
    ({"record": ["skpneumo.CNNClassifier", {"dict": []}]}, "not a record"),
    ({"keras": ["keras.layers.Lambda", {"dict": [["function", "print"]]}]}, "unknown optimizer"),
    ({"keras": ["keras.optimizers.SGD", {"dict": [["learning_rate", "x"]]}]}, "learning_rate"),
    ({"named": ["skpneumo.CNNClassifier", []]}, "not a named tuple"),
    ({"pickle": "gASVAAAAAA=="}, "unknown kind 'pickle'"),
    ({"array": "missing"}, "missing"),
    ({"array": {"name": "array0", "dtype": "object"}}, "malformed array"),
    ({"text": ["U", [1000, 1000, 1000], ["a"]]}, "reshape"),
    ({"text": ["U", [30_000], ["a" * 600, *[""] * 29_999]]}, "arrays of text need more than"),
    ({"scorer": [{"function": "os.system"}, True, "predict", {"dict": []}]}, "os.system"),
    ({"float": "1e999"}, "malformed float"),
    ({"scalar": ["object", 1]}, "malformed scalar"),
    ({"list": [], "tuple": []}, "without a kind"),
    ([1], "without a kind"),
]


@pytest.mark.parametrize(("value", "reason"), VALUES, ids=str)
@pytest.mark.parametrize("part", ["parameters", "state"])
def test_foreign_values_are_refused(copy_of, rewrite, part, value, reason):
    def change(content):
        object_of(content, "LogisticRegression")[part]["C" if part == "parameters" else "x_"] = (
            value
        )

    path = rewrite(copy_of("linear"), change)
    with pytest.raises(ValueError, match=reason):
        load_model(path)


@pytest.mark.parametrize(
    ("kind", "part", "name", "value", "reason"),
    [
        ("LogisticRegression", "parameters", "C", -1, "wrong parameters.*'C'"),
        ("LogisticRegression", "parameters", "D", 1, "wrong parameters.*'D'"),
        ("LogisticRegression", "state", "predict", 1, "'predict'.*not a fitted attribute"),
        ("LogisticRegression", "state", "C", 1, "'C'.*not a fitted attribute"),
        ("LogisticRegression", "state", "__class__", 1, "'__class__'.*not a fitted attribute"),
        ("ImageLoader", "parameters", "cache", "/tmp/anywhere", "sets cache"),
        ("ImageLoader", "parameters", "n_jobs", 10**6, "n_jobs"),
        ("Pipeline", "parameters", "memory", "/tmp/anywhere", "sets memory"),
        ("CNNClassifier", "parameters", "callbacks", {"list": []}, "sets callbacks"),
        ("CNNClassifier", "parameters", "n_tta", 10**9, "at most 1000 is allowed"),
        ("CNNClassifier", "state", "weights_", {"list": []}, "0 arrays|layers"),
        ("CNNClassifier", "state", "weights_", None, "not a list of arrays"),
        ("CNNClassifier", "state", "network_spec_", None, "not described"),
        ("CNNClassifier", "state", "classes_", None, "without classes"),
        ("CNNClassifier", "state", "value_range_", {"tuple": [0, "a"]}, "invalid value range"),
        ("CNNClassifier", "state", "input_shape_", {"tuple": [8, 8, 1]}, "another shape"),
        ("ImageResampler", "state", "sampler_", 1, "saved without any"),
    ],
)
def test_wrong_parts_are_refused(copy_of, rewrite, kind, part, name, value, reason):
    def change(content):
        object_of(content, kind).setdefault(part, {})[name] = value

    path = rewrite(copy_of("linear" if kind.startswith("Log") else "pipeline"), change)
    with pytest.raises(ValueError, match=reason):
        load_model(path)


def test_endlessly_nested_estimators_are_refused(copy_of, rewrite):
    """Twenty objects that each contain the previous one twice."""

    def change(content):
        model = content["model.json"]
        for _ in range(20):
            last = {"object": len(model["objects"]) - 1}
            steps = {"list": [{"tuple": [f"s{i}", last]} for i in range(2)]}
            model["objects"].append(
                {"type": "sklearn.pipeline.Pipeline", "parameters": {"steps": steps}}
            )
        model["model"] = {"object": len(model["objects"]) - 1}

    path = rewrite(copy_of("linear"), change)
    with pytest.raises(ValueError, match="nested estimators"):
        load_model(path)


# Networks: shapes are compared with the arrays before anything is built


MILLION = 10**6


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("filters", {"tuple": [MILLION]}, "one of shape .* for weights of .* 1000000"),
        ("filters", {"tuple": [MILLION, MILLION]}, "arrays for"),
        ("filters", {"tuple": [1] * 1000}, "1000 layers"),
        ("dense_units", {"tuple": [2**62]}, "arrays|cannot be built"),
        ("convs_per_block", 10**9, "layers"),
        ("stem_filters", MILLION, "arrays for"),
        ("kernel_size", 10**9, "arrays do not match"),
        ("input_shape", {"tuple": [MILLION, MILLION, 1]}, "another shape|at most"),
        ("n_outputs", MILLION, "another number"),
        ("weights", "/etc/passwd", "wrong arguments"),
        ("dtype", "float64", "wrong arguments"),
        ("seed", 1, "wrong arguments"),
        ("activation", {"dict": [["class_name", "Lambda"]]}, "malformed arguments"),
        ("activation", "builtins.eval", "cannot be built"),
        ("kernel_initializer", "keras.saving.load_model", "cannot be built"),
    ],
)  # fmt: skip
def test_a_network_that_does_not_match_its_arrays_is_refused(
    copy_of, rewrite, name, value, reason
):
    path = rewrite(copy_of("network"), set_argument(name, value))
    reset_peak_memory()
    before = peak_memory()
    with pytest.raises(ValueError, match=reason):
        load_model(path)
    assert peak_memory() - before < 200 * 2**20


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("backbone", "os", "cannot be built"),
        ("backbone_options", {"tuple": [{"tuple": ["alpha", 1000.0]}]}, "not match its network"),
        (
            "backbone_options",
            {"tuple": [{"tuple": ["weights", "/etc/passwd"]}]},
            "cannot be built",
        ),
        ("head_units", {"tuple": [MILLION]}, "not match its network"),
    ],
)
def test_a_backbone_that_does_not_match_its_arrays_is_refused(
    copy_of, rewrite, name, value, reason
):
    path = rewrite(copy_of("backbone"), set_argument(name, value))
    with pytest.raises(ValueError, match=reason):
        load_model(path)


def test_weights_are_not_read_from_a_path(copy_of, rewrite):
    def change(content):
        object_of(content, "TransferClassifier")["parameters"]["weights"] = "/etc/passwd"

    with pytest.raises(ValueError, match="sets weights of a"):
        load_model(rewrite(copy_of("backbone"), change))


def test_malformed_arrays_are_refused(copy_of, rewrite):
    for arrays in (
        b"",
        b"\xff" * 64,
        (10**12).to_bytes(8, "little") + b"{}",
        header({"array0": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 4]}}) + bytes(4),
        header({"array0": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}) + bytes(4),
    ):
        path = rewrite(copy_of("linear"), lambda c, a=arrays: c.update({"arrays.safetensors": a}))
        with pytest.raises(ValueError, match="arrays cannot be read"):
            load_model(path)


def header(content):
    text = json.dumps(content).encode()
    return len(text).to_bytes(8, "little") + text


# Provenance


def test_provenance_is_read_without_the_model(copy_of, rows, tmp_path):
    known = {"patients": ["a", "b"], "figures": {"recall": 0.98, "n": 5}, "note": "é", "x": None}
    path = tmp_path / "model.skpneumo"
    save_model(LogisticRegression().fit(*rows), path, provenance=known)
    assert read_provenance(path) == known
    assert read_provenance(copy_of("linear")) == {}


@pytest.mark.parametrize(
    ("provenance", "error", "reason"),
    [
        ({"a": float("nan")}, ValueError, "finite"),
        ({"a": object()}, TypeError, "not JSON serializable"),
        ({"a": (1, 2)}, TypeError, "has no tuples"),
        ({1: 2}, TypeError, "only text as keys"),
        ({"a": "x" * 16_000_001}, ValueError, "at most 16000000"),
    ],
    ids=["nan", "object", "tuple", "key", "long"],
)
def test_provenance_that_json_would_change_is_refused(rows, tmp_path, provenance, error, reason):
    with pytest.raises(error, match=reason):
        save_model(
            LogisticRegression().fit(*rows), tmp_path / "model.skpneumo", provenance=provenance
        )
    assert not list(tmp_path.iterdir())


def test_reading_provenance_imports_no_keras(copy_of):
    import subprocess

    program = (
        "import sys; from skpneumo import read_provenance; read_provenance(sys.argv[1]); "
        "print({'keras', 'tensorflow', 'sklearn'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(copy_of("network"))],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "set()"
