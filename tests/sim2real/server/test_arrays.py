import random

import msgpack
import numpy as np
import pytest
from gambol.sim2real.server import arrays


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype="<f4").reshape(2, 3),
        np.array(2.5),
        np.zeros((0, 3), "u1"),
        np.array(["left", "right"]),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
    ],
)
def test_what_is_packed_comes_out(array):
    message = {"a": array, "b": [1, "two", None, {"c": array}], "n": np.float32(1.5), "t": np.True_}
    found = arrays.unpack(arrays.pack(message))
    for same in (found["a"], found["b"][3]["c"]):
        assert same.dtype == array.dtype and same.shape == array.shape and (same == array).all()
    assert found["n"] == 1.5 and found["n"].dtype == np.float32 and found["t"]


def test_an_array_is_what_the_protocol_says():
    plain = msgpack.unpackb(arrays.pack({"x": np.array([[1, 2]], "<i2")}))
    data = np.array([[1, 2]], "<i2").tobytes()
    assert plain == {"x": {b"__ndarray__": True, b"data": data, b"dtype": "<i2", b"shape": [1, 2]}}
    assert msgpack.unpackb(arrays.pack(np.float32(2))) == {b"__npgeneric__": True, b"data": 2.0, b"dtype": "<f4"}


@pytest.mark.parametrize(
    "value",
    [
        {"dtype": "|O", "shape": [1], "data": b"12345678"},
        {"dtype": "V8", "shape": [1], "data": b"12345678"},
        {"dtype": "<c8", "shape": [1], "data": b"12345678"},
        {"dtype": "<f4", "shape": [3], "data": b"12345678"},
        {"dtype": "<f4", "shape": [-2], "data": b"12345678"},
        {"dtype": "<f4", "shape": [2**40, 2**40], "data": b""},
        {"dtype": "<f4", "shape": "ab", "data": b"12345678"},
        {"dtype": "<f4", "shape": [1.0, 2], "data": b"12345678"},
        {"dtype": "no", "shape": [2], "data": b"12345678"},
        {"dtype": "f4,f4", "shape": [1], "data": b"12345678"},
        {"shape": [2], "data": b"12345678"},
    ],
)
def test_an_array_that_is_none_is_refused(value):
    content = msgpack.packb({b"__ndarray__": True, **{key.encode(): entry for key, entry in value.items()}})
    with pytest.raises(ValueError, match="not a message"):
        arrays.unpack(content)


def test_bytes_that_are_no_message_are_refused_and_nothing_else_happens():
    draw = random.Random(0)
    good = arrays.pack({"obs": np.zeros(4, "<f4"), "reset": True})
    for _ in range(3000):
        place = draw.randrange(len(good))
        content = draw.choice([good[:place], good[:place] + draw.randbytes(3) + good[place + 3 :], draw.randbytes(40)])
        try:
            arrays.unpack(content)
        except ValueError:
            continue
    with pytest.raises(ValueError):
        arrays.unpack(b"\x91" * 5000)


def test_objects_are_not_sent():
    with pytest.raises(ValueError, match="are not sent"):
        arrays.pack({"x": np.array([object()])})
    with pytest.raises(TypeError, match="cannot send a set"):
        arrays.pack({"x": {1}})
