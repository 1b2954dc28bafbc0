"""Whether the fields of a contract go together."""

from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .contract import Contract

SCHEMA_VERSION = "1.2"
PER_JOINT = (
    *("actuator_names", "joint2motor", "default_joint_pos", "joint_pos_limits", "joint_vel_limits"),
    *("torque_limits", "kp", "kd", "standing_joint_target", "folded_joint_target"),
)
"""Fields with one entry for each of `joint_names`."""


def check(contract: "Contract") -> None:
    """Raises ValueError, in one line that names the field, where they do not."""
    if contract.schema_version.split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise ValueError(f"schema_version is {contract.schema_version}: this gambol reads {SCHEMA_VERSION}")
    for name in ("control_dt", "sim_dt"):
        value = getattr(contract, name)
        if not (value > 0 and isfinite(value)):
            raise ValueError(f"{name} is {value}: it must be a finite number above 0")
    _check_joints(contract)
    _check_action(contract)
    if contract.robot is not None and contract.safety is None:
        raise ValueError("safety is missing: a robot is never run without")
    _check_terms(contract)


def _check_joints(contract: "Contract") -> None:
    joints = len(contract.joint_names)
    if len(set(contract.joint_names)) != joints:
        raise ValueError("joint_names: a joint is named twice")
    for name in PER_JOINT:
        if len(getattr(contract, name)) != joints:
            raise ValueError(f"{name} has {len(getattr(contract, name))} entries: give {joints}, one per joint")
    if sorted(set(contract.joint2motor)) != sorted(contract.joint2motor):
        raise ValueError("joint2motor: two joints have the same motor")
    for name, pair in zip(contract.joint_names, contract.joint_pos_limits, strict=True):
        if len(pair) != 2 or not pair[0] < pair[1]:
            raise ValueError(f"joint_pos_limits of {name} are {list(pair)}: give the lower one first")
    for name in ("kp", "torque_limits", "joint_vel_limits"):
        if any(value <= 0 for value in getattr(contract, name)):
            raise ValueError(f"{name} must be above 0 for every joint")


def _check_action(contract: "Contract") -> None:
    action = contract.action
    if unknown := [joint for joint in action.joint_names if joint not in contract.joint_names]:
        raise ValueError(f"action.joint_names has {unknown[0]!r}, which is not in joint_names")
    sizes = {len(action.joint_names), len(action.scale), len(action.offset), len(action.clip)}
    if action.type == "joint_pos_target" and len(sizes) != 1:
        raise ValueError("action: joint_names, scale, offset and clip must have one entry per joint each")


def _check_terms(contract: "Contract") -> None:
    for array, terms in contract.obs.order.items():
        first = 0
        for term in terms:
            if tuple(term.slice) != (first, first + term.dim):
                raise ValueError(f"obs.order.{array}: {term.name} is at {list(term.slice)}, not at {first}")
            if len(term.scale) != term.dim or len(term.offset) != term.dim:
                raise ValueError(f"obs.order.{array}: {term.name} needs {term.dim} entries of scale and of offset")
            first += term.dim
