"""What an action means to a planar world: an entry of the action drives every joint or thruster that is bound to it.

Motors are driven in [-1, 1] times their own speed, thrusters in [0, 1] times their own power. The three action spaces
are those of Kinetix (Matthews et al. 2024, arXiv 2410.23208, Sec. 3.2).
"""

from typing import Literal

import jax.numpy as jnp
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiDiscrete, Space
from jax import Array

from ..contract import ActionTerm
from .level import Level
from .level_format import MOTORS, THRUSTERS

ActionKind = Literal["continuous", "discrete", "multi_discrete"]

NOTHING = 2 * MOTORS
"""The discrete action that drives nothing."""
CHOICES = np.array([3] * MOTORS + [2] * THRUSTERS)
"""Choices per entry of a multi-discrete action: motors off, forwards, backwards; thrusters off, on."""

_MOTOR_NAMES = tuple(f"motor_{k}" for k in range(MOTORS))
_THRUSTER_NAMES = tuple(f"thruster_{k}" for k in range(THRUSTERS))


def action_space(kind: ActionKind) -> Space:
    """The space of one world's action."""
    match kind:
        case "continuous":
            return Box(-1.0, 1.0, (MOTORS + THRUSTERS,), np.float32)
        case "discrete":
            return Discrete(NOTHING + 1 + THRUSTERS)
        case "multi_discrete":
            return MultiDiscrete(CHOICES)


def action_terms(kind: ActionKind) -> tuple[ActionTerm, ...]:
    """What the entries of an action are; of a discrete one, what its choices are."""
    if kind == "discrete":
        motors = tuple(f"{name}_{way}" for name in _MOTOR_NAMES for way in ("backwards", "forwards"))
        choices = (*motors, "nothing", *_THRUSTER_NAMES)
        return (ActionTerm("choice", len(choices), names=choices),)
    motor, thruster = ((-1.0, 1.0), (0.0, 1.0)) if kind == "continuous" else (None, None)
    return (
        ActionTerm("motors", MOTORS, clip=motor, names=_MOTOR_NAMES),
        ActionTerm("thrusters", THRUSTERS, frame="body", clip=thruster, names=_THRUSTER_NAMES),
    )


def controls(kind: ActionKind, action: Array, level: Level) -> tuple[Array, Array]:
    """What the engine is told: motor [J, W] in [-1, 1] and thrust [T, W] in [0, 1].

    `action` is [W, 6] float (continuous), [W] int (discrete) or [W, 6] int (multi-discrete); `level` has a world axis.
    Joints whose motor runs by itself are always at 1.
    """
    motors, thrusters = _entries(kind, action)
    motor = _bound(motors, level.motor_binding)
    return jnp.where(level.motor_auto, 1.0, motor), _bound(thrusters, level.thruster_binding)


def _entries(kind: ActionKind, action: Array) -> tuple[Array, Array]:
    """Motor entries [4, W] in [-1, 1] and thruster entries [2, W] in [0, 1]."""
    if kind == "discrete":
        motor, thruster = np.arange(MOTORS)[:, None], np.arange(THRUSTERS)[:, None]
        motors = (action == 2 * motor + 1) * 1.0 - (action == 2 * motor)
        return motors, (action == NOTHING + 1 + thruster) * 1.0
    motors, thrusters = action.T[:MOTORS], action.T[MOTORS:]
    if kind == "multi_discrete":
        return (motors == 1) * 1.0 - (motors == 2), (thrusters == 1) * 1.0
    return jnp.clip(motors, -1.0, 1.0), jnp.clip(thrusters, 0.0, 1.0)


def _bound(entries: Array, binding: Array) -> Array:
    """The entry [n, W] that each of J or T components is bound to. A sum over few entries, because gathers are slow."""
    choice = binding[:, None] == np.arange(entries.shape[0])[:, None]
    return jnp.where(choice, entries, 0.0).sum(axis=1)
