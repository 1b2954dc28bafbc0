"""Unitree's low-level messages of the family `unitree_go` (Go2, B2 and kin), as data: from these tables come the DDS
types, the memory that their check sum is made of, and the way between them.

Motors are in the robot's own order, which `Contract.joint2motor` gives for each joint. Angles in rad, torque in N m,
quaternions w-x-y-z; an order's torque is tau + kp (q - angle) + kd (dq - rate).
"""

import zlib
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..extras import need

MOTORS = 20
ORDERS, STATES = "rt/lowcmd", "rt/lowstate"
"""Topics."""
Field = tuple[str, str] | tuple[str, str, int]
MESSAGES: dict[str, tuple[Field, ...]] = {
    "MotorCmd_": (
        *(("mode", "u1"), ("q", "f4"), ("dq", "f4"), ("tau", "f4"), ("kp", "f4"), ("kd", "f4")),
        ("reserve", "u4", 3),
    ),
    "BmsCmd_": (("off", "u1"), ("reserve", "u1", 3)),
    "LowCmd_": (
        *(("head", "u1", 2), ("level_flag", "u1"), ("frame_reserve", "u1"), ("sn", "u4", 2), ("version", "u4", 2)),
        *(("bandwidth", "u2"), ("motor_cmd", "MotorCmd_", MOTORS), ("bms_cmd", "BmsCmd_")),
        *(("wireless_remote", "u1", 40), ("led", "u1", 12), ("fan", "u1", 2), ("gpio", "u1")),
        *(("reserve", "u4"), ("crc", "u4")),
    ),
    "IMUState_": (
        *(("quaternion", "f4", 4), ("gyroscope", "f4", 3), ("accelerometer", "f4", 3), ("rpy", "f4", 3)),
        ("temperature", "u1"),
    ),
    "MotorState_": (
        *(("mode", "u1"), ("q", "f4"), ("dq", "f4"), ("ddq", "f4"), ("tau_est", "f4")),
        *(("q_raw", "f4"), ("dq_raw", "f4"), ("ddq_raw", "f4"), ("temperature", "u1"), ("lost", "u4")),
        ("reserve", "u4", 2),
    ),
    "BmsState_": (
        *(("version_high", "u1"), ("version_low", "u1"), ("status", "u1"), ("soc", "u1"), ("current", "i4")),
        *(("cycle", "u2"), ("bq_ntc", "u1", 2), ("mcu_ntc", "u1", 2), ("cell_vol", "u2", 15)),
    ),
    "LowState_": (
        *(("head", "u1", 2), ("level_flag", "u1"), ("frame_reserve", "u1"), ("sn", "u4", 2), ("version", "u4", 2)),
        *(("bandwidth", "u2"), ("imu_state", "IMUState_"), ("motor_state", "MotorState_", MOTORS)),
        *(("bms_state", "BmsState_"), ("foot_force", "i2", 4), ("foot_force_est", "i2", 4), ("tick", "u4")),
        *(("wireless_remote", "u1", 40), ("bit_flag", "u1"), ("adc_reel", "f4")),
        *(("temperature_ntc1", "u1"), ("temperature_ntc2", "u1"), ("power_v", "f4"), ("power_a", "f4")),
        *(("fan_frequency", "u2", 4), ("reserve", "u4"), ("crc", "u4")),
    ),
}
"""Name, type and, for arrays, length of every field, in order; a type is NumPy's or another message."""
SERVO, FREE_ANGLE, FREE_RATE = 1, 2.146e9, 16000.0
"""Mode of a motor that obeys; the angle and the rate that mean "none"."""
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@cache
def memory(name: str) -> np.dtype:
    """A message as a C compiler lays it out."""
    parts = [(field[0], memory(field[1]) if field[1] in MESSAGES else field[1], *field[2:]) for field in MESSAGES[name]]
    return np.dtype(parts, align=True)


def blank(name: str) -> NDArray:
    """[] a message of zeros."""
    return np.zeros((), memory(name))


def checksum(message: NDArray) -> int:
    """What its field `crc` must be: CRC-32/MPEG-2 over the words before it, each of them big end first."""
    words = np.frombuffer(message.tobytes()[:-4], "<u4").byteswap().tobytes()
    found = zlib.crc32(words.translate(REVERSED)) ^ 0xFFFFFFFF
    return int(f"{found:032b}"[::-1], 2)


def low_cmd(target: NDArray, kp: NDArray, kd: NDArray, motors: NDArray) -> NDArray:
    """[] an order to the motors of so many joints; the others are told nothing."""
    message = blank("LowCmd_")
    message["head"], message["level_flag"] = (0xFE, 0xEF), 0xFF
    message["motor_cmd"]["q"], message["motor_cmd"]["dq"] = FREE_ANGLE, FREE_RATE
    for name, values in {"mode": SERVO, "q": target, "dq": 0.0, "kp": kp, "kd": kd}.items():
        message["motor_cmd"][name][motors] = values
    message["crc"] = checksum(message)
    return message


def low_state(readings: dict[str, NDArray], milliseconds: int, motors: NDArray) -> NDArray:
    """[] what a robot says of itself; see `wire.fields` for the readings."""
    message = blank("LowState_")
    message["head"], message["level_flag"] = (0xFE, 0xEF), 0xFF
    message["imu_state"]["quaternion"], message["imu_state"]["gyroscope"] = readings["turn"], readings["rate"]
    for name, values in {"q": "joints", "dq": "joint_rates", "tau_est": "torque"}.items():
        message["motor_state"][name][motors] = readings[values]
    force = np.clip(readings["feet_force"], 0, np.iinfo("i2").max)
    message["foot_force"][: len(force)] = np.nan_to_num(force).astype("i2")
    message["tick"] = milliseconds & 0xFFFFFFFF
    message["crc"] = checksum(message)
    return message


@cache
def dds_type(name: str) -> Any:
    """A message as a type of Cyclone DDS. Raises ValueError where that is not installed."""
    need("cyclonedds")
    from cyclonedds import idl
    from cyclonedds.idl import annotations, types

    plain = {"u1": types.uint8, "u2": types.uint16, "u4": types.uint32, "i2": types.int16, "i4": types.int32}
    plain["f4"] = types.float32

    fields = {}
    for field in MESSAGES[name]:
        one = dds_type(field[1]) if field[1] in MESSAGES else plain[field[1]]
        fields[field[0]] = types.array[one, field[2]] if len(field) == 3 else one
    made = idl.make_idl_struct(name, f"unitree_go.msg.dds_.{name}", fields)
    return annotations.final(annotations.autoid("sequential")(made))


def to_dds(name: str, message: Any) -> Any:
    """A message in memory as one to send."""
    values = {}
    for field in MESSAGES[name]:
        value, word = message[field[0]], field[1]
        if word not in MESSAGES:
            values[field[0]] = value.tolist()
        else:
            values[field[0]] = [to_dds(word, one) for one in value] if len(field) == 3 else to_dds(word, value)
    return dds_type(name)(**values)


def from_dds(name: str, sample: Any) -> NDArray:
    """A message that came, in memory. Raises ValueError, TypeError or AttributeError for what is none."""
    message = blank(name)
    message[()] = _tuple(name, sample)  # in place: the padding stays zero, and the check sum counts it
    return message


def _tuple(name: str, sample: Any) -> tuple:
    values = []
    for field in MESSAGES[name]:
        value, word = getattr(sample, field[0]), field[1]
        if word in MESSAGES:
            value = [_tuple(word, one) for one in value] if len(field) == 3 else _tuple(word, value)
        values.append(tuple(value) if isinstance(value, bytes) else value)
    return tuple(values)
