"""Record what kinetix-env 3.0.2 observes, rewards and does with actions, for the tests of `envs/planar`.

Run with the interpreter of `make peers`. Writes {actions,episodes,observe_s,observe_m,observe_l}.npz under
tests/envs/planar/golden. Scenes and states are stored in our layout (bodies in one index, worlds last), the peer's
answers as it returned them.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from kinetix.environment.env import make_kinetix_env
from kinetix.environment.env_state import EnvParams
from kinetix.environment.spaces import ActionType, EntityObservations, ObservationType, SymbolicObservations
from kinetix.environment.utils import (
    convert_continuous_actions,
    convert_discrete_actions,
    convert_multi_discrete_actions,
    create_empty_env,
    static_env_params_from_size,
)
from kinetix.util.saving import load_evaluation_levels

GOLDEN = Path(__file__).parent.parent / "tests" / "envs" / "planar" / "golden"
LEVELS = {
    "s": ("h1_thrust_over_ball", "h3_point_the_thruster", "h5_rotate_fall", "h8_unicycle_balance"),
    "m": ("arm_hard", "h0_unicycle", "h5_angry_birds", "h13_thrustfall_right"),
    "l": ("car_swing_around", "grasp_hard", "h12_platformer_1", "mjc_half_cheetah"),
}
EPISODES = ("s/h4_thrust_aim", "s/h8_unicycle_balance", "s/h6_unicycle_right")
KEPT_STEPS = (0, 7, 30)
"""Physics steps of a rollout that are kept, besides the first goal contact and the first death contact."""
STEPS = 150
EPISODE_STEPS = 96
PARAMS = EnvParams(dense_reward_scale=0.2)


def record_size(size: str) -> dict[str, np.ndarray]:
    """Samples of random rollouts: where the world was, what was seen, what it was worth."""
    static = static_env_params_from_size(size)
    env = make_kinetix_env(ActionType.CONTINUOUS, ObservationType.SYMBOLIC_FLAT, None, PARAMS, static, auto_reset=False)
    flat, entity = SymbolicObservations(PARAMS, static), EntityObservations(PARAMS, static)
    see = jax.jit(lambda s: (flat.get_obs(s), entity.get_obs(s)))
    physics = jax.jit(lambda s, a: env.physics_engine.step(s, PARAMS, convert_continuous_actions(a, s, static, PARAMS)))
    judge = jax.jit(env.compute_reward_info)
    random = np.random.default_rng(0)
    samples = []
    for name in LEVELS[size]:
        states, _ = load_evaluation_levels([f"{size}/{name}.json"], static)
        state = jax.tree.map(lambda x: x[0], states)
        seen = set()
        for step in range(STEPS):
            state, manifolds = physics(state, jnp.asarray(random.uniform(-1, 1, 6), jnp.float32))
            reward, info = judge(state, manifolds)
            event = float(reward)
            if step in KEPT_STEPS or (event and event not in seen):
                seen.add(event)
                samples.append(sample(env, state, event, float(info["distance"]), see(state)))
        triangle = state.polygon.n_vertices.at[4].set(3)
        state = state.replace(polygon=state.polygon.replace(n_vertices=triangle))
        samples.append(sample(env, state, event, float(info["distance"]), see(state)))
        print(size, name, "events", sorted(seen))
    return {key: np.stack([s[key] for s in samples], -1 if key.startswith("our/") else 0) for key in samples[0]}


def sample(env, state, reward: float, distance: float, observations) -> dict[str, np.ndarray]:
    """One moment: our scene, level and state under "our/", the peer's answers under their own names."""
    flat, entity = observations
    answers = {"flat": flat, "reward": reward, "distance": distance}
    answers |= {f"entity/{name}": value for name, value in vars(entity).items()}
    ours = scene(state) | {
        "state/position": both(state, "position").T,
        "state/angle": both(state, "rotation"),
        "state/velocity": both(state, "velocity").T,
        "state/angular_velocity": both(state, "angular_velocity"),
        "level/role": np.concatenate([state.polygon_shape_roles, state.circle_shape_roles]),
        "level/highlighted": np.concatenate([state.polygon_highlighted, state.circle_highlighted]),
        "level/motor_binding": state.motor_bindings,
        "level/motor_auto": state.motor_auto,
        "level/thruster_binding": state.thruster_bindings,
        "touching": touching(env, state),
    }
    return {k: np.asarray(v) for k, v in (answers | {f"our/{k}": v for k, v in ours.items()}).items()}


def both(state, field: str) -> np.ndarray:
    """A rigid-body field of polygons, then circles."""
    return np.concatenate([getattr(state.polygon, field), getattr(state.circle, field)])


def scene(state) -> dict[str, np.ndarray]:
    """The fields of our `Scene`."""
    joint, thruster = state.joint, state.thruster
    densities = np.concatenate([state.polygon_densities, state.circle_densities])
    body_fields = ("inverse_mass", "inverse_inertia", "friction", "restitution", "collision_mode", "active")
    return {
        "scene/vertices": np.transpose(state.polygon.vertices, (2, 1, 0)),
        "scene/vertex_count": state.polygon.n_vertices,
        "scene/radius": state.circle.radius,
        "scene/density": densities,
        **{f"scene/{field}": both(state, field) for field in body_fields},
        "scene/separable": state.collision_matrix,
        "scene/gravity": state.gravity,
        "joints/a": joint.a_index,
        "joints/b": joint.b_index,
        "joints/anchor_a": joint.a_relative_pos.T,
        "joints/anchor_b": joint.b_relative_pos.T,
        "joints/active": joint.active,
        "joints/fixed": joint.is_fixed_joint,
        "joints/rest_angle": joint.rotation,
        "joints/limited": joint.motor_has_joint_limits,
        "joints/lower": joint.min_rotation,
        "joints/upper": joint.max_rotation,
        "joints/motor_on": joint.motor_on,
        "joints/motor_speed": joint.motor_speed,
        "joints/motor_power": joint.motor_power,
        "thrusters/body": thruster.object_index,
        "thrusters/anchor": thruster.relative_position.T,
        "thrusters/angle": thruster.rotation,
        "thrusters/power": thruster.power,
        "thrusters/active": thruster.active,
    }


def touching(env, state) -> np.ndarray:
    """[N, N] bool in the row of each pair's first body, circles after polygons."""
    polygons, engine = env.static_env_params.num_polygons, env.physics_engine
    bodies = polygons + env.static_env_params.num_circles
    met = np.zeros((bodies, bodies), bool)
    for pairs, offset, active in (
        (engine.poly_poly_pairs, (0, 0), state.acc_rr_manifolds.active.any(-1)),
        (engine.circle_poly_pairs, (polygons, 0), state.acc_cr_manifolds.active),
        (engine.circle_circle_pairs, (polygons, polygons), state.acc_cc_manifolds.active),
    ):
        first, second = (np.asarray(pairs) + offset).T
        met[first, second] = active
    return met


def record_actions(count: int = 24) -> dict[str, np.ndarray]:
    """What joints and thrusters are told by actions of each space, under random bindings."""
    static = static_env_params_from_size("l")
    random = np.random.default_rng(1)
    empty = create_empty_env(static)
    motor_binding, thruster_binding = random.integers(0, 4, (count, 6)), random.integers(0, 2, (count, 2))
    motor_auto = random.random((count, 6)) < 0.2
    states = jax.vmap(lambda m, t, auto: empty.replace(motor_bindings=m, thruster_bindings=t, motor_auto=auto))(
        jnp.asarray(motor_binding), jnp.asarray(thruster_binding), jnp.asarray(motor_auto)
    )
    codes = random.integers(0, (3, 3, 3, 3, 2, 2), (count, 6), np.int32)
    spaces = {
        "continuous": (convert_continuous_actions, random.uniform(-1.5, 1.5, (count, 6)).astype(np.float32)),
        "discrete": (convert_discrete_actions, (np.arange(count) % 11).astype(np.int32)),
        "multi_discrete": (convert_multi_discrete_actions, codes),
    }
    out = {"motor_binding": motor_binding, "thruster_binding": thruster_binding, "motor_auto": motor_auto}
    for kind, (convert, actions) in spaces.items():
        told = jax.vmap(lambda a, s, convert=convert: convert(a, s, static, PARAMS))(jnp.asarray(actions), states)
        out |= {f"{kind}/action": actions, f"{kind}/told": np.asarray(told)}
    return out


def record_episodes() -> dict[str, np.ndarray]:
    """Random episodes of whole control steps (frame skip, dense reward, auto-reset) on single levels."""
    static = static_env_params_from_size("s")
    random = np.random.default_rng(2)
    out: dict[str, np.ndarray] = {"levels": np.array(EPISODES)}
    for i, name in enumerate(EPISODES):
        states, _ = load_evaluation_levels([f"{name}.json"], static)
        start = jax.tree.map(lambda x: x[0], states)
        env = make_kinetix_env(
            ActionType.CONTINUOUS, ObservationType.SYMBOLIC_FLAT, lambda key, start=start: start, PARAMS, static
        )
        key = jax.random.PRNGKey(0)
        _, state = env.reset(key, PARAMS)
        actions = random.uniform(-1, 1, (EPISODE_STEPS, 6)).astype(np.float32)

        def step(state, action, env=env, key=key):
            observation, state, reward, done, info = env.step(key, state, action, PARAMS)
            return state, (observation, reward, done, info["GoalR"], info["distance"])

        _, steps = jax.jit(lambda s, a, step=step: jax.lax.scan(step, s, a))(state, jnp.asarray(actions))
        out[f"{i}/action"] = actions
        for field, values in zip(("observation", "reward", "done", "solved", "distance"), steps, strict=True):
            out[f"{i}/{field}"] = np.asarray(values)
        print(name, "done at", np.flatnonzero(out[f"{i}/done"]))
    return out


def main():
    """Write all files."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(GOLDEN / "actions.npz", **record_actions())
    np.savez_compressed(GOLDEN / "episodes.npz", **record_episodes())
    for size in LEVELS:
        np.savez_compressed(GOLDEN / f"observe_{size}.npz", **record_size(size))


if __name__ == "__main__":
    main()
