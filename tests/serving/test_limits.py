import pytest

from skpneumo.serving import Limits


@pytest.mark.parametrize("name", ["max_bytes", "max_pixels", "max_waiting", "timeout"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_a_limit_is_more_than_nothing(name, value):
    with pytest.raises(ValueError, match=f"{name}="):
        Limits(**{name: value})
