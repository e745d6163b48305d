import io
import json
import os
import tarfile

import numpy as np
import pytest
from PIL import Image

from skpneumo._page_style import lists_on_phones
from skpneumo.serving import write_local_page

from .browsing import chromium, drop, finished, messages, needs_chromium, picture, table, wait

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def model(xrays, tmp_path_factory):
    """A small network with a recall floor, exported."""
    from skpneumo import CNNClassifier, ImageLoader, RecallFloorClassifier, make_pipeline
    from skpneumo.persistence import export_onnx

    network = CNNClassifier(filters=(4,), dense_units=(), epochs=2, random_state=0)
    floor = RecallFloorClassifier(
        make_pipeline(ImageLoader(size=16), network), recall=0.7, confidence=0.7, cv=2
    )
    floor.fit(xrays.X, xrays.target)
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    export_onnx(floor, path, images=xrays.filenames[:2], target_names=xrays.target_names)
    return path


@pytest.fixture(scope="module")
def gated(xrays, tmp_path_factory):
    """A small network with an input gate that withholds, exported."""
    from skpneumo import CNNClassifier, ImageLoader, make_pipeline
    from skpneumo.decision import InputGate
    from skpneumo.persistence import export_onnx

    network = CNNClassifier(filters=(4,), dense_units=(), epochs=2, random_state=0)
    gate = InputGate(
        make_pipeline(ImageLoader(size=16), network), false_alarm_rate=0.3, on_outlier="nan"
    )
    gate.fit(xrays.X, xrays.target)
    path = tmp_path_factory.mktemp("gated") / "gated.onnx"
    export_onnx(gate, path, images=xrays.filenames[:2], target_names=xrays.target_names)
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
    assert lists_on_phones("#results") in page
    for foreign in ("http://", "https://", ' src="', '<link rel="stylesheet', "server.js"):
        assert foreign not in page
    facts = json.loads(page.partition('id="facts-data">')[2].partition("</script>")[0])
    assert facts["classes"] == ["NORMAL", "PNEUMONIA"]
    assert facts["positive"] == "PNEUMONIA"
    assert facts["recall_floor"]["recall"] == 0.7
    assert 31 < facts["darkest"] < 32
    assert 0 < facts["threshold"] < 1
    assert facts["versions"]["onnxruntime-web"] == "9.9.9"
    assert "Not a medical device" in facts["notice"]


def test_the_page_has_the_input_gate_of_the_model(gated, tmp_path):
    from skpneumo.persistence import OnnxClassifier

    out = tmp_path / "page.html"
    write_local_page(gated, out, runtime=packed(tmp_path / "a.tgz", **PARTS))
    text = out.read_text("utf-8").partition('id="facts-data">')[2].partition("</script>")[0]
    gate = json.loads(text)["gate"]
    said = OnnxClassifier(gated).fit()
    assert gate["withholds"] is True
    assert gate["terms"] == said.terms_ != ""
    assert gate["thresholds"] == said.facts_.gate.thresholds
    assert gate["reasons"] == said.facts_.gate.reasons


def test_the_same_input_makes_the_same_page(model, tmp_path):
    runtime = packed(tmp_path / "a.tgz", **PARTS)
    for name in ("one.html", "two.html"):
        write_local_page(model, tmp_path / name, runtime=runtime)
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_an_installed_package_is_accepted(model, tmp_path):
    for name, content in PARTS.items():
        file = tmp_path / "onnxruntime-web" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    write_local_page(model, tmp_path / "page.html", runtime=tmp_path / "onnxruntime-web")
    assert (tmp_path / "page.html").stat().st_size > 1000


def test_other_files_than_the_runtime_are_refused_with_its_source(model, tmp_path):
    out = tmp_path / "page.html"
    with pytest.raises(FileNotFoundError, match="npm pack"):
        write_local_page(model, out, runtime=tmp_path / "none.tgz")
    (tmp_path / "text.tgz").write_text("hello")
    with pytest.raises(ValueError, match="is not an npm archive"):
        write_local_page(model, out, runtime=tmp_path / "text.tgz")
    other = PARTS | {"package.json": b'{"name": "other"}'}
    with pytest.raises(ValueError, match="is 'other'"):
        write_local_page(model, out, runtime=packed(tmp_path / "b.tgz", **other))
    short = {name: part for name, part in PARTS.items() if not name.endswith("wasm")}
    with pytest.raises(ValueError, match=r"has no dist/ort-wasm"):
        write_local_page(model, out, runtime=packed(tmp_path / "c.tgz", **short))
    assert not out.exists()


def test_other_files_than_exported_classifiers_are_refused(model, tmp_path):
    runtime = packed(tmp_path / "a.tgz", **PARTS)
    other = tmp_path / "other.onnx"
    other.write_bytes(b"\xff hello")
    with pytest.raises(ValueError, match="cannot be used as a model"):
        write_local_page(other, tmp_path / "page.html", runtime=runtime)


def test_the_command_writes_it_and_asks_for_the_runtime(model, tmp_path, capsys):
    from skpneumo.cli import main

    out = tmp_path / "page.html"
    assert main(["export", str(model), str(out)]) == 1
    assert "npm pack onnxruntime-web" in capsys.readouterr().err
    runtime = packed(tmp_path / "a.tgz", **PARTS)
    assert main(["export", str(model), str(out), "--runtime", str(runtime)]) == 0
    assert "Open it in a browser" in capsys.readouterr().out
    assert out.read_text("utf-8").startswith("<!doctype html>")


RUNTIME = os.environ.get("SKPNEUMO_ONNXRUNTIME_WEB")


needs_runtime = pytest.mark.skipif(
    RUNTIME is None,
    reason="SKPNEUMO_ONNXRUNTIME_WEB does not name what `npm pack onnxruntime-web` downloads",
)


@pytest.mark.slow
@needs_chromium
@needs_runtime
def test_a_browser_computes_what_onnxruntime_computes(model, tmp_path):
    import onnxruntime

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
    Image.fromarray(np.full((20, 20), 4095, np.uint16)).save(tmp_path / "dark.png")
    refused = [str(tmp_path / "bad.jpeg")]
    for form in ("bmp", "gif", "webp"):  # which a browser can read, but skpneumo does not
        refused.append(str(tmp_path / f"other.{form}"))
        Image.new("L", (40, 50), 90).save(refused[-1])
    page = tmp_path / "page.html"
    write_local_page(model, page, runtime=RUNTIME)
    with chromium(tmp_path / "profile") as driver:
        driver.get(page.as_uri())
        wait(driver, "return !document.getElementById('work').hidden")
        drop(driver, [*files, *refused, str(tmp_path / "dark.png")])
        finished(driver, 9)
        found = driver.execute_script("return rows.map(row => row.answer?.probability)")
        picture(driver, "local")
        differences = np.abs(np.array(found[:4]) - expected)
        assert differences.max() < 1e-5
        assert (
            len({round(each, 4) for each in expected}) > 1
        )  # or the comparison would show nothing
        *others, dark = table(driver)[4:]
        assert all("not a JPEG or PNG file" in row[4] for row in others)
        assert "nearly black" in dark[4]
        assert messages(driver) == []


@pytest.mark.slow
@needs_chromium
@needs_runtime
def test_a_browser_withholds_what_the_input_gate_withholds(gated, xrays, tmp_path):
    from skpneumo.persistence import OnnxClassifier

    files = []
    for number, path in enumerate(xrays.filenames[:6]):
        upright = np.asarray(Image.open(path))  # lossless, and so the same pixels
        for name, pixels in (("upright", upright), ("negative", 255 - upright)):
            files.append(str(tmp_path / f"{number}-{name}.png"))
            Image.fromarray(pixels).save(files[-1])
    exported = OnnxClassifier(gated)
    expected, reasons = exported.predict_proba(files)[:, 1], exported.reasons(files)
    assert 0 < np.sum(reasons == "") < len(files)  # or the comparison would show nothing
    page = tmp_path / "page.html"
    write_local_page(gated, page, runtime=RUNTIME)
    with chromium(tmp_path / "profile") as driver:
        driver.get(page.as_uri())
        wait(driver, "return !document.getElementById('work').hidden")
        drop(driver, files)
        finished(driver, len(files))
        answers = driver.execute_script("return rows.map(row => row.answer)")
        picture(driver, "local-gated")
        assert messages(driver) == []
    found = [np.nan if each["probability"] is None else each["probability"] for each in answers]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert [each["gate"]["reason"] for each in answers] == reasons.tolist()
    assert all((each["decision"] is None) == (not each["gate"]["passed"]) for each in answers)
