"""The words between a robot, an operator and a policy. Arrays are float64, of one robot."""

from dataclasses import dataclass, field
from typing import NamedTuple

from numpy.typing import NDArray

from .chunked import NO_PLAN, Plan


class Readings(NamedTuple):
    """What a robot says of itself at one instant, J joints in the order of the contract."""

    turn: NDArray
    """[4] of the base in the world; only its tilt is used."""
    rate: NDArray
    """[3] of the base, base frame, rad/s."""
    joints: NDArray
    """[J] rad."""
    joint_rates: NDArray
    """[J] rad/s."""
    feet_force: NDArray
    """[F] normal force, N."""
    height: NDArray
    """[] of the base over the ground, m."""
    climb: NDArray
    """[] vertical speed of the base, m/s."""
    speed: NDArray
    """[] horizontal speed of the base, m/s."""


class Told(NamedTuple):
    """What an operator asks for."""

    command: NDArray
    """[2] forward m/s and turning rad/s, in the robot's own heading."""
    goal: NDArray
    """[6] of the end effector now: radius (m), pitch, yaw (rad) on the sphere over the arm's base; then roll, pitch,
    yaw off from pointing outward (rad)."""
    goal_next: NDArray
    """[6] a tick later."""


@dataclass(frozen=True)
class Memory:
    """What one tick leaves for the next."""

    phase: float
    """Of the gait, in cycles."""
    command: NDArray
    """[2] as the policy saw it."""
    last_action: NDArray
    """[A] of the graph."""
    frames: NDArray
    """[H, N] what was seen, oldest first, where the policy sees a history."""
    reference: NDArray
    """[K] of the arm's controller, rad."""
    integral: NDArray
    """[K] rad."""
    graph: dict[str, NDArray] = field(default_factory=dict)
    """By the name of the graph's input, each with a batch axis of 1."""
    ticks: int = 0
    plan: Plan = NO_PLAN
    """Of a policy of chunks."""
