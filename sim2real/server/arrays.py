"""Messages of openpi's protocol: msgpack with NumPy arrays in it. Nothing that is unpacked can run code.

An array is a map with the bytes keys `__ndarray__`, `data`, `dtype` and `shape`; a NumPy number has `__npgeneric__`, a
plain number as `data`, and no shape.
"""

import math
from typing import Any

import numpy as np

from ..extras import need

ARRAY, NUMBER, DATA, DTYPE, SHAPE = b"__ndarray__", b"__npgeneric__", b"data", b"dtype", b"shape"
KINDS = "biufSU"
"""Of dtypes: plain numbers and text."""
MOST_AXES = 8


def pack(message: Any) -> bytes:
    """A message as bytes. Raises ValueError for an array of a kind that is not sent, TypeError for other objects."""
    return need("msgpack").packb(message, default=_plain)


def unpack(content: bytes) -> Any:
    """The message in bytes. Raises ValueError for what is none."""
    msgpack = need("msgpack")
    try:
        return msgpack.unpackb(content, object_hook=_array, max_ext_len=0)
    except (msgpack.UnpackException, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"not a message: {error}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        _check(value.dtype)
        return {ARRAY: True, DATA: value.tobytes(), DTYPE: value.dtype.str, SHAPE: value.shape}
    if isinstance(value, np.generic):
        _check(value.dtype)
        return {NUMBER: True, DATA: value.item(), DTYPE: value.dtype.str}
    raise TypeError(f"cannot send a {type(value).__name__}")


def _array(value: dict) -> Any:
    if ARRAY not in value and NUMBER not in value:
        return value
    data, word, shape = value.get(DATA), value.get(DTYPE), value.get(SHAPE)
    if not isinstance(word, str):
        raise ValueError("an array needs a dtype")
    dtype = np.dtype(word)
    _check(dtype)
    if NUMBER in value:
        if not isinstance(data, bool | int | float | str | bytes):
            raise ValueError("a number's data is a number")
        return dtype.type(data)
    if not isinstance(shape, list | tuple) or len(shape) > MOST_AXES:
        raise ValueError("an array's shape is a list of whole numbers")
    if not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("an array's shape is a list of whole numbers")
    if not isinstance(data, bytes) or math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"an array of shape {list(shape)} and type {word} has other data")
    return np.frombuffer(data, dtype).reshape(shape)


def _check(dtype: np.dtype) -> None:
    if dtype.kind not in KINDS or dtype.hasobject:
        raise ValueError(f"arrays of type {dtype} are not sent")
