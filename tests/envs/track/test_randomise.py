"""What differs between worlds: how it is drawn, and that physics feel it."""

from dataclasses import fields, replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.track import randomise
from gambol.envs.track.config import RandomConfig
from gambol.sim.legged.physics import State, nominal
from gambol.sim.legged.standing import standing

COUNT = 4096
CONFIG = replace(
    RandomConfig(),
    friction=(0.5, 2.0),
    base_mass=(0.0, 15.0),
    base_centre=(-0.1, 0.2),
    gripper_mass=(0.1, 0.3),
    leg_strength=(0.7, 1.3),
    arm_strength=(0.9, 1.0),
    action_delay=0.25,
    observation_delay=0.75,
    push_period=4.0,
    push=0.5,
    push_standing=2.0,
)


@pytest.fixture(scope="module")
def drawn(env, quick):
    """seed, share -> draws of 4,096 worlds."""
    compiled = quick(lambda key, share: randomise.draw(CONFIG, env.world, key, COUNT, share))
    return lambda seed, share=1.0: jax.tree.map(np.asarray, compiled(jax.random.key(seed), share))


def flat(draw) -> np.ndarray:
    """[W, N] every number of a draw."""
    parts = [np.asarray(getattr(draw, f.name), float) for f in fields(draw)]
    return np.concatenate([part.reshape(len(part), -1) for part in parts], 1)


def test_draws_fill_their_ranges_evenly(drawn):
    draw = drawn(0)
    legs, arm = draw.strength[:, :12], draw.strength[:, 12:]
    for name, values in {"leg_strength": legs, "arm_strength": arm, **vars(draw)}.items():
        if name in ("strength", "action_late", "observation_late"):
            continue
        low, high = getattr(CONFIG, name)
        share = (values - low) / (high - low)
        assert -1e-5 <= share.min() < 0.01 and 0.99 < share.max() <= 1 + 1e-5, name
        np.testing.assert_allclose(share.mean(0), 0.5, atol=0.025, err_msg=name)
        np.testing.assert_allclose(share.std(0), 1 / np.sqrt(12), atol=0.015, err_msg=name)
    np.testing.assert_allclose(draw.action_late.mean(), 0.25, atol=0.03)
    np.testing.assert_allclose(draw.observation_late.mean(), 0.75, atol=0.03)


def test_draws_are_independent_of_each_other_and_from_world_to_world(drawn):
    one, other = flat(drawn(0)), flat(drawn(1))
    columns = one.shape[1]
    assert np.abs(np.corrcoef(one.T) - np.eye(columns)).max() < 0.08
    for neighbours in (np.roll(one, 1, 0), other):
        assert np.abs(np.corrcoef(one.T, neighbours.T)[:columns, columns:]).max() < 0.08
    continuous = np.delete(one, [-2, -1], 1)
    assert all(len(np.unique(column)) > 0.99 * COUNT for column in continuous.T)


def test_a_share_of_nothing_changes_nothing_and_half_goes_half_way(drawn):
    none, half, full = drawn(0, 0.0), drawn(0, 0.5), drawn(0)
    np.testing.assert_array_equal(none.friction, 1)
    np.testing.assert_array_equal(none.strength, 1)
    assert not any(getattr(none, name).any() for name in ("base_mass", "base_centre", "gripper_mass", "action_late"))
    np.testing.assert_allclose(half.friction, (1 + full.friction) / 2, atol=1e-6)
    np.testing.assert_allclose(half.strength, (1 + full.strength) / 2, atol=1e-6)
    np.testing.assert_allclose(half.base_centre, full.base_centre / 2, atol=1e-6)
    np.testing.assert_allclose(half.observation_late.mean(), 0.75 / 2, atol=0.03)


@pytest.fixture
def neutral(env, drawn):
    """worlds -> a draw that changes nothing."""
    return lambda worlds: jax.tree.map(lambda leaf: leaf[:worlds].copy(), drawn(0, 0.0))


def test_a_neutral_draw_is_the_model_as_it_is(env, neutral):
    given = randomise.values(env.world, neutral(3))
    for field, own, value in zip(env.physics.fields, nominal(env.physics, 3), given, strict=True):
        np.testing.assert_allclose(value, own, rtol=1e-6, err_msg=field.name)


def test_values_are_the_models_own_changed_as_drawn(env, drawn):
    model, robot, draw = env.world.model, env.world.robot, drawn(0)
    given = randomise.values(env.world, draw)
    by_name = {field.name: np.asarray(value) for field, value in zip(env.physics.fields, given, strict=True)}
    hand = model.site(robot.config.end_effector).bodyid[0]
    heavier = 1 + draw.base_mass / model.body_mass[robot.base]
    np.testing.assert_array_equal(by_name["geom_friction"], np.tile(draw.friction[:, None], 4))
    masses = model.body_mass[[robot.base, hand]] + np.stack([draw.base_mass, draw.gripper_mass], -1)
    np.testing.assert_allclose(by_name["body_mass"], masses, rtol=1e-5)
    np.testing.assert_allclose(by_name["body_inertia"], heavier[:, None] * model.body_inertia[robot.base], rtol=1e-5)
    np.testing.assert_allclose(by_name["body_ipos"], model.body_ipos[robot.base] + draw.base_centre, atol=1e-6)
    gain = draw.strength * model.actuator_gainprm[robot.actuator, 0]
    np.testing.assert_allclose(by_name["actuator_gainprm"], gain, rtol=1e-5)
    bias = draw.strength[..., None] * model.actuator_biasprm[robot.actuator, 1:3]
    np.testing.assert_allclose(by_name["actuator_biasprm"], bias.reshape(COUNT, -1), rtol=1e-5)
    assert (bias < 0).all()


@pytest.fixture(scope="module")
def stood(env, drawn):
    """Robots of one change each that stood for 1.5 s, then were pushed sideways and stood for another 0.25 s."""
    world, robot = env.world, env.world.robot
    changes = ["none", "heavy", "ahead", "strong", "weak", "slippery", "hand", "arm"]
    at = {name: i for i, name in enumerate(changes)}
    draw = jax.tree.map(lambda leaf: leaf[: len(changes)].copy(), drawn(0, 0.0))
    draw.base_mass[at["heavy"]], draw.base_centre[at["ahead"], 0] = 10, 0.1
    draw.strength[at["strong"], :12], draw.strength[at["weak"], :12] = 1.3, 0.8
    draw.friction[at["slippery"]], draw.gripper_mass[at["hand"]] = 0.2, 1.0
    draw.strength[at["arm"], 12:18] = 0.5
    qpos = np.tile(world.model.qpos0.astype(np.float32), (len(changes), 1))
    qpos[:, robot.qpos], qpos[:, robot.base_qpos + 2] = robot.default, robot.config.standing_height
    control = np.zeros((len(changes), world.model.nu), np.float32)
    control[:, robot.actuator] = standing(world)
    given = randomise.values(world, draw)
    state, felt = env.physics.step(State(qpos, np.zeros((len(changes), world.model.nv))), control, given, 300)
    pushed = replace(state, qvel=state.qvel.at[:, robot.base_qvel + 1].add(1.0))
    after, _ = env.physics.step(pushed, control, given, 50)
    force = np.asarray(felt.sensors)[:, env.places.touch]
    feet = np.asarray(felt.sensors)[:, env.places.foot_place]
    return SimpleNamespace(
        at=at,
        weight=9.81 * world.model.body_mass.sum(),
        force=force.sum(1),
        front=force[:, :2].sum(1),
        height=np.asarray(state.qpos)[:, robot.base_qpos + 2],
        hand=np.asarray(state.qpos)[:, robot.qpos[robot.arm]],
        slid=np.asarray(after.qpos - state.qpos)[:, robot.base_qpos + 1],
        feet=feet,
    )


def test_the_feet_carry_the_weight_that_was_drawn(stood):
    added = {"none": 0.0, "heavy": 10.0, "hand": 1.0, "weak": 0.0}
    for name, mass in added.items():
        assert stood.force[stood.at[name]] == pytest.approx(stood.weight + 9.81 * mass, rel=0.01), name


@pytest.mark.parametrize(
    ("name", "of", "less"),
    [
        ("heavy", "height", True),
        ("weak", "height", True),
        ("strong", "height", False),
        ("ahead", "front", False),
        ("slippery", "slid", False),
    ],
)
def test_what_is_drawn_is_felt(stood, name, of, less):
    values = getattr(stood, of)
    changed, plain = values[stood.at[name]], values[stood.at["none"]]
    assert (changed < plain - 0.002) if less else (changed > plain + 0.002), (changed, plain)


@pytest.mark.parametrize("name", ["hand", "arm"])
def test_a_loaded_or_a_weak_arm_hangs_lower(stood, name):
    """The shoulder's angle grows as the arm sinks."""
    assert stood.hand[stood.at[name], 1] > stood.hand[stood.at["none"], 1] + 0.002


def test_pushes_come_with_the_period_and_set_the_velocity(quick):
    dt, steps = 0.02, np.arange(1, 1001)
    moving, velocity = np.tile([True, False], 500), np.full((1000, 2), 7.0, np.float32)

    def push(period: float, share: float, seed: int):
        config = replace(CONFIG, push_period=period)
        return randomise.push(config, jax.random.key(seed), jnp.array(steps * dt), moving, velocity, dt, share)

    after, none, every, never = quick(lambda: (push(4, 1, 0), push(4, 0, 0), push(dt, 0.5, 1), push(0, 1, 0)))()
    np.testing.assert_array_equal((after != 7).all(-1), steps % 200 == 0)
    np.testing.assert_array_equal(none, velocity)
    np.testing.assert_array_equal(never, velocity)
    for chosen, most in ((moving, 0.25), (~moving, 0.5)):
        draws = np.asarray(every)[chosen] / most
        assert -1 <= draws.min() < -0.98 and 0.98 < draws.max() <= 1
        np.testing.assert_allclose(draws.mean(0), 0, atol=0.12)
    assert abs(np.corrcoef(np.asarray(every)[moving].T)[0, 1]) < 0.2
