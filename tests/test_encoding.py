"""Values are encoded as JSON and arrays, and decoded to the same values bit for bit."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from skpneumo._encoding import Decoder, Encoder, Registry, read_json

EMPTY = Registry({})

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
    ),
    max_leaves=10,
)


def there_and_back(value):
    encoder = Encoder(EMPTY)
    text = json.dumps(encoder.encode(value), allow_nan=False)
    return Decoder(EMPTY, encoder.arrays).decode(json.loads(text))


@given(values)
def test_plain_values_come_back(value):
    found = there_and_back(value)
    assert repr(found) == repr(value)


@given(
    arrays_of.arrays(
        st.sampled_from(["?", "i1", "u1", "<i4", "u8", "f2", "f4", "f8"]),
        arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    ),
    st.booleans(),
)
def test_arrays_come_back(array, transposed):
    array = array.T if transposed else array
    found = there_and_back(array)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.flags.c_contiguous == array.flags.c_contiguous
    assert found.tobytes() == array.tobytes()


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float16", "float32", "float64"])
@pytest.mark.parametrize("value", [0, 1, 0.1, math.inf, math.nan])
def test_scalars_of_numpy_come_back(dtype, value):
    with np.errstate(invalid="ignore"):
        scalar = np.array(value).astype(dtype)[()]
    found = there_and_back(scalar)
    assert type(found) is type(scalar)
    assert found.tobytes() == scalar.tobytes()


def test_arrays_that_fit_in_float16_take_half_the_space():
    array = np.linspace(-1, 1, 5000, dtype=np.float16).astype(np.float32)
    for special in (0.0, -0.0, np.inf, 2.0**-24):
        array[7] = special
        encoder = Encoder(EMPTY)
        encoder.encode(array)
        assert encoder.arrays["array0"].dtype == np.float16
        assert there_and_back(array).tobytes() == array.tobytes()
    array[7] = 1e5
    assert there_and_back(array).tobytes() == array.tobytes()


def test_an_array_in_two_places_is_stored_once():
    array = np.zeros(3)
    encoder = Encoder(EMPTY)
    structure = encoder.encode([array, array, np.zeros(3)])
    assert len(encoder.arrays) == 2
    first, second, third = Decoder(EMPTY, encoder.arrays).decode(structure)
    assert first is second is not third


@pytest.mark.parametrize("text", ["[" * 50 + "]" * 50, '["\\"[", "]"]', "[]"])
def test_brackets_in_text_do_not_count_as_depth(text):
    assert read_json(text.encode(), most_bytes=1000, most_entries=1000) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1" * 1001, "1001 bytes"),
        ("[1,2,3]", "3 entries"),
        ("[[[1]]]", "3 nested levels"),
        ('{"a":1,"a":2}', "repeated"),
        ("[Infinity]", "not a number of JSON"),
    ],
)
def test_json_beyond_its_limits_is_refused(text, reason):
    limits = {"most_bytes": 1000, "most_entries": 2 if "," in text and text[0] == "[" else 9}
    with pytest.raises(ValueError, match=reason):
        read_json(text.encode(), **limits, deepest=2)
