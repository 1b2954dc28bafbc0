"""From readings to the vector that the policy sees: the raw values of terms by name, then what the contract says of
each. The same terms as `envs/track/observe.py`, from what a robot can measure."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..contract import Contract, Term
from . import rotation
from .model import Body, end_effector
from .words import Memory, Readings, Told


class View(NamedTuple):
    """All that terms are made of."""

    contract: Contract
    readings: Readings
    memory: Memory
    goal_place: NDArray
    """[3] from the base, heading frame, m; zeros without an arm."""
    goal_turn: NDArray
    """[4] heading frame."""
    ee_place: NDArray
    """[3] from the base, heading frame, m."""
    ee_turn: NDArray
    """[4] heading frame."""


def _joints(view: View, term: Term, values: NDArray) -> NDArray:
    index = view.contract.index
    return values[[index[name] for name in term.names]]


def _clock(view: View) -> NDArray:
    angle = 2 * np.pi * view.memory.phase
    runs = view.memory.phase > 0 or view.memory.command.any()
    return np.array([np.sin(angle), np.cos(angle)]) * bool(runs)


def _goal_rotation(view: View) -> NDArray:
    assert view.contract.arm is not None
    unrolled = rotation.from_euler(-view.contract.arm.goal_roll, 0, 0)
    return rotation.to_vector(rotation.multiply(view.goal_turn, unrolled))


def _contact(view: View) -> NDArray:
    assert view.contract.robot is not None
    return (view.readings.feet_force > view.contract.robot.contact_force).astype(float)


RAW: dict[str, Callable[[View, Term], NDArray]] = {
    "gravity": lambda v, t: rotation.rotate(rotation.conjugate(v.readings.turn), np.array([0.0, 0.0, -1.0])),
    "angular_velocity": lambda v, t: v.readings.rate,
    "joint_position": lambda v, t: _joints(v, t, v.readings.joints),
    "joint_velocity": lambda v, t: _joints(v, t, v.readings.joint_rates),
    "last_action": lambda v, t: v.memory.last_action,
    "contact": lambda v, t: _contact(v),
    "command": lambda v, t: v.memory.command,
    "clock": lambda v, t: _clock(v),
    "goal_position": lambda v, t: v.goal_place,
    "goal_rotation": lambda v, t: _goal_rotation(v),
    "ee_position_error": lambda v, t: v.goal_place - v.ee_place,
    "ee_rotation_error": lambda v, t: rotation.to_vector(rotation.multiply(v.goal_turn, rotation.conjugate(v.ee_turn))),
}
"""Raw value of each term."""


def look(contract: Contract, body: Body, readings: Readings, told: Told, memory: Memory) -> View:
    """What terms are made of, `memory` being that of this tick."""
    place, turn, ee_place = np.zeros(3), np.array([1.0, 0, 0, 0]), np.zeros(3)
    ee_turn = turn
    if contract.arm is not None:
        tilt = rotation.tilt(readings.turn)
        place, turn = goal_pose(contract, body, told.goal, float(readings.height))
        pose = end_effector(body, readings.joints[body.arm])
        ee_place, ee_turn = rotation.rotate(tilt, pose.place), rotation.multiply(tilt, pose.turn)
    return View(contract, readings, memory, place, turn, ee_place, ee_turn)


def goal_pose(contract: Contract, body: Body, goal: NDArray, height: float) -> tuple[NDArray, NDArray]:
    """Place [3] from the base and rotation [4] of a goal [6], heading frame, for a base at `height` over the ground."""
    arm = contract.arm
    assert arm is not None
    radius, pitch, yaw = goal[:3]
    flat = radius * np.cos(pitch)
    on_sphere = np.array([flat * np.cos(yaw), flat * np.sin(yaw), radius * np.sin(pitch)])
    centre = np.array([body.arm_place[0], 0.0, arm.goal_height - height])
    turn = rotation.from_euler(arm.goal_roll + goal[3], arm.goal_lift - pitch + goal[4], yaw + goal[5])
    return centre + on_sphere, turn


def vector(terms: tuple[Term, ...], view: View) -> NDArray:
    """[N] the terms side by side. Raises ValueError for a term that nobody here knows."""
    parts = []
    for term in terms:
        if term.name not in RAW:
            raise ValueError(f"term {term.name!r} is not known here: use one of {', '.join(RAW)}")
        part = (RAW[term.name](view, term) - np.array(term.offset)) * np.array(term.scale)
        parts.append(part if term.clip is None else np.clip(part, term.clip[0], term.clip[1]))
    return np.concatenate(parts)
