import gzip
import json
import logging
import threading

import numpy as np
import pytest
from fastapi.testclient import TestClient

from skpneumo import RecallFloorClassifier
from skpneumo._page_style import lists_on_phones
from skpneumo.serving import Limits, make_app

BASE = "http://127.0.0.1:8000"
STRICT = {"Content-Type": "application/octet-stream"}


def test_predict_answers_for_one_raw_body(client, model, xrays, contents):
    answer = client.post("/predict", content=contents[0], headers=STRICT).json()
    expected = model.predict_proba(xrays.filenames[:1])[0, 1]
    assert answer["probability"] == pytest.approx(expected, abs=1e-6)
    assert answer["label"] in ("NORMAL", "PNEUMONIA")
    assert answer["gate"] is None


def test_a_dicom_file_is_answered(client, tmp_path):
    from ..loading.dicom_writing import write_dicom

    path = write_dicom(tmp_path / "a.dcm", np.arange(600, dtype=np.uint16).reshape(20, 30))
    with open(path, "rb") as file:
        assert client.post("/predict", content=file.read()).status_code == 200


def test_explain_answers_with_a_picture(client, contents):
    response = client.post("/explain", content=contents[0])
    assert response.headers["content-type"] == "image/png"
    assert response.content.startswith(b"\x89PNG")
    response = client.post("/explain?method=hires_cam", content=contents[0])
    assert response.status_code == 422
    assert "network" in response.json()["detail"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/explain?method=nothing", "method=nothing: Input should be 'occlusion', 'hires_cam'"),
        ("/explain?kind=occlusion", "no parameter 'kind'; /explain takes method and target."),
        ("/predict?threshold=0.5", "There is no parameter 'threshold'; /predict takes none."),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"Prefer": "handling=lenient"}])
def test_wrong_parameters_are_422_with_the_reason(client, path, reason, headers):
    body = iter(range(20))
    sent = (bytes([each]) for each in body)
    response = client.post(path, content=sent, headers=headers)
    assert response.status_code == 422
    assert reason in response.json()["detail"]
    assert list(body) == []  # read to the end, because many clients see no answer while sending


@pytest.mark.parametrize("path", ["/", "/page.js", "/model"])
def test_head_answers_as_get_without_the_body(client, path):
    response = client.head(path)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"] == client.get(path).headers["content-type"]


@pytest.mark.parametrize("body", [b"", b"hello", b"\xff\xd8\xff\xe0cut"])
def test_other_files_than_images_are_422_with_the_reason(client, body):
    for path in ("/predict", "/explain"):
        response = client.post(path, content=body)
        assert response.status_code == 422
        assert "memory:" not in response.json()["detail"]
        assert ("file is empty" in response.json()["detail"]) == (body == b"")


def test_a_page_gets_the_reason_without_an_error_of_the_connection(client):
    response = client.post("/predict", content=b"hello", headers={"Prefer": "handling=lenient"})
    assert response.status_code == 200
    assert response.json()["status"] == 422
    assert "not a JPEG" in response.json()["detail"]


def test_forms_are_refused(client, contents):
    response = client.post("/predict", files={"file": ("a.jpeg", contents[0])})
    assert response.status_code == 415
    assert "one request for each image" in response.json()["detail"]


@pytest.mark.parametrize("path", ["/predict", "/explain"])
@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br, gzip"])
def test_compressed_bodies_are_refused(client, contents, path, encoding):
    body = gzip.compress(contents[0])
    response = client.post(path, content=body, headers={"Content-Encoding": encoding})
    assert response.status_code == 415
    assert response.headers["accept-encoding"] == "identity"
    assert response.json()["detail"] == (
        f"The body is compressed (Content-Encoding: {encoding.lower()}), which is not undone "
        "here. Send the file itself, without this header."
    )
    for other in ("identity", "binary"):
        headers = {"Content-Encoding": other}
        assert client.post("/predict", content=contents[0], headers=headers).status_code == 200
    lenient = {"Content-Encoding": encoding, "Prefer": "handling=lenient"}
    assert client.post(path, content=body, headers=lenient).json()["status"] == 415


def limited(model, **limits):
    return TestClient(make_app(model, limits=Limits(**limits)), base_url=BASE)


def chunks(size, n_chunks):
    return (bytes(size) for _ in range(n_chunks))


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize(("size", "n_chunks"), [(1001, 1), (10_000, 1), (100, 11), (1000, 9)])
def test_large_bodies_are_refused_declared_or_not(model, size, n_chunks, declared):
    body = bytes(size * n_chunks) if declared else chunks(size, n_chunks)
    with limited(model, max_bytes=1000) as client:
        response = client.post("/predict", content=body)
    assert response.status_code == 413
    assert "1,000 bytes" in response.json()["detail"]
    assert response.headers["connection"] == "close"


def test_many_pixels_are_refused_before_they_are_decoded(model, image_of):
    with limited(model, max_pixels=1000) as client:
        response = client.post("/predict", content=image_of(50, 21))
        assert response.status_code == 413
        assert "50 x 21 pixels" in response.json()["detail"]
        assert client.post("/predict", content=image_of(50, 20)).status_code == 200


class Slow:
    """Model that waits for permission to predict."""

    def __init__(self, model):
        self.model, self.classes_ = model, model.classes_
        self.asked, self.go = threading.Event(), threading.Event()

    def predict_proba(self, paths):
        self.asked.set()
        assert self.go.wait(20)
        return self.model.predict_proba(paths)

    def predict(self, paths):
        return self.model.predict(paths)


def test_a_request_beyond_the_queue_is_503_and_the_others_are_answered(model, contents):
    slow = Slow(model)
    with limited(slow, max_waiting=3, batch_size=2) as client:
        statuses = []
        threads = [
            threading.Thread(
                target=lambda i=i: statuses.append(
                    client.post("/predict", content=contents[i]).status_code
                )
            )
            for i in range(3)
        ]
        threads[0].start()
        assert slow.asked.wait(20)
        for thread in threads[1:]:
            thread.start()
        refused = None
        for _ in range(200):  # until the three are in
            response = client.get("/model")
            assert response.status_code == 200  # what needs no model is answered meanwhile
            refused = client.post("/predict", content=b"x")
            if refused.status_code == 503:
                break
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        slow.go.set()
        for thread in threads:
            thread.join()
        assert statuses == [200, 200, 200]
        assert client.post("/predict", content=contents[0]).status_code == 200


class Broken(Slow):
    def predict_proba(self, paths):
        raise RuntimeError(f"secret of {paths}")


def test_an_error_of_the_model_is_500_and_neither_answer_nor_log_tells_values(
    model, contents, caplog
):
    with caplog.at_level(logging.DEBUG), limited(Broken(model)) as client:
        response = client.post("/predict", content=contents[0])
    assert response.status_code == 500
    assert response.json() == {"detail": "The model failed with RuntimeError."}
    ours = [record for record in caplog.records if record.name.startswith("skpneumo")]
    assert [record.levelname for record in ours] == ["ERROR"]
    assert "test_routes.py" in ours[0].getMessage()
    assert "secret" not in caplog.text
    assert "memory:" not in caplog.text


def test_nothing_is_written_to_disk_or_logged(client, contents, caplog, monkeypatch):
    import builtins
    import tempfile

    def refuse(*arguments, **_):
        raise AssertionError(f"a temporary file was made: {arguments}")

    opened = builtins.open

    def only_reading(file, mode="r", *arguments, **options):
        assert not set(mode) & set("wax+"), f"{file} was opened to be written"
        return opened(file, mode, *arguments, **options)

    for name in ("SpooledTemporaryFile", "TemporaryFile", "NamedTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, refuse)
    monkeypatch.setattr(builtins, "open", only_reading)
    big = contents[0] + bytes(3 * 2**20)  # forms of this size are spooled
    with caplog.at_level(logging.INFO):
        assert client.post("/predict", content=contents[0]).status_code == 200
        assert client.post("/predict", content=big).status_code in (200, 422)
    assert [record for record in caplog.records if record.name != "httpx2"] == []


def test_model_route_describes_the_model_and_its_guarantee(client, model, xrays):
    said = client.get("/model").json()
    assert said["classes"] == ["NORMAL", "PNEUMONIA"]
    assert said["positive"] == "PNEUMONIA"
    assert said["recall_floor"] is None
    assert said["methods"] == ["occlusion"]
    assert said["limits"]["max_waiting"] == 32
    assert "Not a medical device" in said["notice"]
    floor = RecallFloorClassifier(model, recall=0.5, confidence=0.5)
    floor.fit(xrays.filenames, xrays.target)
    with limited(floor) as other:
        said = other.get("/model").json()
    assert said["recall_floor"]["recall"] == 0.5
    assert said["recall_floor"]["guarantee"] == floor.guarantee_
    assert said["threshold"] == pytest.approx(floor.threshold_)


def test_openapi_names_every_route_and_no_host(client):
    described = client.get("/openapi.json").json()
    assert set(described["paths"]) == {"/predict", "/explain", "/model"}
    text = json.dumps(described)
    assert "http://" not in text
    assert "https://" not in text
    body = described["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert "application/dicom" in body
    for path in ("/docs", "/redoc"):
        assert client.get(path).status_code == 404


def test_the_page_needs_nothing_from_elsewhere(client):
    page = client.get("/").text
    assert 'data-token="no"' in page
    for path in ("/", "/page.css", "/page.js", "/server.js"):
        response = client.get(path)
        assert response.status_code == 200
        assert "://" not in response.text


def test_the_page_lists_results_on_a_phone_as_all_pages_do(client):
    rule = lists_on_phones("#results")
    assert client.get("/page.css").text.startswith(rule)
    assert 'id="results"' in client.get("/").text
    assert "dataset.of" in client.get("/page.js").text
