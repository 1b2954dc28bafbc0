"""The arm's controller in the loop: a base held still and askew, an arm, MuJoCo."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from gambol.envs.track import reach
from gambol.envs.track.measure import find, measure
from gambol.sim.legged import arm as arms
from gambol.sim.legged import rotation, terrain
from gambol.sim.legged.engines.batch import Engine
from gambol.sim.legged.physics import ModelField, Outcome, State
from gambol.sim.legged.robot import RobotConfig, read
from gambol.sim.legged.terrain import TerrainConfig
from gambol.sim.legged.world import World, assemble
from scipy.optimize import least_squares

DT, SECONDS = 0.02, 3.0
STEPS = round(SECONDS / DT)
STILL, MOVING, BEYOND = np.s_[0:8], np.s_[8:16], np.s_[16:20]
STRENGTH = np.r_[np.ones(4), np.linspace(0.7, 1.3, 4), np.ones(4), np.linspace(0.7, 1.3, 4), np.ones(4)]
"""Of the drives, in each of the 20 worlds."""


@pytest.fixture(scope="module")
def world():
    """The robot 2 m over the ground, rolled, pitched and turned, its base welded to where it is."""
    config, ground = RobotConfig(), terrain.make(TerrainConfig())
    spec = assemble(config, ground)
    base = spec.body(config.base)
    base.pos, base.quat = [0, 0, 2], np.asarray(rotation.from_euler(*map(jnp.float32, (0.15, -0.25, 1.0))))
    held = spec.add_equality(type=mujoco.mjtEq.mjEQ_WELD, objtype=mujoco.mjtObj.mjOBJ_BODY, name1=config.base)
    held.solref, held.solimp[:2] = [0.01, 1], [0.99, 0.99]
    model = spec.compile()
    return World(model, read(model, config), ground)


@pytest.fixture(scope="module")
def paths(world):
    """Arm angles [T, W, 6] whose poses are the goals: eight rest, eight move, four are then put out of reach."""
    robot = world.robot
    random = np.random.default_rng(0)
    low, high = robot.lower[robot.arm] + 0.2, robot.upper[robot.arm] - 0.2
    default = np.clip(robot.default[robot.arm], low, high)
    ends = np.clip(default + random.uniform(-0.5, 0.5, (20, 6)), low, high)
    share = np.ones((STEPS, 20))
    share[:, MOVING] = 0.5 - 0.5 * np.cos(np.pi * np.arange(STEPS) * DT)[:, None]
    return default + share[..., None] * (ends - default)


@pytest.fixture(scope="module")
def loop(world, paths, quick):
    """3 s of it: distance (m) and angle (rad) to the goal [T, W], and the controller's reference [T, W, 6]."""
    robot, places, count = world.robot, find(world), paths.shape[1]
    kp, kd = robot.config.gains
    arm = robot.actuator[robot.arm]
    rows = np.repeat(arm, 2), np.tile([1, 2], 6)
    fields = (ModelField("actuator_gainprm", (arm, 0 * arm)), ModelField("actuator_biasprm", rows))
    gains = STRENGTH[:, None] * kp[robot.arm]
    bias = -np.stack([gains, STRENGTH[:, None] * kd[robot.arm]], -1).reshape(count, -1)
    engine = Engine(world, fields)
    joints = np.tile(robot.default, (count, 1)).astype(np.float32)
    qpos = np.tile(world.model.qpos0, (count, 1)).astype(np.float32)
    qpos[:, robot.qpos] = joints
    felt = Outcome(
        jnp.zeros((count, world.model.nsensordata)), jnp.zeros((count, world.model.nu)), jnp.zeros(count, bool)
    )

    def one(carry, angles):
        state, memory = carry
        seen = measure(world, places, state, felt)
        aim = measure(world, places, State(state.qpos.at[:, robot.qpos[robot.arm]].set(angles), state.qvel), felt)
        far = (jnp.arange(count) >= BEYOND.start)[:, None]
        place = jnp.where(far, aim.ee_place * 4, aim.ee_place)
        target, memory = reach.advance(robot, places, memory, seen, place, aim.ee_turn, DT)
        control = jnp.zeros((count, world.model.nu)).at[:, robot.actuator].set(joints)
        state, _ = engine.step(state, control.at[:, arm].set(target), (gains, bias), 4)
        after = measure(world, places, state, felt)
        turn = rotation.to_vector(rotation.multiply(rotation.conjugate(aim.ee_turn), after.ee_turn))
        off = jnp.linalg.norm(place - after.ee_place, axis=-1), jnp.linalg.norm(turn, axis=-1)
        return (state, memory), (place, *off, memory.reference)

    start = State(jnp.asarray(qpos), jnp.zeros((count, world.model.nv))), reach.start(robot, jnp.asarray(joints))
    (last, _), out = quick(lambda: jax.lax.scan(one, start, jnp.asarray(paths, jnp.float32)))()
    names = ("aim", "distance", "angle", "reference")
    return SimpleNamespace(last=last, **dict(zip(names, map(np.asarray, out), strict=True)))


def test_a_still_goal_is_reached(loop):
    late = np.s_[round(2 / DT) :, STILL]
    assert loop.distance[0, STILL].min() > 0.02, "it was there at once"
    assert loop.distance[late].max() < 0.005
    assert np.degrees(loop.angle[late].max()) < 2


def test_the_drives_come_to_rest(loop, world):
    robot = world.robot
    assert np.abs(loop.last.qvel[STILL, robot.qvel[robot.arm]]).max() < 0.1


def test_a_moving_goal_is_followed_without_lag(loop):
    """At up to 0.5 m/s; a lag of two control steps alone would be 2 cm."""
    speed = np.linalg.norm(np.diff(loop.aim[:, MOVING], axis=0), axis=-1) / DT
    assert 0.4 < speed.max() < 0.6
    assert loop.distance[:, MOVING].max() < 0.01
    assert np.degrees(loop.angle[:, MOVING].max()) < 2


def test_no_goal_leads_beyond_the_limits_of_the_joints(loop, world):
    robot = world.robot
    lower, upper = robot.lower[robot.arm], robot.upper[robot.arm]
    assert (loop.reference >= lower - 1e-6).all() and (loop.reference <= upper + 1e-6).all()
    beyond = loop.reference[:, BEYOND]
    assert (np.isclose(beyond, lower, atol=1e-6) | np.isclose(beyond, upper, atol=1e-6)).any()
    assert (loop.distance[-1, BEYOND] > 0.5).all()


def test_out_of_reach_it_settles_where_nothing_near_is_better(world, quick):
    """SciPy's bounded least squares, begun where it settles, finds nothing; joints are at their stops there."""
    robot, arm, random = world.robot, find(world).arm, np.random.default_rng(3)
    low, high, default = (x[robot.arm] for x in (robot.lower, robot.upper, robot.default))
    near = np.clip(default + random.uniform(-0.6, 0.6, (12, 6)), low, high)
    begin = jnp.tile(jnp.asarray(default, jnp.float32), (12, 1))
    pose = arms.pose(arm, jnp.asarray(near, jnp.float32))
    goal = np.array(pose.position) + random.uniform(-0.4, 0.4, (12, 3)), np.array(pose.rotation)
    weights = np.array([1.0] * 3 + [reach.TURNING] * 3)

    def off(place, turn, angles):
        found = arms.pose(arm, angles)
        turned = rotation.to_vector(rotation.multiply(turn, rotation.conjugate(found.rotation)))
        return weights * jnp.concatenate([place - found.position, turned], -1)

    def settle(place, turn):
        settled = jax.lax.fori_loop(0, 300, lambda _, now: reach.solve(arm, now, place, turn), begin)
        return settled, off(place, turn, settled)

    settled, ours = map(np.array, quick(settle)(*goal))
    assert (np.isclose(settled, low, atol=1e-6) | np.isclose(settled, high, atol=1e-6)).any(-1).sum() > 4
    assert (np.linalg.norm(ours, axis=-1) > 0.02).sum() > 4
    alone = quick(off)
    for i in range(len(settled)):
        row = [x[i : i + 1] for x in goal]
        found = least_squares(
            lambda angles, row=row: np.array(alone(*row, jnp.asarray(angles[None], jnp.float32)))[0],
            np.clip(settled[i], low + 1e-4, high - 1e-4),
            bounds=(low, high),
            diff_step=1e-3,
        )
        assert np.linalg.norm(ours[i]) < np.linalg.norm(found.fun) + 2e-3


def test_the_base_was_held(loop, world):
    np.testing.assert_allclose(loop.last.qpos[:, :7], np.tile(world.model.qpos0[:7], (20, 1)), atol=0.01)
