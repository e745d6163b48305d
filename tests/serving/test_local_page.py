import io
import json
import os
import shutil
import tarfile

import numpy as np
import pytest
from PIL import Image

from skpneumo.serving import write_local_page

from .browsing import chromium, drop, finished, messages, needs_chromium, picture, table, wait

onnx = pytest.importorskip("onnx")

FACTS = {
    "format": 1, "classes": [0, 1], "names": ["NORMAL", "PNEUMONIA"], "positive": 1,
    "threshold": 0.4, "upper_threshold": 0.6, "chosen_by": "RecallFloorClassifier",
    "guarantee": {"recall": 0.95, "confidence": 0.9, "guarantee": "exact", "terms": "Exact."},
    "version": "0.1.0",
}  # fmt: skip


def small_graph():
    """The mean grey level as a probability, in the form of an exported classifier."""
    from onnx import TensorProto, helper, numpy_helper

    def constant(name, value, dtype):
        return numpy_helper.from_array(np.array(value, dtype), name)

    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.DOUBLE),
        helper.make_node("ReduceMean", ["real"], ["mean"], keepdims=0),
        helper.make_node("Div", ["mean", "levels"], ["share"]),
        helper.make_node("Reshape", ["share", "shape"], ["positive"]),
        helper.make_node("Sub", ["one", "positive"], ["negative"]),
        helper.make_node("Concat", ["negative", "positive"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
        helper.make_node("Identity", ["label"], ["decision"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["h", "w", "c"])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.DOUBLE, [1, 2]),
            helper.make_tensor_value_info("label", TensorProto.INT64, [1]),
            helper.make_tensor_value_info("decision", TensorProto.INT64, [1]),
        ],
        [
            constant("levels", 255.0, np.float64),
            constant("one", 1.0, np.float64),
            constant("shape", [1, 1], np.int64),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    properties = {name: json.dumps(value) for name, value in FACTS.items()}
    helper.set_model_props(model, properties | {"card": "# A card"})
    return model.SerializeToString()


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(small_graph())
    return path


def packed(path, **parts):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in parts.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


PARTS = {
    "package.json": b'{"name": "onnxruntime-web", "version": "9.9.9"}',
    "dist/ort.wasm.bundle.min.mjs": b"export const env = 1;",
    "dist/ort-wasm-simd-threaded.wasm": b"\0asm",
}


def test_everything_is_in_one_file_that_connects_to_nothing(model, tmp_path):
    out = tmp_path / "page.html"
    write_local_page(model, out, runtime=packed(tmp_path / "a.tgz", **PARTS))
    page = out.read_text("utf-8")
    assert "connect-src 'none'" in page.replace("&#x27;", "'")
    for foreign in ("http://", "https://", ' src="', '<link rel="stylesheet', "server.js"):
        assert foreign not in page
    facts = json.loads(page.partition('id="facts-data">')[2].partition("</script>")[0])
    assert facts["classes"] == ["NORMAL", "PNEUMONIA"]
    assert facts["positive"] == "PNEUMONIA"
    assert facts["recall_floor"]["recall"] == 0.95
    assert facts["versions"]["onnxruntime-web"] == "9.9.9"
    assert "Not a medical device" in facts["notice"]


def test_the_same_input_makes_the_same_page(model, tmp_path):
    runtime = packed(tmp_path / "a.tgz", **PARTS)
    for name in ("one.html", "two.html"):
        write_local_page(model, tmp_path / name, runtime=runtime)
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_an_installed_package_is_taken_as_well(model, tmp_path):
    for name, content in PARTS.items():
        file = tmp_path / "onnxruntime-web" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    write_local_page(model, tmp_path / "page.html", runtime=tmp_path / "onnxruntime-web")
    assert (tmp_path / "page.html").stat().st_size > 1000


def test_what_is_no_runtime_is_refused_with_where_to_get_it(model, tmp_path):
    out = tmp_path / "page.html"
    with pytest.raises(FileNotFoundError, match="npm pack"):
        write_local_page(model, out, runtime=tmp_path / "none.tgz")
    (tmp_path / "text.tgz").write_text("hello")
    with pytest.raises(ValueError, match="not an archive"):
        write_local_page(model, out, runtime=tmp_path / "text.tgz")
    other = PARTS | {"package.json": b'{"name": "other"}'}
    with pytest.raises(ValueError, match="is 'other'"):
        write_local_page(model, out, runtime=packed(tmp_path / "b.tgz", **other))
    short = {name: part for name, part in PARTS.items() if not name.endswith("wasm")}
    with pytest.raises(ValueError, match=r"has no dist/ort-wasm"):
        write_local_page(model, out, runtime=packed(tmp_path / "c.tgz", **short))
    assert not out.exists()


def test_what_is_no_exported_classifier_is_refused(model, tmp_path):
    runtime = packed(tmp_path / "a.tgz", **PARTS)
    other = tmp_path / "other.onnx"
    other.write_bytes(b"\xff hello")
    with pytest.raises(ValueError, match="not an ONNX file"):
        write_local_page(other, tmp_path / "page.html", runtime=runtime)
    read = onnx.load_from_string(small_graph())
    del read.metadata_props[:]
    other.write_bytes(read.SerializeToString())
    with pytest.raises(ValueError, match="which classes"):
        write_local_page(other, tmp_path / "page.html", runtime=runtime)


RUNTIME = os.environ.get("SKPNEUMO_ONNXRUNTIME_WEB")
MODEL = os.environ.get("SKPNEUMO_ONNX_MODEL")


@pytest.mark.slow
@needs_chromium
@pytest.mark.skipif(
    RUNTIME is None,
    reason="SKPNEUMO_ONNXRUNTIME_WEB does not name what `npm pack onnxruntime-web` downloads",
)
def test_a_browser_computes_what_onnxruntime_computes(model, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    if MODEL is not None:  # a real one, from whoever runs this
        shutil.copy(MODEL, model)
    session = onnxruntime.InferenceSession(str(model))
    random = np.random.RandomState(0)
    files, expected = [], []
    for number, shape in enumerate([(40, 50), (300, 200, 3), (1, 1), (777, 1001)]):
        pixels = random.randint(0, 256, shape).astype(np.uint8)
        path = tmp_path / f"{number}.png"
        Image.fromarray(pixels).save(path)
        image = pixels if pixels.ndim == 3 else pixels[:, :, np.newaxis]
        files.append(str(path))
        expected.append(session.run(["probabilities"], {"image": image})[0][0, 1])
    (tmp_path / "bad.jpeg").write_bytes(b"no image")
    page = tmp_path / "page.html"
    write_local_page(model, page, runtime=RUNTIME)
    with chromium(tmp_path / "profile") as driver:
        driver.get(page.as_uri())
        wait(driver, "return !document.getElementById('work').hidden")
        drop(driver, [*files, str(tmp_path / "bad.jpeg")])
        finished(driver, 5)
        found = driver.execute_script("return rows.map(row => row.answer?.probability)")
        picture(driver, "local")
        assert found[:4] == pytest.approx(expected, abs=1e-5)
        assert "not an image" in table(driver)[4][4]
        assert messages(driver) == []
