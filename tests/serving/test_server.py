import socket
import threading
import time

import httpx2
import pytest

from skpneumo.serving import check_server, make_app, run_server
from skpneumo.serving._server import _listening, server_of


@pytest.fixture(scope="module")
def address(model):
    """A server in a thread of this process."""
    with _listening("127.0.0.1", 0) as listener:
        server = server_of(make_app(model))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def test_images_are_answered_over_a_connection(address, contents):
    response = httpx2.post(f"{address}/predict", content=contents[0])
    assert response.status_code == 200
    assert "server" not in response.headers


def test_it_listens_on_this_machine_alone(address):
    own = {each[4][0] for each in socket.getaddrinfo(socket.gethostname(), None)}
    for other in own - {"127.0.0.1", "::1"}:
        if not other.startswith("127."):
            with (
                pytest.raises(OSError),
                socket.create_connection((other, int(address.rpartition(":")[2])), timeout=2),
            ):
                pass


def test_many_clients_at_once_lose_no_answer(address, contents, model, xrays):
    expected = model.predict_proba(xrays.filenames)[:, 1]
    wrong = []

    def ask(first):
        with httpx2.Client(base_url=address) as client:
            for row in range(first, len(contents), 5):
                while True:
                    response = client.post("/predict", content=contents[row])
                    if response.status_code != 503:
                        break
                    time.sleep(0.05)
                if response.json()["probability"] != pytest.approx(expected[row], abs=1e-6):
                    wrong.append(row)

    threads = [threading.Thread(target=ask, args=(i % 5,)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_address_in_use_is_named_with_the_remedy(model):
    with _listening("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        reason = rf"port {port} \(Address already in use\). Pass .*another port to run_server"
        with pytest.raises(OSError, match=reason):
            run_server(make_app(model), port)


@pytest.mark.parametrize(
    ("function", "error", "reason"),
    [
        # Numbers of these errors differ between systems.
        (
            "getaddrinfo",
            socket.gaierror(-2, "Name or service not known"),
            "Name or service not kn",
        ),
        ("getaddrinfo", socket.gaierror(8, "nodename nor servname provided"), "nodename nor"),
        (
            "create_server",
            OSError(10048, "Only one usage (while attempting to bind on address ('::1', 80))"),
            "Only one usage",
        ),
        ("create_server", OSError("no number"), "no number"),
    ],
)
def test_the_reason_is_that_of_any_system(function, error, reason, monkeypatch):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(socket, function, fail)
    with pytest.raises(OSError, match=rf"port 80 \({reason}[a-z ]*\)\. Pass another host"):
        _listening("127.0.0.1", 80)


@pytest.mark.parametrize(
    "request_line", ["nonsense", "GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c"]
)
def test_odd_requests_are_not_logged(address, caplog, request_line):
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"{request_line}\r\nHost: {host}:{port}\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1")
    assert caplog.record_tuples == []


def test_the_address_has_the_token_where_there_is_one(model, monkeypatch):
    import uvicorn

    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: None)
    said = []
    token = "x" * 24
    run_server(make_app(model, token=token), 0, ready=said.append)
    assert said[0].startswith("http://127.0.0.1:")
    assert said[0].endswith(f"/#token={token}")
    run_server(make_app(model, host="::1"), 0, ready=said.append)
    assert said[1].startswith("http://[::1]:")


@pytest.mark.parametrize("port", [-1, 65536, 70000])
def test_ports_that_no_system_has_are_refused(port):
    with pytest.raises(ValueError, match=f"port={port}: expected a number from 0 to 65535"):
        check_server(port=port)
