import hashlib
import socket
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from skpneumo.cli import main


@pytest.fixture
def started(monkeypatch):
    """The applications that would have been served, with their addresses."""
    import skpneumo.serving as serving

    found = []

    def run(app, port=8000, *, ready=None):
        found.append((app, port))
        ready("http://somewhere/")

    monkeypatch.setattr(serving, "run_server", run)
    monkeypatch.setattr(serving, "check_server", lambda *_, **__: None)  # of other machines
    monkeypatch.delenv("SKPNEUMO_TOKEN", raising=False)
    return found


def test_a_model_is_served_on_this_machine(model_file, xrays, started, capsys):
    assert main(["serve", str(model_file), "--max-megabytes", "2", "--port", "0"]) == 0
    out, err = capsys.readouterr()
    assert "http://somewhere/" in out
    assert "Not a medical device" in out
    assert err == ""
    app, port = started[0]
    assert (port, app.state.host, app.state.token) == (0, "127.0.0.1", None)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        said = client.get("/model").json()
        with open(xrays.filenames[0], "rb") as file:
            answer = client.post("/predict", content=file.read()).json()
    assert said["sha256"] == hashlib.sha256(Path(model_file).read_bytes()).hexdigest()
    assert said["limits"]["max_bytes"] == 2 * 2**20
    assert said["methods"] == [
        "occlusion", "hires_cam", "grad_cam", "grad_cam++", "integrated_gradients"
    ]  # fmt: skip
    assert answer["label"] in said["classes"]


def test_three_classes_have_a_probability_each(three_class_model_file, xrays, started):
    assert main(["serve", str(three_class_model_file)]) == 0
    with TestClient(started[0][0], base_url="http://localhost") as client:
        said = client.get("/model").json()
        with open(xrays.filenames[0], "rb") as file:
            answer = client.post("/predict", content=file.read()).json()
    assert said["positive"] is said["threshold"] is None
    assert answer["probability"] is None
    assert list(answer["probabilities"]) == said["classes"]
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-4)


def test_an_onnx_file_is_served_without_heat_maps(model_file, xrays, started, tmp_path):
    out = tmp_path / "model.onnx"
    assert main(["export", str(model_file), str(out), xrays.filenames[0]]) == 0
    assert main(["serve", str(out)]) == 0
    with TestClient(started[0][0], base_url="http://localhost") as client:
        said = client.get("/model").json()
        with open(xrays.filenames[0], "rb") as file:
            answer = client.post("/predict", content=file.read()).json()
    assert said["methods"] == []
    assert answer["label"] in said["classes"]


def test_elsewhere_there_is_a_token_from_the_environment_or_a_new_one(
    model_file, started, monkeypatch
):
    arguments = ["serve", str(model_file), "--host", "192.168.1.7"]
    assert main(arguments) == 0
    monkeypatch.setenv("SKPNEUMO_TOKEN", "y" * 30)
    assert main(arguments) == 0
    (first, _), (second, _) = started
    assert len(first.state.token) >= 40
    assert second.state.token == "y" * 30


@pytest.mark.parametrize(
    ("options", "token", "said"),
    [
        (["--host", "0.0.0.0"], "", "Name the hosts that requests are addressed to"),
        (["--host", "nowhere.invalid"], "", "Choose another with --host or --port."),
        (["--port", "0"], "short", "The token has 5 characters"),
    ],
)
def test_what_is_refused_is_refused_before_the_model_is_loaded(
    options, token, said, monkeypatch, capsys
):
    monkeypatch.setenv("SKPNEUMO_TOKEN", token)
    assert main(["serve", "not-even-looked-for", *options]) == 1
    assert said in capsys.readouterr().err


def test_a_port_in_use_is_found_before_the_model_is_loaded(monkeypatch, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "not-even-looked-for", "--port", str(port)]) == 1
    assert f"Cannot listen on 127.0.0.1, port {port}" in capsys.readouterr().err
