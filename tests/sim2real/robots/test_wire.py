import random

import numpy as np
import pytest
from gambol.sim2real.robots import wire
from gambol.sim2real.robots.wire import Message, newer

JOINTS, FEET = 19, 4


def message(kind=wire.STATE, number=7):
    draw = np.random.default_rng(0)
    values = {name: draw.normal(size=size).astype("f4") for name, size in wire.fields(kind, JOINTS, FEET).items()}
    return Message(123, number, 4.5, 2, values)


@pytest.mark.parametrize("kind", [wire.STATE, wire.ORDER])
def test_what_is_sent_comes_out(kind):
    sent = message(kind)
    content = wire.pack(kind, sent, JOINTS, FEET)
    found = wire.unpack(kind, content, JOINTS, FEET)
    assert found is not None and found[:4] == sent[:4]
    assert all((found.values[name] == sent.values[name]).all() for name in sent.values)
    other = wire.ORDER if kind == wire.STATE else wire.STATE
    assert wire.unpack(other, content, JOINTS, FEET) is None
    assert wire.unpack(kind, content, JOINTS, 3) is None and wire.unpack(kind, content, 18, FEET) is None


def test_damaged_messages_are_none():
    content = wire.pack(wire.STATE, message(), JOINTS, FEET)
    draw = random.Random(0)
    for _ in range(500):
        place = draw.randrange(len(content))
        damaged = content[:place] + bytes([content[place] ^ draw.randrange(1, 256)]) + content[place + 1 :]
        assert wire.unpack(wire.STATE, damaged, JOINTS, FEET) is None
    for cut in (0, 1, len(content) - 1):
        assert wire.unpack(wire.STATE, content[:cut], JOINTS, FEET) is None
    for _ in range(200):
        assert wire.unpack(wire.STATE, draw.randbytes(len(content)), JOINTS, FEET) is None


def test_arrays_of_another_length_are_refused():
    sent = message()
    with pytest.raises(ValueError, match=r"rate has shape \[4\]: it must be \[3\]"):
        wire.pack(wire.STATE, sent._replace(values={**sent.values, "rate": np.zeros(4)}), JOINTS, FEET)


def test_counting_goes_around():
    assert newer(2, 1) and not newer(1, 2) and not newer(3, 3)
    assert newer(0, 0xFFFFFFFF) and not newer(0xFFFFFFFF, 0)
