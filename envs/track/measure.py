"""What is true of the worlds after a step: everything that rewards, observations and terminations look at."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from ...sim.legged import arm as arms
from ...sim.legged import rotation
from ...sim.legged.arm import Arm
from ...sim.legged.physics import Outcome, State, sensor
from ...sim.legged.world import World


@dataclass(frozen=True, eq=False)
class Places:
    """Where in MuJoCo's arrays things are, looked up once."""

    touch: NDArray
    """[F] in `sensordata`, feet."""
    foot_place: NDArray
    """[F, 3]"""
    foot_velocity: NDArray
    """[F, 3]"""
    foot_radius: NDArray
    """[F] m."""
    bumpers: NDArray
    """[B]"""
    arm: Arm | None
    """None for a robot without one."""
    arm_base: NDArray
    """[3] in the frame of the base body, m."""
    arm_turn: NDArray
    """[4] of the arm's base in the base body."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Seen:
    """The worlds as they are. "Heading frame": at the base, turned with its yaw alone."""

    place: Array
    """[W, 3] of the base, world, m."""
    height: Array
    """[W] of the base over the ground beneath it, m."""
    turn: Array
    """[W, 4] of the base, world."""
    tilt: Array
    """[W, 4] of the base in the heading frame."""
    roll: Array
    """[W] rad."""
    pitch: Array
    """[W] rad."""
    velocity: Array
    """[W, 3] of the base, heading frame, m/s."""
    rate: Array
    """[W, 3] of the base, base frame, rad/s."""
    gravity: Array
    """[W, 3] unit vector of gravity, base frame."""
    joints: Array
    """[W, J] rad."""
    joint_rates: Array
    """[W, J] rad/s."""
    torque: Array
    """[W, J] of the drives in the last physics step, N m."""
    feet_force: Array
    """[W, F] normal force, N."""
    feet_height: Array
    """[W, F] of the soles over the ground, m."""
    feet_velocity: Array
    """[W, F, 3] world, m/s."""
    bumper_force: Array
    """[W, B] N."""
    ee_place: Array
    """[W, 3] of the end effector in the heading frame, from the base, m; zero without an arm."""
    ee_turn: Array
    """[W, 4] of the end effector in the heading frame."""


def find(world: World) -> Places:
    """Look the places up. Raises ValueError for what the model lacks."""
    model, robot, config = world.model, world.robot, world.robot.config

    def sensors(names: tuple[str, ...], kind: str) -> NDArray:
        return sensor(model, *(f"{name}/{kind}" for name in names))

    site = model.site(config.arm_base) if robot.has_arm else None
    return Places(
        touch=sensors(config.feet, "touch")[:, 0],
        foot_place=sensors(config.feet, "position"),
        foot_velocity=sensors(config.feet, "velocity"),
        foot_radius=model.geom_rbound[robot.feet],
        bumpers=sensors(config.bumpers, "touch")[:, 0] if config.bumpers else np.zeros(0, int),
        arm=arms.read(model, robot) if robot.has_arm else None,
        arm_base=site.pos.copy() if site else np.zeros(3),
        arm_turn=site.quat.copy() if site else np.array([1.0, 0, 0, 0]),
    )


def measure(world: World, places: Places, state: State, outcome: Outcome) -> Seen:
    """What is so in a state. What only sensors tell (forces, feet) is from the start of the last physics step."""
    robot = world.robot
    first, speed = robot.base_qpos, robot.base_qvel
    place, turn = state.qpos[:, first : first + 3], state.qpos[:, first + 3 : first + 7]
    turn = turn / jnp.sqrt((turn**2).sum(-1, keepdims=True))
    roll, pitch, yaw = rotation.to_euler(turn)
    back = rotation.about_z(-yaw)
    tilt = rotation.multiply(back, turn)
    joints = state.qpos[:, robot.qpos]
    ee_place, ee_turn = end_effector(places, tilt, joints[:, robot.arm])
    feet = outcome.sensors[:, places.foot_place]
    down = jnp.broadcast_to(jnp.array([0.0, 0.0, -1.0]), place.shape)
    return Seen(
        place=place,
        height=place[:, 2] - world.terrain.height(place[:, :2]),
        turn=turn,
        tilt=tilt,
        roll=roll,
        pitch=pitch,
        velocity=rotation.rotate(back, state.qvel[:, speed : speed + 3]),
        rate=state.qvel[:, speed + 3 : speed + 6],
        gravity=rotation.rotate(rotation.conjugate(turn), down),
        joints=joints,
        joint_rates=state.qvel[:, robot.qvel],
        torque=outcome.torque[:, robot.actuator],
        feet_force=outcome.sensors[:, places.touch],
        feet_height=feet[..., 2] - world.terrain.height(feet[..., :2]) - jnp.asarray(places.foot_radius, jnp.float32),
        feet_velocity=outcome.sensors[:, places.foot_velocity],
        bumper_force=outcome.sensors[:, places.bumpers],
        ee_place=ee_place,
        ee_turn=ee_turn,
    )


def end_effector(places: Places, tilt: Array, angles: Array) -> tuple[Array, Array]:
    """Place [W, 3] from the base and rotation [W, 4], heading frame, for a base tilted by `tilt` [W, 4]."""
    if places.arm is None:
        return jnp.zeros((tilt.shape[0], 3)), tilt
    pose = arms.pose(places.arm, angles)
    base, turn = jnp.asarray(places.arm_base, jnp.float32), jnp.asarray(places.arm_turn, jnp.float32)
    place = rotation.rotate(tilt, base + rotation.rotate(turn, pose.position))
    return place, rotation.multiply(tilt, rotation.multiply(turn, pose.rotation))
