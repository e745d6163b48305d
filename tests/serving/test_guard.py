import pytest
from fastapi.testclient import TestClient

from skpneumo.serving import make_app

TOKEN = "a-token-of-twenty-letters"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "user@127.0.0.1", "[::1"],
)
def test_foreign_hosts_are_refused(client, host):
    for path in ("/", "/model", "/openapi.json", "/nothing"):
        response = client.get(path, headers={"Host": host})
        assert response.status_code == 421
        assert "name" in response.json()["detail"]


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:9999", "[::1]:8000", "LOCALHOST"])
def test_names_of_this_machine_are_accepted(client, host):
    assert client.get("/model", headers={"Host": host}).status_code == 200


def test_two_hosts_are_refused(client):
    headers = [("Host", "127.0.0.1:8000"), ("Host", "evil.example")]
    assert client.get("/model", headers=headers).status_code == 421


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://127.0.0.1:8001",
        "http://127.0.0.1",
        "http://localhost:8000",
        "null",
        "",
        "file://127.0.0.1:8000",
    ],
)
def test_foreign_origins_are_refused_before_the_body_is_read(client, contents, origin):
    response = client.post("/predict", content=contents[0], headers={"Origin": origin})
    assert response.status_code == 403
    assert "access-control-allow-origin" not in response.headers


def test_the_own_origin_is_accepted(client, contents):
    headers = {"Origin": "http://127.0.0.1:8000"}
    assert client.post("/predict", content=contents[0], headers=headers).status_code == 200


def test_other_sites_may_link_to_the_page_and_no_more(client):
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    assert client.get("/model", headers=elsewhere).status_code == 403
    assert client.get("/", headers={**elsewhere, "Sec-Fetch-Mode": "no-cors"}).status_code == 403
    assert client.get("/", headers={**elsewhere, "Sec-Fetch-Mode": "navigate"}).status_code == 200
    assert client.get("/model", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_browsers_are_asked_for_every_refusal_preflight_included(client):
    response = client.options(
        "/predict",
        headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"},
    )
    assert response.status_code == 403


def test_every_answer_forbids_keeping_framing_and_foreign_content(client):
    for response in (
        client.get("/"),
        client.get("/model"),
        client.get("/nothing"),
        client.get("/", headers={"Host": "evil.example"}),
    ):
        assert response.headers["cache-control"] == "no-store"
        policy = response.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in policy
        assert "http" not in policy
        assert "unsafe" not in policy
        assert "server" not in response.headers


def test_elsewhere_all_but_the_page_needs_the_token(model, contents):
    app = make_app(model, host="ward.example", token=TOKEN)
    with TestClient(app, base_url="http://ward.example") as client:
        for path in ("/", "/page.css", "/page.js", "/server.js"):
            assert client.get(path).status_code == 200
        assert 'data-token="yes"' in client.get("/").text
        for given in ({}, {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": TOKEN}):
            for path in ("/model", "/openapi.json", "/nothing"):
                assert client.get(path, headers=given).status_code == 401
            for path in ("/predict", "/explain"):
                response = client.post(path, content=contents[0], headers=given)
                assert response.status_code == 401
                assert response.headers["www-authenticate"] == "Bearer"
        right = {"Authorization": f"Bearer {TOKEN}"}
        assert client.get("/model", headers=right).status_code == 200
        assert client.post("/predict", content=contents[0], headers=right).status_code == 200
        assert client.get("/model", headers={**right, "Host": "localhost"}).status_code == 421
