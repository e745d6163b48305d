import pytest

from skpneumo.serving._access import allowed_names_and_token


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_this_machine_needs_no_token(host):
    names, token = allowed_names_and_token(host, ["box"], None)
    assert token is None
    assert {host, "localhost", "127.0.0.1", "box"} <= set(names)


@pytest.mark.parametrize("host", ["192.168.1.7", "ward.example"])
def test_elsewhere_a_token_is_made_and_local_names_are_foreign(host):
    (names, token), (_, other) = (allowed_names_and_token(host, [], None) for _ in range(2))
    assert names == [host]
    assert len(token) >= 40
    assert token != other


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_every_address_needs_names(host):
    with pytest.raises(ValueError, match="every address of this machine"):
        allowed_names_and_token(host, [], None)
    names, token = allowed_names_and_token(host, ["ward"], None)
    assert names == ["ward"]
    assert token


def test_a_short_token_is_refused_and_a_long_one_is_used_anywhere():
    with pytest.raises(ValueError, match="5 characters"):
        allowed_names_and_token("127.0.0.1", [], "short")
    assert allowed_names_and_token("127.0.0.1", [], "x" * 20)[1] == "x" * 20
