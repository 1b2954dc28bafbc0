"""Compare the planar engine with jax2d on published levels under the same random continuous actions.

python benchmarks/planar_parity.py            # all three suites; appends to benchmarks/results/planar_parity.jsonl
"""

import argparse
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from gambol.envs.planar import reward, suites
from gambol.envs.planar.level import Level
from gambol.policies.judge.provenance import record
from gambol.sim.planar import engine
from gambol.sim.planar.scene import CAPACITIES, Physics, pairs
from jax2d.engine import PhysicsEngine, calculate_collision_matrix, create_empty_sim
from jax2d.sim_state import Joint, RigidBody, SimParams, SimState, StaticSimParams, Thruster

DIVERGED = 1e-4
"""m: beyond this a world has left the reference's path, and what follows is another story."""


@dataclass(frozen=True)
class Parity:
    """Two rollouts of L levels over T physics steps side by side."""

    names: tuple[str, ...]
    position_error: np.ndarray
    """[T, L] m, the largest over active bodies and components."""
    velocity_error: np.ndarray
    """[T, L] m/s."""
    same_contacts: np.ndarray
    """[T, L] bool: every pair."""
    rewards: tuple[np.ndarray, np.ndarray]
    """Sparse reward [T, L] of jax2d's contacts and of ours; an episode terminates where it is not zero."""

    @property
    def on_path(self) -> np.ndarray:
        """[T, L] bool: steps before the first divergence. The step that brings it, by a contact that only one of the
        two sees in poses equal to rounding, is the divergence itself."""
        return np.cumprod(self.position_error <= DIVERGED, axis=0).astype(bool)


def to_jax2d(level: Level) -> SimState:
    """A level (no world axis) as jax2d's state."""
    scene, state, capacity = level.scene, level.state, level.scene.capacity
    p = capacity.polygons

    def bodies(part: slice, **own: Any) -> RigidBody:
        return RigidBody(
            position=state.position.T[part],
            rotation=state.angle[part],
            velocity=state.velocity.T[part],
            angular_velocity=state.angular_velocity[part],
            **{n: getattr(scene, n)[part] for n in ("inverse_mass", "inverse_inertia", "friction", "restitution")},
            **{n: getattr(scene, n)[part] for n in ("collision_mode", "active")},
            **own,
        )

    c, j, t = capacity.circles, scene.joints, scene.thrusters
    joint = Joint(
        a_index=j.a,
        b_index=j.b,
        a_relative_pos=j.anchor_a.T,
        b_relative_pos=j.anchor_b.T,
        global_position=jnp.zeros((capacity.joints, 2)),
        active=j.active,
        acc_impulse=jnp.zeros((capacity.joints, 2)),
        acc_r_impulse=jnp.zeros(capacity.joints),
        motor_speed=j.motor_speed,
        motor_power=j.motor_power,
        motor_on=j.motor_on,
        motor_has_joint_limits=j.limited,
        min_rotation=j.lower,
        max_rotation=j.upper,
        is_fixed_joint=j.fixed,
        rotation=j.rest_angle,
    )
    thruster = Thruster(
        object_index=t.body,
        relative_position=t.anchor.T,
        rotation=t.angle,
        power=t.power,
        global_position=jnp.zeros((capacity.thrusters, 2)),
        active=t.active,
    )
    static = static_params(level)
    return create_empty_sim(static).replace(
        polygon=bodies(slice(p), vertices=scene.vertices.T, n_vertices=scene.vertex_count, radius=jnp.zeros(p)),
        circle=bodies(
            slice(p, None), vertices=jnp.zeros((c, 4, 2)), n_vertices=jnp.zeros(c, jnp.int32), radius=scene.radius
        ),
        joint=joint,
        thruster=thruster,
        collision_matrix=calculate_collision_matrix(static, joint),
        gravity=scene.gravity,
    )


def static_params(level: Level) -> StaticSimParams:
    """jax2d's sizes for a level's capacity."""
    c = level.scene.capacity
    return StaticSimParams(
        num_polygons=c.polygons, num_circles=c.circles, num_joints=c.joints, num_thrusters=c.thrusters
    )


def compare(size: str, steps: int = 64, seed: int = 0) -> Parity:
    """Roll all levels of `kinetix/<size>` out in both engines, for `steps` physics steps."""
    names, bank = suites.load((f"kinetix/{size}",), CAPACITIES[size], quirks=True)
    levels = [jax.tree.map(lambda x, i=i: x[..., i], bank) for i in range(len(names))]
    capacity = CAPACITIES[size]
    key_motor, key_thrust = jax.random.split(jax.random.key(seed))
    motor = jax.random.uniform(key_motor, (steps, capacity.joints, len(names)), minval=-1.0)
    thrust = jax.random.uniform(key_thrust, (steps, capacity.thrusters, len(names)))

    theirs = _jax2d_rollout(levels, motor, thrust)
    ours = _gambol_rollout(bank, motor, thrust)
    active = np.asarray(bank.scene.active)
    gap_position, gap_velocity = (
        np.where(active, np.abs(a - b).max(1), 0.0).max(1) for a, b in zip(theirs[:2], ours[:2], strict=True)
    )
    rewards = tuple(
        np.asarray(jax.jit(jax.vmap(lambda t: reward.outcome(bank, t)))(touching)) for touching in (theirs[2], ours[2])
    )
    same = (theirs[2] == ours[2]).all((1, 2))
    return Parity(tuple(names), gap_position, gap_velocity, same, rewards)  # type: ignore[arg-type]


def _gambol_rollout(bank: Level, motor, thrust):
    """Positions, velocities [T, 2, N, L] and contacts [T, N, N, L]."""

    def one(state, command):
        state, touching = engine.step(bank.scene, state, *command, Physics())
        return state, (state.position, state.velocity, touching)

    return jax.tree.map(np.asarray, jax.jit(lambda: jax.lax.scan(one, bank.state, (motor, thrust))[1])())


def _jax2d_rollout(levels: list[Level], motor, thrust):
    """The same by jax2d, its manifolds spread over the pair matrix."""
    states = jax.tree.map(lambda *x: jnp.stack(x), *[to_jax2d(level) for level in levels])
    physics, params = PhysicsEngine(static_params(levels[0])), SimParams()

    def one(state, command):
        state, met = jax.vmap(physics.step, (0, None, 0))(state, params, jnp.concatenate(command).T)
        position = jnp.concatenate([state.polygon.position, state.circle.position], 1)
        velocity = jnp.concatenate([state.polygon.velocity, state.circle.velocity], 1)
        return state, (position.T, velocity.T, [m.active.T for m in met])

    position, velocity, met = jax.jit(lambda: jax.lax.scan(one, states, (motor, thrust))[1])()
    capacity = levels[0].scene.capacity
    touching = np.zeros((len(motor), capacity.bodies, capacity.bodies, len(levels)), bool)
    for pair, active in zip(pairs(capacity), met, strict=True):
        touching[:, pair[:, 0], pair[:, 1]] = np.asarray(active)
    return np.asarray(position), np.asarray(velocity), touching


def main() -> None:
    """Measure all suites and append one row each, and one for all levels together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    found = [(size, compare(size, asked.steps, asked.seed)) for size in CAPACITIES]
    everything = Parity(
        sum((p.names for _, p in found), ()),
        *(
            np.concatenate([getattr(p, n) for _, p in found], 1)
            for n in ("position_error", "velocity_error", "same_contacts")
        ),
        tuple(np.concatenate([p.rewards[i] for _, p in found], 1) for i in (0, 1)),  # type: ignore[arg-type]
    )
    for size, parity in [*found, ("all", everything)]:
        last, path = parity.position_error[-1], parity.on_path
        row = {
            "suite": "kinetix" if size == "all" else f"kinetix/{size}",
            "levels": len(parity.names),
            "steps": asked.steps,
            "seed": asked.seed,
            "peer": "jax2d 1.0.2",
            "diverged_m": DIVERGED,
            "position_error_1": float(parity.position_error[0].max()),
            "velocity_error_1": float(parity.velocity_error[0].max()),
            "position_error_median": float(np.median(last)),
            "share_within_1cm": float((last <= 1e-2).mean()),
            "contacts_differ_on_path": int((~parity.same_contacts & path).sum()),
            "rewards_differ_on_path": int(((parity.rewards[0] != parity.rewards[1]) & path).sum()),
        }
        print(record("planar_parity", **row))


if __name__ == "__main__":
    main()
