"""Messages between a controller and a robot as bytes: a header, float32 numbers, a CRC-32 over all of it.

`Message.session` is drawn when a side starts, `number` counts up: what is old, twice or from before a restart is known.
"""

import os
import struct
import zlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

HEADER = struct.Struct("<4sBBBBIId")
"""Kind, version, joints, feet, mode, session, number, the sender's clock (s)."""
CRC = struct.Struct("<I")
VERSION = 1
STATE, ORDER = b"GBST", b"GBOR"


class Message(NamedTuple):
    """What both kinds have."""

    session: int
    number: int
    stamp: float
    """Clock of the sender, s."""
    mode: int
    """Of the controller, in orders."""
    values: dict[str, NDArray]
    """float32, by the names of `fields`."""


def fields(kind: bytes, joints: int, feet: int) -> dict[str, int]:
    """Name and length of every array of a message, in order."""
    if kind == STATE:
        return {"turn": 4, "rate": 3, "joints": joints, "joint_rates": joints, "torque": joints, "feet_force": feet}
    return {"target": joints, "kp": joints, "kd": joints}


def pack(kind: bytes, message: Message, joints: int, feet: int) -> bytes:
    """Bytes of a message. Raises ValueError where an array is not as long as it should be."""
    header = HEADER.pack(
        kind, VERSION, joints, feet, message.mode, message.session, message.number & 0xFFFFFFFF, message.stamp
    )
    arrays = []
    for name, size in fields(kind, joints, feet).items():
        values = np.asarray(message.values[name], "<f4")
        if values.shape != (size,):
            raise ValueError(f"{name} has shape {list(values.shape)}: it must be [{size}]")
        arrays.append(values.tobytes())
    body = header + b"".join(arrays)
    return body + CRC.pack(zlib.crc32(body))


def unpack(kind: bytes, content: bytes, joints: int, feet: int) -> Message | None:
    """The message in `content`; None for whatever is not one of this kind for such a robot."""
    sizes = fields(kind, joints, feet)
    if len(content) != HEADER.size + 4 * sum(sizes.values()) + CRC.size:
        return None
    body, crc = content[: -CRC.size], content[-CRC.size :]
    if CRC.unpack(crc)[0] != zlib.crc32(body):
        return None
    found, version, its_joints, its_feet, mode, session, number, stamp = HEADER.unpack_from(body)
    if (found, version, its_joints, its_feet) != (kind, VERSION, joints, feet):
        return None
    values, first = {}, HEADER.size
    for name, size in sizes.items():
        values[name] = np.frombuffer(body, "<f4", size, first)
        first += 4 * size
    return Message(session, number, stamp, mode, values)


def session() -> int:
    """A number for a side that starts."""
    return int.from_bytes(os.urandom(4), "little")


def newer(number: int, last: int) -> bool:
    """Whether a count of 32 bits comes after another, around its end too."""
    return 0 < (number - last) & 0xFFFFFFFF < 0x80000000
