"""Unitree's messages against an independent reading of them: sizes that its own C structs have, and the check sum bit
by bit."""

import struct

import numpy as np
import pytest
from gambol.sim2real.robots import unitree

COMMAND = "<4B4IH2x" + "B3x5f3I" * 20 + "4B" + "55Bx2I"
STATE = "<4B4IH2x" + "13fb3x" + "B3x7fb3x3I" * 20 + "4BiH4B15H" + "8hI41B3xf2B2x2f4H2I"
"""As struct spells them."""


def bit_by_bit(content: bytes) -> int:
    """CRC-32/MPEG-2 over little-endian words, highest bit first, without the last word."""
    crc = 0xFFFFFFFF
    for (word,) in struct.iter_unpack("<I", content[:-4]):
        for bit in range(31, -1, -1):
            top = crc >> 31
            crc = (crc << 1) & 0xFFFFFFFF
            if top ^ (word >> bit & 1):
                crc ^= 0x04C11DB7
    return crc


def test_the_check_sum_is_that_of_the_standard():
    """The catalogue's value of CRC-32/MPEG-2 for "123456789", which is no whole number of words: so by its definition,
    and ours by the same definition."""
    crc = 0xFFFFFFFF
    for byte in b"123456789":
        crc ^= byte << 24
        for _ in range(8):
            crc = ((crc << 1) ^ (0x04C11DB7 if crc >> 31 else 0)) & 0xFFFFFFFF
    assert crc == 0x0376E6E7
    message = unitree.blank("LowCmd_")
    draw = np.random.default_rng(0)
    message["motor_cmd"]["q"] = draw.normal(size=20)
    message["wireless_remote"] = draw.integers(0, 255, 40)
    assert unitree.checksum(message) == bit_by_bit(message.tobytes())


@pytest.mark.parametrize(("name", "layout", "size"), [("LowCmd_", COMMAND, 812), ("LowState_", STATE, 1180)])
def test_messages_lie_in_memory_as_a_c_compiler_lays_them(name, layout, size):
    message = unitree.blank(name)
    assert struct.calcsize(layout) == message.dtype.itemsize == size
    # Bytes that mean the same in both: read with struct what NumPy wrote.
    message["sn"], message["bandwidth"], message["crc"] = (7, 8), 9, 10
    found = struct.unpack(layout, message.tobytes())
    assert found[4:6] == (7, 8) and found[8] == 9 and found[-1] == 10


def test_an_order_says_what_is_meant():
    motors = np.array([3, 4, 5, 0, 1, 2])
    joints = np.arange(6) / 10
    message = unitree.low_cmd(joints, 100 + joints, 2 + joints, motors)
    found = struct.unpack(COMMAND, message.tobytes())
    assert found[:3] == (0xFE, 0xEF, 0xFF)
    rows = np.array(found[9 : 9 + 20 * 9]).reshape(20, 9)
    np.testing.assert_allclose(rows[motors, 1], joints, atol=1e-6)  # q
    np.testing.assert_allclose(rows[motors, 4], 100 + joints, rtol=1e-6)  # kp
    np.testing.assert_allclose(rows[motors, 5], 2 + joints, rtol=1e-6)  # kd
    assert (rows[:6, 0] == 1).all() and (rows[:6, 2:4] == 0).all()
    assert (rows[6:, 0] == 0).all() and (rows[6:, 4:6] == 0).all() and (rows[6:, 1] > 2e9).all()
    assert found[-1] == bit_by_bit(message.tobytes())


def test_what_is_sent_comes_out():
    pytest.importorskip("cyclonedds")
    draw = np.random.default_rng(1)
    values = {"turn": draw.normal(size=4), "rate": draw.normal(size=3), "feet_force": np.array([1.0, 2, 3, 4e9])}
    values |= {name: draw.normal(size=19) for name in ("joints", "joint_rates", "torque")}
    message = unitree.low_state(values, 2**32 + 5, np.arange(19))
    assert message["tick"] == 5 and message["foot_force"].tolist() == [1, 2, 3, 32767]
    again = unitree.from_dds("LowState_", unitree.to_dds("LowState_", message))
    assert again.tobytes() == message.tobytes()
    kind = unitree.dds_type("LowState_")
    assert kind.__idl__.idl_transformed_typename == "unitree_go::msg::dds_::LowState_"
