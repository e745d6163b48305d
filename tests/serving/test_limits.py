import pytest

from skpneumo.serving import Limits


@pytest.mark.parametrize("name", ["max_bytes", "max_pixels", "max_waiting", "timeout"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_limits_must_be_positive(name, value):
    with pytest.raises(ValueError, match=f"{name}="):
        Limits(**{name: value})
